"""A table knows at little cost that its limiter would refuse, and never says so where it won't."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay_server.memory.errors import RateLimitedError
from replay_server.memory.rate_limiters import Queue, SampleToInsertRatio
from replay_server.memory.samplers import UniformSampler
from replay_server.memory.table import Table
from replay_server.memory.windows import Sequences, Transitions

KINDS = {
    "rows": {},
    "ranked": {"remover": "max_heap"},
    "queue": {"limiter": Queue(9)},
    "transitions": {"items": Transitions(n_step=2, discount=0.9, frame_stack=3)},
    "sequences": {"items": Sequences(length=4, period=2, pad=False)},
}


def make_table(kind: str, capacity: int = 12) -> Table:
    options = {"limiter": SampleToInsertRatio(1.0, 6, 5.0), **KINDS[kind]}
    return Table(capacity=capacity, sampler=UniformSampler(0.4, True, "batch"), seed=1, **options)


def steps(count: int, ends: bool) -> dict[str, np.ndarray]:
    last = np.zeros(count, np.bool_)
    last[-1] = ends
    return {
        "observation": np.zeros((count, 1), np.float32),
        "action": np.zeros(count, np.int64),
        "reward": np.zeros(count, np.float32),
        "is_first": np.zeros(count, np.bool_),
        "is_last": last,
        "is_terminal": np.zeros(count, np.bool_),
    }


INSERTS = st.tuples(st.just("insert"), st.integers(1, 8), st.booleans())
DRAWS = st.tuples(st.just("draw"), st.integers(1, 8), st.booleans())


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=60)
@given(st.lists(INSERTS | DRAWS, max_size=60))
def test_what_is_said_to_be_held_back_is_refused(kind, requests):
    table = make_table(kind)
    for verb, count, ends in requests:
        if verb == "insert":
            held, act = table.holds_back_insert(count), lambda n, e: table.insert(steps(n, e))
        else:
            held, act = table.holds_back_draw(count), lambda n, _: table.draw(n)
        try:
            act(count, ends)
            refused = False
        except RateLimitedError:
            refused = True

        assert refused or not held
        if verb == "insert" and not table.has_steps:
            assert held == refused


@pytest.mark.parametrize("kind", ["rows", "transitions"])
def test_that_a_full_table_refuses_an_insert_is_known(kind):
    table = make_table(kind, 30)
    refused = False
    while table.rows < 30 or not refused:
        try:
            table.insert(steps(1, ends=False))
            refused = False
        except RateLimitedError:
            refused = True
            if table.rows < 30:
                table.draw(1)

    assert table.holds_back_insert(1)


def ended(count: int) -> dict[str, np.ndarray]:
    return {**steps(count, False), "is_last": np.ones(count, np.bool_)}


def test_a_refused_insert_remembers_none_of_its_streams():
    table = make_table("transitions", capacity=200)
    table.insert(ended(60), streams=np.arange(100, 160))
    with pytest.raises(RateLimitedError):  # noqa: PT012
        while table.rows < 100:
            table.insert(steps(3, False))
    before, state = table.nbytes, table.state

    with pytest.raises(RateLimitedError):
        table.insert(steps(8, False), streams=np.array([0, 0, 0, 0, 1, 2, 3, 4]))

    assert table.nbytes == before
    assert table.state == state


def test_streams_that_have_ended_take_no_bytes():
    table = make_table("transitions", capacity=200)
    empty = table.nbytes
    table.insert(steps(3, False), streams=np.arange(3))
    three = table.nbytes

    table.insert(ended(40), streams=np.arange(100, 140))

    assert table.nbytes > empty
    assert table.nbytes - empty == (three - empty)
