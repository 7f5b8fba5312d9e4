import itertools
from collections import Counter

import numpy as np
import pytest

from replay_server.memory.arrays import aligned_zeros
from replay_server.memory.sequential_draws import draw_sequentially
from replay_server.memory.sum_tree import SumTree

MASSES = np.array([1.0, 0.0, 2.0, 5.0])


def make_tree(masses):
    tree = SumTree(len(masses), aligned_zeros)
    tree.set(np.arange(len(masses)), np.asarray(masses, np.float64))
    return tree


def draw(count, limit, distinct, generator, masses=MASSES):
    tree, times = make_tree(masses), np.zeros(len(masses), np.int32)
    return *draw_sequentially(tree, generator.random(count), times, limit, distinct), tree, times


def probability(order, limit):
    """Of drawing items in this order when each goes after `limit` draws, by enumeration."""
    masses, times, result = MASSES.copy(), Counter(), 1.0
    for item in order:
        result *= masses[item] / masses.sum() if masses[item] else 0.0
        times[item] += 1
        if times[item] == limit:
            masses[item] = 0.0
    return result


@pytest.mark.parametrize(("limit", "distinct"), [(1, False), (2, False), (0, True)])
def test_orders_come_as_often_as_enumeration_says(limit, distinct):
    generator, rounds = np.random.default_rng(7), 20_000

    counts = Counter(tuple(draw(3, limit, distinct, generator)[0].tolist()) for _ in range(rounds))

    orders = list(itertools.product(range(4), repeat=3))
    expected = {o: rounds * probability(o, 1 if distinct else limit) for o in orders}
    assert all(expected[order] > 0 for order in counts)
    likely = [order for order in orders if expected[order] > 5]
    chi_square = sum((counts[o] - expected[o]) ** 2 / expected[o] for o in likely)
    assert chi_square < len(likely) + 6 * np.sqrt(2 * len(likely))  # hardly ever


def test_probabilities_are_of_what_is_left_or_of_what_there_was():
    generator = np.random.default_rng(1)

    slots, probabilities, masses, *_ = draw(3, 1, False, generator)
    left = MASSES.sum() - np.concatenate(([0.0], np.cumsum(MASSES[slots])[:-1]))
    assert probabilities == pytest.approx(MASSES[slots] / left)
    assert masses == pytest.approx(probabilities * MASSES.sum())

    slots, probabilities, masses, *_ = draw(3, 0, True, generator)
    assert probabilities == pytest.approx(MASSES[slots] / MASSES.sum())
    assert masses.tolist() == MASSES[slots].tolist()


def test_it_ends_where_the_mass_does():
    slots, _, _, counts, tree, times = draw(9, 2, False, np.random.default_rng(2))

    assert sorted(slots.tolist()) == [0, 0, 2, 2, 3, 3]
    assert tree.total == 0.0
    assert times.tolist() == [2, 0, 2, 2]
    assert sorted(counts.tolist()) == [1, 1, 1, 2, 2, 2]


def test_the_tree_holds_what_is_left_without_drift():
    masses = np.random.default_rng(3).random(1000) ** 8
    slots, *_, tree, _ = draw(900, 1, False, np.random.default_rng(4), masses)

    left = masses.copy()
    left[slots] = 0.0
    assert len(np.unique(slots)) == 900
    assert (tree.masses[np.arange(1000)] == left).all()
    assert tree.total == pytest.approx(left.sum(), rel=1e-12)


@pytest.mark.parametrize("edge", [0.0, np.nextafter(1.0, 0.0)])
def test_the_edges_of_the_interval_draw_no_item_without_mass(edge):
    tree = make_tree([0.0, 3.0, 0.0, 1e-300, 0.0])

    slots, *_ = draw_sequentially(tree, np.full(2, edge), np.zeros(5, np.int32), 1, False)

    assert sorted(slots.tolist()) == [1, 3]
