"""A table goes on elsewhere from its arrays and its state as if nothing had been."""

import copy
from typing import Any

import numpy as np
import pytest

from replay_server.memory.arrays import aligned_zeros
from replay_server.memory.rate_limiters import MinSize, SampleToInsertRatio
from replay_server.memory.samplers import OrderedSampler, PrioritizedSampler
from replay_server.memory.table import Table
from replay_server.memory.windows import Sequences, Transitions

PRIORITIZED = PrioritizedSampler(0.6, 0.4, True, "table")
KINDS: dict[str, dict[str, Any]] = {
    "rows": {},
    "rows_drawn_twice_at_most": {"max_times_sampled": 2},
    "uniform_remover": {"remover": "uniform"},
    "min_heap_remover": {"remover": "min_heap"},
    "heap": {"sampler": OrderedSampler("max_heap")},
    "ratio": {"limiter": SampleToInsertRatio(8.0, 1, 1e6)},
    "transitions": {"items": Transitions(2, 0.9, 2)},
    "transitions_drawn_twice": {"items": Transitions(1, 0.9, 1), "max_times_sampled": 2},
    "sequences": {"items": Sequences(3, 2, True)},
}


class Arrays:
    """An allocator that remembers what it has given out."""

    def __init__(self) -> None:
        self.by_name: dict[str, np.ndarray] = {}

    def __call__(self, name, shape, dtype):
        self.by_name[name] = aligned_zeros(name, shape, dtype)
        return self.by_name[name]


def make(kind: str) -> tuple[Table, Arrays]:
    arrays = Arrays()
    more = {"sampler": PRIORITIZED, "limiter": MinSize(1), **KINDS[kind]}
    return Table(capacity=40, seed=5, allocate=arrays, **copy.deepcopy(more)), arrays


def moved(kind: str, table: Table, arrays: Arrays) -> Table:
    """Return a new table with the arrays and the state of another."""
    other, others = make(kind)
    if table.signature is not None:
        other.fix_signature(table.signature)
    for name, array in arrays.by_name.items():
        if name != "sum_tree":
            others.by_name[name][:] = array
    other.restore(table.state)
    return other


def play(table: Table, rng: np.random.Generator, steps: int) -> list[Any]:
    """Do a random program and return all that was answered."""
    answers: list[Any] = []
    for number in range(steps):
        count = int(rng.integers(1, 12))
        columns = {
            "observation": rng.random((count, 2)),
            "action": rng.integers(0, 5, count),
            "reward": rng.random(count),
            "is_first": np.zeros(count, np.bool_),
            "is_last": rng.random(count) < 0.2,
        }
        columns["is_terminal"] = columns["is_last"] & (rng.random(count) < 0.5)
        streams = rng.integers(0, 3, count) if table.has_steps else None
        writer = (f"w{rng.integers(3)}", int(table.inserted_total))
        answers.append(table.insert(columns, None, writer, streams)[0])
        slots, _ = table.scan(-1, 100, "key")
        keys, priorities = table.keys_at(slots)
        chosen = rng.choice(keys, min(len(keys), 5))
        answers += [keys, priorities, table.update_priorities(chosen, rng.random(len(chosen)))]
        if table.size >= 3:
            draw = table.draw(3)
            names = table.layout.names(list(columns))
            answers += [draw.keys, draw.weights, draw.probabilities, draw.times_sampled, draw.ages]
            answers += list(table.gathering(draw.slots, names).run().values())
        if number % 4 == 3:
            answers.append(table.delete(rng.choice(keys, 2)))
        answers += [table.size, table.rows, table.max_priority, table.numbers]
        answers.append(table.sample_ages.quantiles())
    return answers


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_a_table_goes_on_elsewhere_as_if_nothing_had_been(kind: str, seed: int):
    table, arrays = make(kind)
    play(table, np.random.default_rng(seed), 12)

    other = moved(kind, table, arrays)

    there = play(other, np.random.default_rng(seed + 1), 12)
    here = play(table, np.random.default_rng(seed + 1), 12)
    assert len(here) == len(there)
    for one, two in zip(here, there, strict=True):
        np.testing.assert_equal(two, one)


@pytest.mark.parametrize("kind", ["rows", "uniform_remover", "transitions"])
def test_writers_are_remembered_elsewhere(kind: str):
    table, arrays = make(kind)
    play(table, np.random.default_rng(0), 5)

    other = moved(kind, table, arrays)

    for writer, sequence, keys in table.state.writers:
        np.testing.assert_array_equal(other.recall(writer, sequence), keys)


@pytest.mark.parametrize("kind", ["rows", "transitions", "min_heap_remover"])
def test_raised_keys_change_nothing_but_the_keys_of_new_rows(kind: str):
    table, arrays = make(kind)
    play(table, np.random.default_rng(1), 12)
    other = moved(kind, table, arrays)
    highest = table.next_key

    other.raise_keys(highest + 1000)

    here, there = (play(each, np.random.default_rng(2), 12) for each in (table, other))
    assert there[0].min() >= highest + 1000
    if kind != "min_heap_remover":
        assert len(set(there[0] - here[0])) == 1
    assert table.rows == other.rows
    np.testing.assert_equal(other.sample_ages.quantiles(), table.sample_ages.quantiles())


@pytest.mark.parametrize("kind", ["rows", "transitions"])
def test_scans_find_rows_of_before_and_after_raised_keys(kind: str):
    table, _ = make(kind)
    rng = np.random.default_rng(3)
    for jump in range(4):
        play(table, rng, 1 + jump)
        table.raise_keys(table.next_key + 7 * jump)
    everything, _ = table.keys_at(table.scan(-1, 100, "key")[0])

    assert (np.diff(everything) > 0).all()
    for after in [0, *everything, *(everything + 1), *(everything - 1), 10**9]:
        slots, more = table.scan(int(after), 7, "key")
        expected = everything[everything > after]
        np.testing.assert_array_equal(table.keys_at(slots)[0], expected[:7])
        assert more == (len(expected) > 7)
