import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_server.memory.arrays import aligned_zeros
from replay_server.memory.samplers import (
    PrioritizedSampler,
    UniformSampler,
    draw_leaves,
    priority_limit,
    raised,
)
from replay_server.memory.sum_tree import SumTree

LARGEST = np.finfo(np.float64).max


def tree_of(*masses: float) -> SumTree:
    tree = SumTree(len(masses), aligned_zeros)
    tree.set(np.arange(len(masses)), np.array(masses, np.float64))
    return tree


class Fixed(np.random.Generator):
    """A generator that always says the same number."""

    def __init__(self, number: float) -> None:
        super().__init__(np.random.PCG64(0))
        self.number = number

    def random(self, size):
        return np.full(size, self.number)


def test_mass_is_the_priority_raised_to_alpha():
    sampler = PrioritizedSampler(0.5, 0.4, True, "batch")

    assert sampler.masses(np.array([0.0, 4.0, 9.0])).tolist() == [0.0, 2.0, 3.0]


def test_alpha_zero_makes_all_alike_but_those_of_priority_zero():
    assert raised(np.array([0.0, -0.0, 0.5, 9.0]), 0.0).tolist() == [0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize("alpha", [0.0, 1e-310, 0.5, 1.0, 3.0, 1e308])
def test_priority_zero_has_no_mass_whatever_alpha_is(alpha):
    assert raised(np.zeros(2), alpha).tolist() == [0.0, 0.0]


def test_masses_are_a_new_array_also_where_alpha_is_one():
    priorities = np.array([1.0, 2.0])

    masses = PrioritizedSampler(1.0, 0.4, True, "batch").masses(priorities)
    masses[:] = 7.0

    assert priorities.tolist() == [1.0, 2.0]


def test_uniform_mass_is_one_whatever_the_priority():
    sampler = UniformSampler(0.4, True, "batch")

    assert sampler.masses(np.array([0.0, 4.0])).tolist() == [1.0, 1.0]
    assert sampler.exponent == 1.0


@pytest.mark.parametrize(
    ("alpha", "capacity", "limit"),
    [(1.0, 1, 1e300), (1.0, 10**6, 1e294), (2.0, 1, 1e150), (0.5, 1, LARGEST), (0.0, 5, LARGEST)],
)
def test_the_limit_is_where_the_mass_of_a_full_table_would_pass_1e300(alpha, capacity, limit):
    assert priority_limit(alpha, capacity) == pytest.approx(limit)


@given(
    st.floats(0.0, LARGEST) | st.sampled_from([5e-324, 1e-310, 8.86e17, 1e18, 7.0e17]),
    st.integers(1, 2**53 - 1),
)
def test_the_limit_is_finite_and_its_mass_within_bounds_for_every_alpha(alpha, capacity):
    limit = priority_limit(alpha, capacity)

    assert 1.0 <= limit <= LARGEST
    assert raised(np.array([limit]), alpha)[0] <= 1e300 / capacity


@given(st.integers(1, 70), st.integers(1, 4), st.integers(0, 2**32))
def test_stratified_draws_fall_each_into_its_stratum(batch_size, batches, seed):
    masses = [float(1 + leaf % 5) for leaf in range(50)]
    tree, edges = tree_of(*masses), np.cumsum([0.0, *masses])

    leaves = draw_leaves(tree, batch_size, batches, True, np.random.default_rng(seed))

    width = edges[-1] / batch_size
    for batch in leaves.reshape(batches, batch_size):
        for stratum, leaf in enumerate(batch):
            assert edges[leaf + 1] > stratum * width - 1e-9
            assert edges[leaf] < (stratum + 1) * width + 1e-9


def test_a_stratified_batch_of_as_many_draws_as_equal_items_has_each_once():
    leaves = draw_leaves(tree_of(*[2.0] * 8), 8, 3, True, np.random.default_rng(0))

    assert leaves.reshape(3, 8).tolist() == [list(range(8))] * 3


def test_without_strata_draws_repeat_and_are_in_no_order():
    leaves = draw_leaves(tree_of(*[2.0] * 8), 8, 50, False, np.random.default_rng(0))

    assert any(len(set(batch)) < 8 for batch in leaves.reshape(50, 8).tolist())
    assert any(batch != sorted(batch) for batch in leaves.reshape(50, 8).tolist())


@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize("number", [0.0, 0.5, 1.0 - 2**-53, 1.0])
@pytest.mark.parametrize("mass", [5e-324, 1e-310, 0.1, 3.0, 1e299])
def test_a_target_that_rounds_up_to_the_total_still_finds_a_leaf_with_mass(
    stratified, number, mass
):
    tree = tree_of(0.0, mass, mass, 0.0, 0.0)

    leaves = draw_leaves(tree, 3, 2, stratified, Fixed(number))

    assert set(leaves.tolist()) <= {1, 2}


def test_nothing_is_drawn_where_there_is_no_mass():
    with pytest.raises(ValueError, match="targets"):
        draw_leaves(tree_of(0.0, 0.0), 1, 1, True, np.random.default_rng(0))
