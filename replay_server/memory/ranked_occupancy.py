"""Occupancy where it is not the oldest row that goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import numpy as np

from replay_server.memory.arrays import Allocate, BoolArray, Float64Array, Int64Array
from replay_server.memory.occupancy import Arrival, NewRows
from replay_server.memory.order_tree import OrderTree
from replay_server.memory.row_index import RowIndex

__all__ = ["RankedOccupancy", "RankedRemover"]

RankedRemover = Literal["lifo", "uniform", "min_heap", "max_heap"]


class RankedOccupancy:
    """Rows are items; where there is no room the remover's choice goes, never the row coming in.

    A slot that is free again is used last of all. The row that gets it is named by the next key of
    the same remainder above every key ever issued, so that a key's slot is still `key % slots`.
    """

    def __init__(
        self,
        index: RowIndex,
        capacity: int,
        first_key: int,
        remover: RankedRemover,
        generator: np.random.Generator,
        allocate: Allocate,
    ) -> None:
        """Start without rows; a uniform remover draws from `generator`."""
        self.next_key = first_key
        self.rows = 0
        self._index = index
        self._capacity = capacity
        self._remover = remover
        self._generator = generator
        self._order = None if remover == "uniform" else OrderTree(index.ordinals)
        self._free = cast("Int64Array", allocate("free", (index.slots,), np.dtype(np.int64)))
        self._free[:] = np.arange(index.slots)
        self._first_free = 0
        self._freed = 0

    @property
    def items(self) -> int:
        """How many items exist: as many as rows."""
        return self.rows

    def items_after(self, rows: NewRows) -> int:
        """Return the number of rows there would be."""
        return self.fewest_items_after(rows.count)

    def fewest_items_after(self, count: int) -> int:
        """Return the number of rows there would be."""
        return min(self.rows + count, self._capacity)

    def admit(self, rows: NewRows) -> Arrival:
        """Give new rows keys, one after another. Cost: some 30 us a row once the table is full."""
        keys, slots, gone = [], [], []
        position = 0
        while position < rows.count:
            room = self._capacity - self.rows
            if not room:
                victim = self._victim()
                self.remove(victim)
                gone.append(victim)
                room = 1
            stop = min(position + room, rows.count)
            some_keys, some_slots = self._put(rows, position, stop)
            keys.append(some_keys)
            slots.append(some_slots)
            position = stop
        all_slots = np.concatenate(slots)
        return Arrival(np.concatenate(keys), all_slots, np.concatenate((*gone, all_slots)))

    def remove(self, slots: Int64Array) -> Int64Array:
        """Let rows go, each with its item."""
        self._index.remove(slots)
        if self._order is not None:
            self._order.leave(slots)
        places = (self._first_free + self.free + np.arange(len(slots))) % len(self._free)
        self._free[places] = slots
        self._index.changes.touched(("free",), places)
        self.rows -= len(slots)
        self._freed += len(slots)
        return slots

    def remove_items(self, slots: Int64Array) -> None:
        """Let rows go."""
        self.remove(slots)

    def are_items(self, slots: Int64Array) -> BoolArray:
        """Return whether the rows are there."""
        return self._index.keys[slots] >= 0

    def reprioritized(self, slots: Int64Array) -> None:
        """Rank rows by their new priorities, where it is by priority that they are ranked."""
        if self._order is not None:
            self._order.enter(slots, self._ranks(slots))

    def clear(self) -> None:
        """Let every row go; keys go on."""
        self.remove(self.live_slots(-1))

    def live_slots(self, after: int) -> Int64Array:
        """Return slots by key. Cost: O(capacity log capacity)."""
        keys = self._index.keys
        live = self._index.live_between(0, self._index.slots)
        live = live[keys[live] > after]
        return live[np.argsort(keys[live])]

    def oldest_slots(self, after: int, limit: int) -> Int64Array:
        """Return slots by key. Cost: as `live_slots`."""
        return self.live_slots(after)[:limit]

    @property
    def free(self) -> int:
        """How many rows can come in without taking the slot of a row that is there now."""
        return len(self._free) - self.rows

    @property
    def freed(self) -> int:
        """How many slots have been freed since this object was made."""
        return self._freed

    def next_slots(self, rows: int) -> Int64Array:
        """Return the slots that the next rows would get."""
        return self._free[(self._first_free + np.arange(rows)) % len(self._free)]

    def counters(self) -> list[int]:
        """Return the next key, the number of rows, and where the free slots begin."""
        return [self.next_key, self.rows, self._first_free]

    def restore(self, counters: Sequence[int]) -> None:
        """Go on from there, and rank the rows."""
        self.next_key, self.rows, self._first_free = counters
        self.reprioritized(self.live_slots(-1))

    def raise_keys(self, floor: int) -> None:
        """Issue no key below `floor` from now on."""
        self.next_key = max(self.next_key, floor)

    def _put(self, rows: NewRows, start: int, stop: int) -> tuple[Int64Array, Int64Array]:
        """Give rows [start, stop) the slots that have been free longest, and keys of theirs."""
        count, all_slots = stop - start, self._index.slots
        slots = self.next_slots(count)
        self._first_free = (self._first_free + count) % all_slots
        keys = np.empty(count, np.int64)
        for i, slot in enumerate(slots.tolist()):
            keys[i] = self.next_key + (slot - self.next_key) % all_slots
            self.next_key = int(keys[i]) + 1
        self.rows += count
        self._index.put(keys, rows.first_ordinal + start, rows.priorities[start:stop])
        self.reprioritized(slots)
        return keys, slots

    def _victim(self) -> Int64Array:
        """Return the slot [1] of the row that the remover chooses."""
        if self._order is not None:
            return np.array([self._order.first])
        while True:  # of the slots few are free, so that one draw or two are enough
            slot = self._generator.integers(self._index.slots, size=1)
            if self._index.holds_rows(slot)[0]:
                return slot

    def _ranks(self, slots: Int64Array) -> Float64Array:
        """Return what the remover ranks rows by, the first to go lowest."""
        if self._remover == "min_heap":
            return self._index.priorities[slots]
        if self._remover == "max_heap":
            return -self._index.priorities[slots]
        return -self._index.ordinals[slots].astype(np.float64)
