"""Copies of drawn rows that are made on threads, while the event loop goes on."""

import asyncio
import threading

import numpy as np
import pytest

from replay_server.gathers import Gathers
from replay_server.memory.gathering import Gathering
from replay_server.memory.rate_limiters import MinSize
from replay_server.memory.samplers import UniformSampler
from replay_server.memory.table import Table

LARGE = 1 << 22


class HeldUp:
    """Something to gather that takes until it is let go."""

    def __init__(self, slots: list[int]) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()
        self.thread: int | None = None
        self.gathering = Gathering((np.array(slots),), self.run)

    def run(self) -> str:
        self.thread = threading.get_ident()
        self.began.set()
        assert self.may_end.wait(10)
        return "the columns"


@pytest.fixture
def table() -> Table:
    table = Table(
        capacity=4, sampler=UniformSampler(0.4, True, "batch"), limiter=MinSize(1), seed=0
    )
    table.insert({"x": np.arange(4)})
    return table


def test_small_copies_are_made_at_once_and_on_the_same_thread(table):
    threads = []

    def run() -> str:
        threads.append(threading.get_ident())
        return "the columns"

    gathered = Gathers().start(table, Gathering((np.array([0]),), run), 1000)
    assert threads == [threading.get_ident()]
    assert asyncio.run(gathered.columns()) == "the columns"


def test_the_loop_goes_on_while_a_large_copy_is_made(table):
    async def go_on() -> None:
        held_up = HeldUp([0])
        gathered = Gathers().start(table, held_up.gathering, LARGE)
        waiting = asyncio.create_task(gathered.columns())
        while not held_up.began.is_set():
            await asyncio.sleep(0)
        assert not waiting.done()
        held_up.may_end.set()
        assert await waiting == "the columns"
        assert held_up.thread != threading.get_ident()

    asyncio.run(go_on())


def test_rows_that_are_read_are_not_overwritten_before_the_copy_is_made(table):
    async def overwrite() -> None:
        held_up = HeldUp([2, 0])
        gathered = Gathers().start(table, held_up.gathering, LARGE)
        assert held_up.began.wait(10)
        overwritten = threading.Thread(target=reuse_first_slot, args=(table,))
        overwritten.start()
        overwritten.join(0.2)
        assert overwritten.is_alive()
        held_up.may_end.set()
        overwritten.join(10)
        assert not overwritten.is_alive()
        await gathered.columns()

    asyncio.run(overwrite())


def test_rows_elsewhere_are_stored_meanwhile(table):
    async def store() -> None:
        held_up = HeldUp([3])
        gathered = Gathers().start(table, held_up.gathering, LARGE)
        assert held_up.began.wait(10)
        reuse_first_slot(table)
        held_up.may_end.set()
        await gathered.columns()

    asyncio.run(store())


def reuse_first_slot(table: Table) -> None:
    """Insert until the first row's slot has another row."""
    first = table.keys_at(np.array([0]))[0][0]
    while table.keys_at(np.array([0]))[0][0] <= first:
        table.insert({"x": np.zeros(1, np.int64)})


def test_nobody_is_told_of_any_more_once_a_copy_is_made(table):
    async def copy() -> None:
        held_up = HeldUp([0])
        held_up.may_end.set()
        await Gathers().start(table, held_up.gathering, LARGE).columns()
        await asyncio.sleep(0)

    asyncio.run(copy())
    assert not table._storage.overwriting


def test_a_client_that_goes_leaves_its_copy_guarded_to_the_end(table):
    async def go() -> None:
        held_up = HeldUp([0])
        gathered = Gathers().start(table, held_up.gathering, LARGE)
        assert held_up.began.wait(10)
        waiting = asyncio.create_task(gathered.columns())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        overwritten = threading.Thread(target=reuse_first_slot, args=(table,))
        overwritten.start()
        overwritten.join(0.2)
        assert overwritten.is_alive()
        held_up.may_end.set()
        overwritten.join(10)
        assert not overwritten.is_alive()

    asyncio.run(go())


def test_a_copy_that_fails_says_so_and_holds_nobody_up(table):
    def run() -> str:
        raise MemoryError

    async def fail() -> None:
        gathered = Gathers().start(table, Gathering((np.array([0]),), run), LARGE)
        with pytest.raises(MemoryError):
            await gathered.columns()
        reuse_first_slot(table)

    asyncio.run(fail())
