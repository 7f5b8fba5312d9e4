import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_server.memory.arrays import aligned_zeros
from replay_server.memory.draws import Draw, importance_weights
from replay_server.memory.row_index import RowIndex


def weights(slots, batch_size, masses, smallest=None, beta=1.0):
    drawn = np.array(masses, np.float64)[np.array(slots)]
    return importance_weights(drawn, batch_size, beta, smallest)


def test_times_sampled_counts_draw_by_draw_and_goes_on_in_the_next_batch():
    index = RowIndex(3, aligned_zeros)

    first = index.count_draws(np.array([1, 1, 0, 1]))
    second = index.count_draws(np.array([1, 2]))

    assert first.tolist() == [1, 2, 1, 3]
    assert second.tolist() == [4, 1]
    assert first.dtype == np.int32


def test_each_batch_is_weighted_by_itself():
    told = weights([2, 1, 2, 2], 2, [1.0, 2.0, 4.0])

    np.testing.assert_allclose(told, [0.5, 1.0, 1.0, 1.0])


def test_weights_over_the_table_are_against_its_smallest_mass():
    told = weights([2, 1, 2, 2], 2, [1.0, 2.0, 4.0], smallest=1.0)

    np.testing.assert_allclose(told, [0.25, 0.5, 0.25, 0.25])


@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0, 2.5])
def test_equal_items_weigh_one(beta):
    assert weights([0, 1], 2, [3.0, 3.0], beta=beta).tolist() == [1.0, 1.0]


def test_beta_zero_weighs_nothing():
    assert weights([0, 1], 2, [5e-324, 1e290], beta=0.0).tolist() == [1.0, 1.0]


@given(
    st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=20),
    st.floats(0.0, 2.0),
    st.booleans(),
    st.data(),
)
def test_weights_follow_the_formula_of_the_protocol(masses, beta, over_table, data):
    slots = data.draw(st.lists(st.integers(0, len(masses) - 1), min_size=1, max_size=8))

    told = weights(slots, len(slots), masses, min(masses) if over_table else None, beta)

    count, total = len(masses), sum(masses)
    raw = [(count * mass / total) ** -beta for mass in masses]
    highest = max(raw) if over_table else max(raw[slot] for slot in slots)
    expected = [raw[slot] / highest for slot in slots]
    np.testing.assert_allclose(told, expected, rtol=1e-6)


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
    told = weights([1, 0], 2, [small, large], beta=beta)

    np.testing.assert_allclose(told, [weight, 1.0], rtol=1e-5)


def drawn(count: int) -> Draw:
    numbers = np.arange(count)
    return Draw(
        slots=numbers,
        keys=numbers + 10,
        probabilities=numbers / 2,
        weights=numbers.astype(np.float32),
        priorities=numbers * 3.0,
        times_sampled=numbers.astype(np.int32),
        ages=numbers + 20,
        size=9,
        updated=1,
        stale=2,
        spent=np.array([5]),
    )


def test_several_batches_gain_a_leading_axis_and_one_does_not():
    draw = drawn(6)
    names = ["slots", "keys", "probabilities", "weights", "priorities", "times_sampled", "ages"]

    assert draw.in_batches(1) is draw
    for name in names:
        np.testing.assert_array_equal(
            getattr(draw.in_batches(3), name), getattr(draw, name).reshape(3, 2), strict=True
        )
    assert drawn(2).in_batches(2).keys.shape == (2, 1)
    assert draw.in_batches(3).spent.tolist() == [5]
