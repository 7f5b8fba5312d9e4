import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from replay_server.histograms import histogram, joined, scaled


def test_values_of_like_size_are_in_bins_of_equal_width():
    found = histogram(np.linspace(1.0, 2.0, 320))

    assert not found.is_logarithmic
    assert np.diff(found.edges) == pytest.approx(1 / 32)
    assert found.counts == [10] * 32


def test_values_of_many_sizes_are_in_bins_of_equal_ratio_without_those_that_are_0():
    found = histogram(np.append(np.geomspace(0.001, 1000.0, 3200), [0.0, 0.0]))

    assert found.is_logarithmic
    ratios = np.divide(found.edges[1:], found.edges[:-1])
    assert ratios == pytest.approx(ratios[0])
    assert (sum(found.counts), found.zeros, found.looked_at) == (3200, 2, 3202)


def test_few_whole_numbers_have_a_bin_each():
    found = histogram(np.array([3, 3, 4, 6]))

    assert found.edges == [3, 4, 5, 6, 7]
    assert found.counts == [2, 1, 0, 1]


def test_equal_values_are_in_one_bin():
    found = histogram(np.full(5, 1.5))

    assert (found.edges, found.counts) == ([1.5, 1.5], [5])


@pytest.mark.parametrize(("count", "zeros"), [(0, 0), (3, 3)])
def test_without_a_value_above_0_there_is_no_bin(count: int, zeros: int):
    found = histogram(np.zeros(count))

    assert (found.edges, found.counts, found.zeros) == ([], [], zeros)


FINITE = st.floats(0, 1e300, allow_subnormal=True)


@example([1.0, 1.0000000000000002, 1.0000000000000004])  # no room for 32 bins between them
@example([1, 2, 40])
@given(st.lists(FINITE, max_size=50) | st.lists(st.integers(0, 2**53), max_size=50))
def test_every_value_is_counted_once(values: list[float]):
    dtype = np.int64 if all(isinstance(value, int) for value in values) else np.float64

    found = histogram(np.array(values, dtype))

    left_out = found.zeros if found.is_logarithmic or not found.counts else 0
    assert sum(found.counts) + left_out == found.looked_at == len(values)
    assert len(found.edges) == (len(found.counts) + 1 if found.counts else 0)
    assert len(found.counts) == 1 or sorted(set(found.edges)) == found.edges


def test_histograms_of_parts_make_one_of_all():
    parts = [np.arange(1, 33), np.array([33, 34, 34]), np.array([0, 40])]

    found = joined([histogram(part) for part in parts])

    assert (found.zeros, found.looked_at, sum(found.counts)) == (1, 37, 37)
    assert not found.is_logarithmic
    assert (found.edges[0], found.edges[-1] >= 40) == (0, True)
    assert found.counts == histogram(np.concatenate(parts)).counts


def test_a_part_of_many_sizes_makes_all_logarithmic_and_zeros_are_in_no_bin():
    few, wide = np.array([0.0, 0.0, 5.0, 5.5]), np.geomspace(0.001, 1000.0, 64)

    found = joined([histogram(few), histogram(wide)])

    assert found.is_logarithmic
    assert (sum(found.counts), found.zeros, found.looked_at) == (66, 2, 68)
    assert found.edges[0] > 0


def test_parts_without_bins_add_their_zeros():
    found = joined([histogram(np.zeros(3)), histogram(np.full(5, 1.5)), histogram(np.zeros(0))])

    assert (found.edges, found.counts, found.zeros, found.looked_at) == ([1.5, 1.5], [5], 3, 8)
    assert joined([histogram(np.zeros(3))]).edges == []


def test_values_times_a_factor_lie_at_edges_times_it():
    found = scaled(histogram(np.array([3, 3, 4, 6])), 4)

    assert found.edges == [12, 16, 20, 24, 28]
    assert found.counts == [2, 1, 0, 1]
