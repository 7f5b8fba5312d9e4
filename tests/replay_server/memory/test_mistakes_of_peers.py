"""Mistakes that other replay buffers made, each with a test that it was not made here."""

import numpy as np
import pytest

from replay_server.memory.arrays import aligned_zeros
from replay_server.memory.errors import InvalidPriorityError
from replay_server.memory.rate_limiters import MinSize
from replay_server.memory.samplers import PrioritizedSampler
from replay_server.memory.sum_tree import SumTree
from replay_server.memory.table import Table
from replay_server.memory.windows import Sequences, Transitions


def make_table(*priorities: float, capacity=8, alpha=1.0, beta=1.0, normalize="batch") -> Table:
    sampler = PrioritizedSampler(alpha, beta, True, normalize)
    table = Table(capacity=capacity, sampler=sampler, limiter=MinSize(1), seed=0)
    if priorities:
        insert(table, *priorities)
    return table


def insert(table: Table, *priorities: float | None) -> np.ndarray:
    given = None if None in priorities else np.array(priorities)
    return table.insert({"x": np.zeros(len(priorities), np.int8)}, given)[0]


def priorities_of(table: Table) -> dict[int, float]:
    keys, priorities = table.keys_at(table.scan(-1, 10**6, "key")[0])
    return dict(zip(keys.tolist(), priorities.tolist(), strict=True))


def update(table: Table, **pairs: float) -> tuple[int, int]:
    keys = np.array([int(name[1:].split("_")[0]) for name in pairs])
    return table.update_priorities(keys, np.array(list(pairs.values())))


def test_float_drift_does_not_build_up_over_a_million_updates_of_131072_leaves():
    generator = np.random.default_rng(0)
    tree = SumTree(131_072, aligned_zeros)
    for _ in range(100):
        leaves = generator.integers(0, 131_072, 10_000)
        tree.set(leaves, generator.random(10_000) * 10.0 ** generator.integers(-6, 6, 10_000))

    fresh = SumTree(131_072, aligned_zeros)
    fresh.set(np.arange(131_072), tree.masses.copy())

    assert tree.total == fresh.total
    assert tree.total == pytest.approx(tree.masses.sum(), rel=1e-14)


def test_a_leaf_of_zero_mass_and_one_past_the_end_are_never_drawn():
    table = make_table(0.0, 1e-300, 0.0, 1e290, 0.0)

    assert set(table.draw(1000, 20).keys.flat) == {3}
    table.update_priorities(np.array([3]), np.array([0.0]))
    assert set(table.draw(1000, 20).keys.flat) == {1}


def test_a_target_that_rounds_up_to_the_total_draws_the_last_item_with_mass(monkeypatch):
    table = make_table(0.1, 0.2, 0.3, 0.0)

    class RoundsUp:
        def random(self, shape):
            return np.ones(shape)

    monkeypatch.setattr(table._drawing, "_generator", RoundsUp())

    assert table.draw(3).keys.tolist()[-1] == 2


def test_of_duplicates_in_one_update_the_last_wins():
    table = make_table(1.0, 1.0, 1.0)

    told = table.update_priorities(np.array([1, 0, 1, 1]), np.array([9.0, 2.0, 7.0, 4.0]))

    assert told == (4, 0)
    assert priorities_of(table) == {0: 2.0, 1: 4.0, 2: 1.0}
    assert table.priority_sum == 7.0


def test_an_update_after_the_slot_was_overwritten_does_not_touch_the_new_row():
    table = make_table(1.0, 1.0, capacity=2)
    for _ in range(15):  # every slot has had many rows since
        insert(table, 2.0, 2.0)

    told = table.update_priorities(np.arange(-5, 30), np.full(35, 9.0))

    assert told == (0, 35)
    assert priorities_of(table) == {30: 2.0, 31: 2.0}
    assert table.priority_sum == 4.0


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_alpha_is_applied_once(alpha):
    table = make_table(1.0, 4.0, alpha=alpha)
    update(table, k1=9.0)

    draw = table.draw(1000)

    expected = 9.0**alpha / (1.0 + 9.0**alpha)
    assert draw.probabilities[draw.keys == 1] == pytest.approx(expected)
    assert table.priority_sum == pytest.approx(1.0 + 9.0**alpha)


def test_raw_priorities_are_kept():
    table = make_table(0.3, 7.0, alpha=0.5)

    draw = table.draw(100)

    assert priorities_of(table) == {0: 0.3, 1: 7.0}
    assert set(draw.priorities.tolist()) == {0.3, 7.0}


def test_new_items_get_the_highest_priority_so_far():
    table = make_table(None)
    assert priorities_of(table) == {0: 1.0}

    insert(table, 5.0)
    update(table, k1=0.5)  # it never falls
    insert(table, None)

    assert priorities_of(table) == {0: 1.0, 1: 0.5, 2: 5.0}
    assert table.max_priority == 5.0


def test_new_items_get_one_while_all_others_were_lower():
    table = make_table(0.25)

    insert(table, None)

    assert priorities_of(table) == {0: 0.25, 1: 1.0}


def test_the_earlier_of_two_for_one_key_does_not_count_as_the_highest():
    table = make_table(1.0)

    table.update_priorities(np.array([0, 0]), np.array([50.0, 2.0]))

    assert table.max_priority == 2.0


def test_a_stale_update_does_not_count_as_the_highest():
    table = make_table(1.0)

    table.update_priorities(np.array([7, -1]), np.array([50.0, 60.0]))

    assert table.max_priority == 1.0


def test_n_in_the_weights_is_the_size_and_not_the_capacity():
    """Seen where N does not cancel: P is 1 / N, and a draw tells N."""
    table = make_table(2.0, 2.0, capacity=1000)

    draw = table.draw(2)

    assert draw.size == 2
    assert draw.probabilities.tolist() == [0.5, 0.5]
    assert ((draw.size * draw.probabilities) ** -1.0).tolist() == draw.weights.tolist()


@pytest.mark.parametrize("how", ["overwritten", "deleted", "updated", "reset"])
def test_p_min_forgets_evicted_leaves(how):
    table = make_table(0.5, 4.0, 4.0, 8.0, capacity=4, normalize="table")
    assert table.draw(100).weights.max() == 1.0

    if how == "overwritten":
        insert(table, 8.0)
    elif how == "deleted":
        table.delete(np.array([0]))
    elif how == "updated":
        update(table, k0=4.0)
    else:
        table.reset()
        insert(table, 4.0)  # not in the slot where 0.5 had been
    draw = table.draw(100)

    np.testing.assert_allclose(draw.weights, 4.0 / draw.priorities)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan, -1.0])
@pytest.mark.parametrize("alpha", [1e-310, 0.0, 1.0, 8.86e17])
def test_plus_infinity_is_refused_like_nan(alpha, bad):
    table = make_table(1.0, alpha=alpha)

    with pytest.raises(InvalidPriorityError):
        insert(table, bad)
    with pytest.raises(InvalidPriorityError):
        update(table, k0=bad)
    with pytest.raises(InvalidPriorityError):
        table.draw(1, update=(np.array([0]), np.array([bad])))

    assert np.isfinite(table.draw(2).probabilities).all()


@pytest.mark.parametrize(("alpha", "most"), [(1.0, 1e300 / 8), (2.0, (1e300 / 8) ** 0.5)])
def test_masses_that_might_add_up_to_infinity_are_refused(alpha, most):
    table = make_table(*[most * (1 - 1e-12)] * 8, alpha=alpha)

    with pytest.raises(InvalidPriorityError):
        insert(table, most * (1 + 1e-12))

    assert table.draw(4).probabilities == pytest.approx(1 / 8)


@pytest.mark.parametrize("items", [Transitions(2, 0.9, 3), Sequences(3, 1, True)])
def test_draws_do_not_write_to_the_rows(items):
    stored = {}

    def allocate(name, shape, dtype):
        stored[name] = aligned_zeros(name, shape, dtype)
        return stored[name]

    sampler = PrioritizedSampler(1.0, 1.0, True, "batch")
    table = Table(
        capacity=8, sampler=sampler, limiter=MinSize(1), items=items, seed=0, allocate=allocate
    )
    flags = np.zeros((3, 5), np.bool_)
    flags[0, 0] = flags[1:, -1] = True
    columns = {
        "observation": np.ones((5, 2), np.float32),
        "action": np.ones(5, np.int64),
        "reward": np.ones(5, np.float32),
        **dict(zip(("is_first", "is_last", "is_terminal"), flags, strict=True)),
    }
    table.insert(columns)
    for name, array in stored.items():
        if name.startswith("column/"):
            array.flags.writeable = False  # to write to it raises

    draw = table.draw(16)
    names = table.layout.names(list(columns))

    assert set(table.gathering(draw.slots, names).run()) == set(names)
    assert table.gathering_indexed(draw.slots, names).run().rows["observation"].min() == 1
