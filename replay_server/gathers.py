"""Copies of drawn rows: small ones are made at once, large ones while the event loop goes on.

Copying megabytes takes NumPy milliseconds, for which it needs no interpreter: so that is done on
threads, and meanwhile others insert, draw and are answered. Rows never change, but their slots are
used again; whoever is about to store others there waits until the copy is made. As a table has more
slots than rows, that is seldom.
"""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any, Final, Generic, TypeVar

import numpy as np

from replay_server.memory.arrays import Int64Array
from replay_server.memory.gathering import Gathering
from replay_server.memory.table import Table

__all__ = ["Gathered", "Gathers"]

_THREADED_FROM_BYTES: Final = 1 << 21

Columns = TypeVar("Columns")


class Gathered(Generic[Columns]):
    """A copy that was made, or is being made."""

    def __init__(self, columns: Columns | None, under_way: asyncio.Future[Columns] | None) -> None:
        """Take the columns, or what will be them."""
        self._columns = columns
        self._under_way = under_way

    async def columns(self) -> Columns:
        """Return the columns as soon as they are there. Raises MemoryError."""
        if self._under_way is not None:  # goes on, should the caller be cancelled
            return await asyncio.shield(self._under_way)
        assert self._columns is not None
        return self._columns


class Gathers:
    """Makes the copies."""

    def start(self, table: Table, gathering: Gathering[Columns], size: int) -> Gathered[Columns]:
        """Begin with a copy, on the event loop's thread, right after the draw.

        Args:
            table: whose rows they are.
            gathering: what to copy.
            size: bytes that there will be, about.
        """
        if size < _THREADED_FROM_BYTES or table.is_compressed:
            return Gathered(gathering.run(), None)
        reader = _Reader(gathering.slots)
        table.tell_of_overwriting(reader.wait_if_there)
        copy = self._threads.submit(gathering.run)
        copy.add_done_callback(reader.end)
        under_way = asyncio.wrap_future(copy)
        under_way.add_done_callback(lambda _: table.tell_no_more(reader.wait_if_there))
        return Gathered(None, under_way)

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(os.cpu_count(), "replay-gather")


class _Reader:
    """Reads rows at some slots, on a thread."""

    def __init__(self, slots: tuple[Int64Array, ...]) -> None:
        self._slots = slots
        self._is_done = threading.Event()

    def end(self, _: Future[Any]) -> None:
        """Let nobody wait any more."""
        self._is_done.set()

    def wait_if_there(self, slots: Int64Array) -> None:
        """Wait until all rows are read, if some of them lie at slots [N] that will be written."""
        if not self._is_done.is_set() and any(map(partial(_meet, slots), self._slots)):
            self._is_done.wait()


def _meet(some: Int64Array, others: Int64Array) -> bool:
    low, high = some.min(), some.max()
    near = others[(others >= low) & (others <= high)]
    return bool(near.size and np.isin(near, some).any())
