import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_server.memory.arrays import aligned_zeros
from replay_server.memory.sum_tree import SumTree

SIZES = [1, 7, 8, 9, 64, 65, 4097]
ADVERSARIAL = [0.0, 5e-324, 1e-310, 2.3e-308, 1e-300, 1e-17, 0.1, 1.0, 3.0, 1e16, 1e290]


def tree_of(masses: list[float] | np.ndarray) -> SumTree:
    tree = SumTree(len(masses), aligned_zeros)
    tree.set(np.arange(len(masses)), np.asarray(masses, np.float64))
    return tree


def recomputed_total(masses: np.ndarray) -> float:
    """The sum as the tree is to make it: eight by eight, from the left, level by level."""
    level = [float(mass) for mass in masses]
    while True:
        level += [0.0] * (-len(level) % 8)
        sums = []
        for first in range(0, len(level), 8):
            total = 0.0
            for mass in level[first : first + 8]:
                total += mass
            sums.append(total)
        if len(sums) == 1:
            return sums[0]
        level = sums


def test_find_returns_the_leaf_under_the_running_sum():
    tree = tree_of([3.0, 0.0, 2.0, 5.0])  # [0, 3) | nothing | [3, 5) | [5, 10)

    found = tree.find(np.array([0.0, 2.9, 3.0, 4.9, 5.0, 9.9]))

    assert found.tolist() == [0, 0, 2, 2, 3, 3]


@pytest.mark.parametrize("size", SIZES)
def test_find_agrees_with_a_search_in_the_cumulative_sum(size):
    generator = np.random.default_rng(size)
    masses = generator.integers(0, 5, size).astype(np.float64)
    masses[generator.integers(size)] = 1.0
    tree = tree_of(masses)
    targets = np.arange(0.0, masses.sum(), 0.25)

    found = tree.find(targets)

    expected = np.searchsorted(np.cumsum(masses), targets, side="right")
    np.testing.assert_array_equal(found, expected)
    assert tree.total == masses.sum()


@given(st.sampled_from(SIZES), st.data())
def test_any_interleaving_of_sets_agrees_with_the_slow_twin(size, data):
    tree, twin = SumTree(size, aligned_zeros), np.zeros(size)
    pairs = st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, 2**40)), max_size=20)

    for changes in data.draw(st.lists(pairs, min_size=1, max_size=6)):
        if changes:
            leaves, masses = map(np.array, zip(*changes, strict=True))
            tree.set(leaves, masses.astype(np.float64))
        for leaf, mass in changes:  # of one leaf given twice the last wins
            twin[leaf] = mass

        total = twin.sum()
        np.testing.assert_array_equal(tree.masses, twin)
        assert tree.total == total
        if total:
            targets = np.array([0.0, total / 3, total - 1, np.nextafter(total, 0.0)])
            expected = np.searchsorted(np.cumsum(twin), targets, side="right")
            np.testing.assert_array_equal(tree.find(targets), expected)


def test_duplicate_leaves_in_one_set_keep_the_last_mass():
    tree = SumTree(20, aligned_zeros)

    tree.set(np.array([9, 3, 9, 17, 9]), np.array([1.0, 2.0, 4.0, 8.0, 16.0]))

    assert tree.masses[9] == 16.0
    assert tree.total == 26.0


@given(
    st.lists(st.sampled_from(ADVERSARIAL) | st.floats(0.0, 1e290), min_size=1, max_size=80),
    st.lists(st.floats(0.0, 1.0), max_size=20),
)
def test_a_leaf_of_zero_mass_is_never_found(masses, fractions):
    tree = tree_of(masses)
    total = tree.total
    if total == 0.0:
        return
    edges = np.concatenate((np.cumsum(masses), np.array(fractions) * total, [0.0, total]))
    around = np.concatenate((edges, np.nextafter(edges, 0.0), np.nextafter(edges, np.inf)))
    targets = around[around < total]

    found = tree.find(targets)

    assert (found < len(masses)).all()
    assert (np.asarray(masses)[found] > 0.0).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mass", [5e-324, 1e-300, 0.1, 1.0, 1e290])
def test_a_target_next_below_the_total_finds_a_leaf_with_mass(size, mass):
    masses = np.full(size, mass)
    masses[size // 2 + 1 :] = 0.0
    tree = tree_of(masses)

    found = tree.find(np.array([np.nextafter(tree.total, 0.0)]))

    assert found[0] <= size // 2


def test_what_is_left_of_a_target_may_round_up_to_the_mass_of_the_block():
    """A tie in the sum, 1.5 + 1.5 ulp, and a tie in what is left, 1.5 - 0.5 ulp: both round up."""
    ulp = 2.0**-52
    tree = tree_of([1.5 * ulp, *[0.0] * 7, 1.5, *[0.0] * 7])
    assert tree.total == 1.5 + 2 * ulp

    found = tree.find(np.array([1.5 + ulp]))

    assert found.tolist() == [8]


def test_rounding_within_a_level_does_not_leave_the_leaf_that_was_found():
    """A million random targets over masses that do not add up exactly, half of them zero."""
    generator = np.random.default_rng(3)
    masses = generator.random(4097) ** 20
    masses[generator.random(4097) < 0.5] = 0.0
    tree = tree_of(masses)
    targets = np.minimum(generator.random(1_000_000) * tree.total, np.nextafter(tree.total, 0.0))

    found = tree.find(targets)

    assert (masses[found] > 0.0).all()
    after = np.cumsum(masses)[found]
    assert (targets <= after * (1 + 1e-12)).all()
    assert (targets >= (after - masses[found]) * (1 - 1e-12) - 1e-12).all()


@pytest.mark.parametrize("size", SIZES)
def test_a_million_float_updates_leave_no_drift_in_the_root(size):
    generator = np.random.default_rng(size)
    tree, twin = SumTree(size, aligned_zeros), np.zeros(size)

    for _ in range(250):
        leaves = generator.integers(0, size, 4_000)
        masses = generator.random(4_000) * 10.0 ** generator.integers(-8, 8, 4_000)
        tree.set(leaves, masses)
        twin[leaves] = masses

    np.testing.assert_array_equal(tree.masses, twin)
    assert tree.total == recomputed_total(twin)  # to the last bit
    tree.set(np.arange(size), np.zeros(size))
    assert tree.total == 0.0


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(10.0, id="the_total"),
        pytest.param(11.0, id="above"),
        pytest.param(-5e-324, id="negative"),
        pytest.param(np.nan, id="nan"),
        pytest.param(np.inf, id="infinity"),
    ],
)
def test_a_target_outside_the_masses_is_refused(target):
    tree = tree_of([4.0, 6.0])

    with pytest.raises(ValueError, match="targets"):
        tree.find(np.array([1.0, target, 2.0]))


def test_nothing_is_found_in_a_tree_without_mass():
    with pytest.raises(ValueError, match="targets"):
        SumTree(9, aligned_zeros).find(np.array([0.0]))
    assert SumTree(9, aligned_zeros).find(np.empty(0)).tolist() == []


def test_find_leaves_its_argument_as_it_was():
    tree, targets = tree_of(np.ones(100)), np.array([50.5, 3.0])

    tree.find(targets)

    assert targets.tolist() == [50.5, 3.0]


def test_clear_makes_every_mass_zero():
    tree = tree_of(np.ones(100))

    tree.clear()
    tree.set(np.array([70]), np.array([2.0]))

    assert tree.total == 2.0
    assert tree.find(np.array([0.0, 1.9])).tolist() == [70, 70]
