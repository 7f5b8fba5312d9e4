import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_server.memory.arrays import aligned_zeros
from replay_server.memory.draws import Draw, record_draws
from replay_server.memory.row_index import RowIndex


def index_of(*priorities: float) -> RowIndex:
    """Keys 20, 21, ... in slots 0, 1, ...; ordinals from 100 on."""
    index = RowIndex(len(priorities), aligned_zeros)
    first = 20 * len(priorities)
    index.put(np.arange(first, first + len(priorities)), 100, np.array(priorities))
    return index


def record(slots, batch_size, masses, smallest=None, beta=1.0, index=None):
    masses = np.array(masses, np.float64)
    told = record_draws(
        np.array(slots),
        batch_size,
        index or index_of(*masses),
        masses,
        float(masses.sum()),
        smallest,
        beta,
        110,
    )
    return Draw(np.array(slots), *told, 0, 0, 0)


def test_what_is_told_of_a_draw():
    draw = record([2, 0], 2, [1.0, 2.0, 5.0])

    assert draw.keys.tolist() == [62, 60]
    assert draw.probabilities.tolist() == [5 / 8, 1 / 8]
    assert draw.priorities.tolist() == [5.0, 1.0]
    assert draw.ages.tolist() == [7, 9]  # of 110 rows those with ordinals 102 and 100
    np.testing.assert_allclose(draw.weights, [1 / 5, 1.0])


def test_times_sampled_counts_draw_by_draw_and_goes_on_in_the_next_batch():
    index = index_of(1.0, 2.0, 5.0)

    first = record([1, 1, 0, 1], 2, [1.0, 2.0, 5.0], index=index)
    second = record([1, 2], 2, [1.0, 2.0, 5.0], index=index)

    assert first.times_sampled.tolist() == [1, 2, 1, 3]
    assert second.times_sampled.tolist() == [4, 1]


def test_each_batch_is_weighted_by_itself():
    draw = record([2, 1, 2, 2], 2, [1.0, 2.0, 4.0])

    np.testing.assert_allclose(draw.weights, [0.5, 1.0, 1.0, 1.0])


def test_weights_over_the_table_are_against_its_smallest_mass():
    draw = record([2, 1, 2, 2], 2, [1.0, 2.0, 4.0], smallest=1.0)

    np.testing.assert_allclose(draw.weights, [0.25, 0.5, 0.25, 0.25])


@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0, 2.5])
def test_equal_items_weigh_one(beta):
    assert record([0, 1], 2, [3.0, 3.0], beta=beta).weights.tolist() == [1.0, 1.0]


def test_beta_zero_weighs_nothing():
    assert record([0, 1], 2, [5e-324, 1e290], beta=0.0).weights.tolist() == [1.0, 1.0]


@given(
    st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=20),
    st.floats(0.0, 2.0),
    st.booleans(),
    st.data(),
)
def test_weights_follow_the_formula_of_the_protocol(masses, beta, over_table, data):
    slots = data.draw(st.lists(st.integers(0, len(masses) - 1), min_size=1, max_size=8))

    draw = record(slots, len(slots), masses, min(masses) if over_table else None, beta)

    count, total = len(masses), sum(masses)
    raw = [(count * mass / total) ** -beta for mass in masses]
    highest = max(raw) if over_table else max(raw[slot] for slot in slots)
    expected = [raw[slot] / highest for slot in slots]
    np.testing.assert_allclose(draw.weights, expected, rtol=1e-6)
    np.testing.assert_allclose(draw.probabilities, [masses[slot] / total for slot in slots])


@pytest.mark.parametrize(
    ("small", "large", "beta", "weight"),
    [
        (1e-300, 1e290, 0.01, 10**-5.9),  # the quotient of the masses is no float64
        (1e-20, 1e290, 0.1, 1e-31),
        (5e-324, 5e-324, 1.0, 1.0),
        (1e-300, 1e290, 1.0, 0.0),  # below every float32
    ],
)
def test_weights_hold_over_huge_ranges_of_mass(small, large, beta, weight):
    draw = record([1, 0], 2, [small, large], beta=beta)

    np.testing.assert_allclose(draw.weights, [weight, 1.0], rtol=1e-5)


def test_several_batches_gain_a_leading_axis_and_one_does_not():
    draw = record([0, 1, 2, 0, 1, 2], 2, [1.0, 2.0, 4.0])
    names = ["slots", "keys", "probabilities", "weights", "priorities", "times_sampled", "ages"]

    assert draw.in_batches(1) is draw
    for name in names:
        np.testing.assert_array_equal(
            getattr(draw.in_batches(3), name), getattr(draw, name).reshape(3, 2), strict=True
        )
    assert record([0, 0], 1, [1.0]).in_batches(2).keys.shape == (2, 1)


def test_the_dtypes_are_those_of_the_protocol():
    draw = record([0], 1, [1.0])

    assert [
        getattr(draw, name).dtype.str
        for name in ("keys", "probabilities", "weights", "priorities", "times_sampled", "ages")
    ] == ["<i8", "<f8", "<f4", "<f8", "<i4", "<i8"]
