"""Who is where: the keys and slots that new rows get, the rows that go, the items that come and go.

Three ways, one interface. `FifoOccupancy`: rows are items, and the oldest goes. `StepOccupancy`:
rows are steps, the oldest goes, and an item comes and goes with its window. `RankedOccupancy`, in a
module of its own: rows are items, and another remover says which goes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from replay_server.memory.arrays import (
    Allocate,
    BoolArray,
    Columns,
    Float64Array,
    Int64Array,
)
from replay_server.memory.episode_links import ITEM
from replay_server.memory.episodes import Episodes, NewSteps, WindowShape
from replay_server.memory.row_index import RowIndex

__all__ = [
    "Arrival",
    "FifoOccupancy",
    "NewRows",
    "Occupancy",
    "StepOccupancy",
]


@dataclass(frozen=True)
class NewRows:
    """What is known of rows that come in.

    Attributes:
        count: N of them.
        first_ordinal: rows that were inserted before.
        priorities: [N] float64, raw.
        columns: NAME -> [N, ...].
        writer: who inserts them; None is the anonymous writer.
        streams: [N] int64; None is stream 0 for all.
    """

    count: int
    first_ordinal: int
    priorities: Float64Array
    columns: Columns
    writer: str | None
    streams: Int64Array | None


@dataclass(frozen=True)
class Arrival:
    """What an insert did to the slots.

    Attributes:
        keys: [N] int64 of the new rows.
        slots: [N] int64 of them; of a row that another of the same insert pushed out, where it was.
        touched: [M] int64, the slots at which an item came or went, some perhaps twice.
    """

    keys: Int64Array
    slots: Int64Array
    touched: Int64Array


class Occupancy(Protocol):
    """Keeps the index's keys.

    Attributes:
        next_key: above every key ever issued.
        rows: how many there are.
        items: how many there are.
    """

    next_key: int
    rows: int

    @property
    def items(self) -> int:
        """How many items exist."""

    def items_after(self, rows: NewRows) -> int:
        """Return how many items there would be once new rows had come in."""

    def fewest_items_after(self, count: int) -> int:
        """Return how many items there are at the least once `count` rows have come in."""

    def admit(self, rows: NewRows) -> Arrival:
        """Give new rows keys and slots, one after another, each after one has gone if need be."""

    def remove(self, slots: Int64Array) -> Int64Array:
        """Let the rows at distinct slots [N] go; return the slots of the items that went along."""

    def remove_items(self, slots: Int64Array) -> None:
        """Let the items at distinct slots [N] go for good, with their rows where rows are items."""

    def are_items(self, slots: Int64Array) -> BoolArray:
        """Return whether an item is at each of the slots [N], which have all held rows."""

    def reprioritized(self, slots: Int64Array) -> None:
        """Take note that the raw priorities of the rows at slots [N] have changed."""

    def clear(self) -> None:
        """Let every row go."""

    def live_slots(self, after: int) -> Int64Array:
        """Return the slots of the rows with a key above `after`, by key."""

    def oldest_slots(self, after: int, limit: int) -> Int64Array:
        """Return the first `limit` of `live_slots`, or all where there are fewer."""

    @property
    def free(self) -> int:
        """How many rows can come in without taking the slot of a row that is there now."""

    @property
    def freed(self) -> int:
        """How many slots have ever been freed; slots are taken again in the order they were."""

    def next_slots(self, rows: int) -> Int64Array:
        """Return the slots that the next `rows` <= `free` rows would get."""

    def counters(self) -> list[int]:
        """Return what, beside the arrays, makes up its state."""

    def restore(self, counters: Sequence[int]) -> None:
        """Go on from what `counters` returned; the arrays are as they were then."""

    def raise_keys(self, floor: int) -> None:
        """Issue no key below `floor` from now on."""


class FifoOccupancy:
    """Rows are items; where there is no room the oldest goes.

    Keys grow by one a row, and no row is older than the last `capacity` keys. Where the counter had
    to jump (a restored table issues no key twice), rows from before go by their *positions*: the
    keys that they would have had. A row's slot is its position modulo the slots, as jumps are
    multiples of them.
    """

    _STRIDE = 65536

    def __init__(self, index: RowIndex, capacity: int, first_key: int) -> None:
        """Start without rows."""
        self.next_key = first_key
        self.rows = 0
        self._index = index
        self._capacity = capacity
        self._oldest = first_key
        self._eras = [(first_key, 0)]  # from that key on, position = key + shift

    @property
    def items(self) -> int:
        """How many items exist: as many as rows."""
        return self.rows

    def items_after(self, rows: NewRows) -> int:
        """Return the number of rows there would be. Cost: O(N)."""
        return self.fewest_items_after(rows.count)

    def fewest_items_after(self, count: int) -> int:
        """Return the number of rows there would be. Cost: O(count)."""
        return self.rows + count - len(self._leaving(count))

    def admit(self, rows: NewRows) -> Arrival:
        """Give new rows the next keys."""
        keys = self._next_keys(rows.count)
        gone = self._leaving(rows.count)
        self._index.remove(gone)
        slots = self._index.put(keys, rows.first_ordinal, rows.priorities)
        self._advance(rows.count)
        self.rows += rows.count - len(gone)
        return Arrival(keys, slots, np.concatenate((gone, slots)))

    def remove(self, slots: Int64Array) -> Int64Array:
        """Let rows go, each with its item."""
        self._index.remove(slots)
        self.rows -= len(slots)
        return slots

    def remove_items(self, slots: Int64Array) -> None:
        """Let rows go."""
        self.remove(slots)

    def are_items(self, slots: Int64Array) -> BoolArray:
        """Return whether the rows are there."""
        return self._index.keys[slots] >= 0

    def reprioritized(self, slots: Int64Array) -> None:
        """Nothing depends on priorities here."""

    def clear(self) -> None:
        """Let every row go; keys go on."""
        self._index.clear()
        self.rows = 0
        self._oldest = self.next_key

    def live_slots(self, after: int) -> Int64Array:
        """Return slots by key. Cost: O(capacity)."""
        return self._index.live_between(self._position_above(after), self.next_key)

    def oldest_slots(self, after: int, limit: int) -> Int64Array:
        """Return slots by key. Cost: O(limit) where few rows were deleted."""
        found: list[Int64Array] = [np.empty(0, np.int64)]
        count, first = 0, self._position_above(after)
        while count < limit and first < self.next_key:
            stop = min(first + max(limit, self._STRIDE), self.next_key)
            slots = self._index.live_between(first, stop)
            found.append(slots)
            count, first = count + len(slots), stop
        return np.concatenate(found)[:limit]

    @property
    def free(self) -> int:
        """How many rows can come in without taking the slot of a row that is there now."""
        return self._index.slots - (self.next_key - self._oldest)

    @property
    def freed(self) -> int:
        """How many slots have ever been freed."""
        return self._oldest

    def next_slots(self, rows: int) -> Int64Array:
        """Return the slots that the next rows would get."""
        return self._next_keys(rows) % self._index.slots

    def counters(self) -> list[int]:
        """Return the next key, the oldest position, the number of rows, and the eras."""
        return [self.next_key, self._oldest, self.rows, *itertools.chain(*self._eras)]

    def restore(self, counters: Sequence[int]) -> None:
        """Go on from there."""
        self.next_key, self._oldest, self.rows = counters[:3]
        self._eras = list(zip(counters[3::2], counters[4::2], strict=True))

    def raise_keys(self, floor: int) -> None:
        """Jump to the first key from `floor` on that lies where the next one would have lain."""
        slots = self._index.slots
        jump = -(-max(floor - self.next_key, 0) // slots) * slots
        if jump:
            self.next_key += jump
            self._oldest += jump
            self._eras = [(first, shift + jump) for first, shift in self._eras]
            self._eras.append((self.next_key, 0))

    def _position_above(self, after: int) -> int:
        """Return the position from which on the keys are above `after`."""
        position = self._oldest
        ends = [*(sum(era) for era in self._eras[1:]), self.next_key]
        for (first, shift), end in zip(self._eras, ends, strict=True):
            if first <= after + 1:
                position = min(after + 1 + shift, end)
        return max(position, self._oldest)

    def _next_keys(self, rows: int) -> Int64Array:
        return np.arange(self.next_key, self.next_key + rows)

    def _leaving(self, rows: int) -> Int64Array:
        """Return the slots of the rows that go when `rows` rows come in."""
        return self._index.live_between(self._oldest, self._floor(rows))

    def _floor(self, rows: int) -> int:
        """Return the oldest position that there may be once `rows` rows have come in."""
        return max(self._oldest, self.next_key + rows - self._capacity)

    def _advance(self, rows: int) -> None:
        self._oldest = self._floor(rows)
        self.next_key += rows
        while len(self._eras) > 1 and sum(self._eras[1]) <= self._oldest:
            del self._eras[0]


class StepOccupancy(FifoOccupancy):
    """Rows are steps: items come and go with their windows.

    Attributes:
        episodes: the links.
    """

    def __init__(
        self,
        index: RowIndex,
        capacity: int,
        first_key: int,
        shape: WindowShape,
        allocate: Allocate,
    ) -> None:
        """Start without steps."""
        super().__init__(index, capacity, first_key)
        self.episodes = Episodes(index, shape, allocate)

    @property
    def items(self) -> int:
        """How many windows are complete."""
        return self.episodes.items

    def items_after(self, rows: NewRows) -> int:
        """Return the number of windows that would be complete. Cost: that of `admit`."""
        return self.episodes.items_after(self._steps(rows))

    def fewest_items_after(self, count: int) -> int:
        """Return a lower bound: a step that goes takes those along whose history it is."""
        return self.items - len(self._leaving(count)) * (self.episodes.shape.history + 1)

    def admit(self, rows: NewRows) -> Arrival:
        """Link new steps to those before them in their streams."""
        keys = self._next_keys(rows.count)
        leaving = self._leaving(rows.count)
        touched, gone = self.episodes.append(self._steps(rows))
        slots = self._index.put(keys, rows.first_ordinal, rows.priorities)
        self._advance(rows.count)
        self.rows += rows.count - gone
        self._index.changes.touched(("keys", "flags"), leaving)
        self._index.changes.touched(("flags",), touched)
        self.episodes.report(rows.writer, rows.streams, slots)
        return Arrival(keys, slots, touched)

    def remove(self, slots: Int64Array) -> Int64Array:
        """Let steps go, and every item that needs one of them."""
        self.rows -= len(slots)
        touched = self.episodes.remove(slots)
        self._index.changes.touched(("keys", "flags"), slots)
        self._index.changes.touched(("flags",), touched)
        return touched

    def remove_items(self, slots: Int64Array) -> None:
        """Let items go for good; their steps stay."""
        self.episodes.flags[slots] &= np.uint8(255 - ITEM)
        self.episodes.items -= len(slots)
        self._index.changes.touched(("flags",), slots)

    def are_items(self, slots: Int64Array) -> BoolArray:
        """Return whether the windows of steps are complete."""
        are_items: BoolArray = (self.episodes.flags[slots] & ITEM) != 0
        return are_items

    def clear(self) -> None:
        """Let every step go, and begin every stream anew."""
        super().clear()
        self.episodes.clear()

    def counters(self) -> list[int]:
        """Return the number of items, and what there is of rows."""
        return [self.episodes.items, *super().counters()]

    def restore(self, counters: Sequence[int]) -> None:
        """Go on from there."""
        self.episodes.items = counters[0]
        super().restore(counters[1:])

    def _steps(self, rows: NewRows) -> NewSteps:
        flags = (np.array(rows.columns[name]) for name in ("is_first", "is_last", "is_terminal"))
        return NewSteps(
            self.next_key,
            self._capacity,
            rows.writer,
            np.zeros(rows.count, np.int64) if rows.streams is None else rows.streams,
            *flags,
        )
