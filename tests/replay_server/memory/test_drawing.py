import copy

import numpy as np
import pytest

from replay_server.memory.drawing import Undo
from replay_server.memory.rate_limiters import Queue, SampleToInsertRatio
from replay_server.memory.samplers import OrderedSampler, PrioritizedSampler, UniformSampler
from replay_server.memory.table import Table

SAMPLERS = [
    PrioritizedSampler(1.0, 0.4, True, "table"),
    PrioritizedSampler(1.0, 0.4, False, "batch", replacement=False),
    UniformSampler(0.4, True, "batch"),
    OrderedSampler("fifo"),
    OrderedSampler("max_heap"),
]


def make_table(sampler, limit=2, limiter=None):
    table = Table(
        capacity=20,
        sampler=sampler,
        limiter=limiter or SampleToInsertRatio(1.0, 1, 1000.0),
        max_times_sampled=limit,
        seed=5,
    )
    table.insert({"x": np.arange(8)}, np.arange(1.0, 9.0))
    return table


def state(table):
    index = table._index
    return (
        index.keys.tolist(), index.priorities.tolist(), index.times_sampled.tolist(),
        table._priorities.tree.masses[np.arange(index.slots)].tolist(), table.size, table.rows,
        table.max_priority, table.sampled_total, table.updated_total, copy.copy(table.limiter),
        table._drawing._generator.bit_generator.state,
    )  # fmt: skip


def try_draw(table, undo, count=3, update=None):
    return table.try_draw(count, 2, beta=None, normalize=None, update=update, undo=undo)


@pytest.mark.parametrize("limit", [0, 1, 2])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_draws_that_are_taken_back_leave_nothing(sampler, limit):
    table, twin = make_table(sampler, limit), make_table(sampler, limit)
    before, undo = state(table), Undo()

    try_draw(table, undo, 2, (np.array([0, 7, 99]), np.array([50.0, 0.5, 1.0])))
    try_draw(table, undo, 1, (np.array([0]), np.array([70.0])))
    undo.roll_back()

    assert state(table) == before
    draw, other = table.draw(2, 2), twin.draw(2, 2)
    assert draw.keys.tolist() == other.keys.tolist()
    assert draw.weights.tolist() == other.weights.tolist()


def test_what_an_unsettled_draw_used_up_does_not_come_back_with_an_update():
    table, undo = make_table(OrderedSampler("max_heap"), 1), Undo()

    first = try_draw(table, undo, 1)
    second = try_draw(table, undo, 1, (first.keys.reshape(-1), np.array([90.0, 90.0])))
    for draw in (first, second):
        table.settle(draw)

    assert first.keys.tolist() == [[7], [6]]
    assert second.keys.tolist() == [[5], [4]]
    assert (second.updated, second.stale, second.size) == (0, 2, 6)
    assert (table.size, table.rows) == (4, 4)


def test_a_queue_counts_what_is_drawn_but_not_settled():
    table, undo = make_table(OrderedSampler("fifo"), 1, Queue(8)), Undo()

    try_draw(table, undo, 3)

    assert table.size == 2
    undo.roll_back()
    assert table.size == 8
