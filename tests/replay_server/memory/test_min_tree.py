import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_server.memory.min_tree import MinTree

SIZES = [1, 7, 8, 9, 64, 65, 4097]


def smallest_above_zero(masses: np.ndarray) -> float:
    return min((mass for mass in masses if mass > 0.0), default=np.inf)


@pytest.mark.parametrize("size", SIZES)
def test_the_minimum_is_that_of_the_masses_it_was_made_of(size):
    masses = np.random.default_rng(size).random(size) + 0.5

    assert MinTree(masses).minimum == masses.min()


@pytest.mark.parametrize("size", SIZES)
def test_there_is_no_minimum_without_mass(size):
    assert MinTree(np.zeros(size)).minimum == np.inf


@given(st.sampled_from(SIZES), st.data())
def test_any_interleaving_of_sets_agrees_with_the_slow_twin(size, data):
    twin = np.zeros(size)
    tree = MinTree(twin)
    mass = st.sampled_from([0.0, 5e-324, 0.5, 1e290]) | st.floats(0.0, 1e290)
    pairs = st.lists(st.tuples(st.integers(0, size - 1), mass), min_size=1, max_size=20)

    for changes in data.draw(st.lists(pairs, min_size=1, max_size=6)):
        leaves, masses = map(np.array, zip(*changes, strict=True))
        tree.set(leaves, masses)
        for leaf, value in changes:
            twin[leaf] = value

        assert tree.minimum == smallest_above_zero(twin)


def test_p_min_forgets_evicted_leaves():
    tree = MinTree(np.array([0.5, 2.0, 3.0]))

    tree.set(np.array([0]), np.array([0.0]))

    assert tree.minimum == 2.0


def test_p_min_rises_with_its_leaf():
    tree = MinTree(np.array([0.5, 2.0, 3.0]))

    tree.set(np.array([0]), np.array([2.5]))

    assert tree.minimum == 2.0


def test_clear_forgets_every_mass():
    tree = MinTree(np.ones(100))

    tree.clear()
    assert tree.minimum == np.inf
    tree.set(np.array([99]), np.array([7.0]))

    assert tree.minimum == 7.0
