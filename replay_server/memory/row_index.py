"""What is known of each row beside its columns: key, age, priority, times sampled.

A key names a row for ever. Its slot is `key % slots`, and `keys[slot] == key` tells whether it is
still there: no map from keys to places is needed, and an update that comes too late can't hit the
row that took the place.
"""

from __future__ import annotations

from typing import Final, cast

import numpy as np
from numba import njit

from replay_server.memory.arrays import (
    Allocate,
    BoolArray,
    Float64Array,
    Int32Array,
    Int64Array,
)
from replay_server.memory.changes import Changes

__all__ = ["BYTES_A_SLOT", "GONE", "RowIndex", "live_slot"]

GONE: Final = -1
BYTES_A_SLOT: Final = 8 + 8 + 8 + 4


class RowIndex:
    """The state of every slot.

    Attributes:
        slots: how many there are.
        keys: [slots] int64; `GONE` or anything that is not of this slot where there is no row.
        ordinals: [slots] int64, how many rows had been inserted before this one.
        priorities: [slots] float64, raw.
        times_sampled: [slots] int32.
        changes: hears of every change of these arrays, and of others by the same slots.
    """

    def __init__(self, slots: int, allocate: Allocate, changes: Changes | None = None) -> None:
        """Make an index without rows."""
        self.slots = slots
        self.changes = changes or Changes()
        self.keys = cast("Int64Array", allocate("keys", (slots,), np.dtype(np.int64)))
        self.ordinals = cast("Int64Array", allocate("ordinals", (slots,), np.dtype(np.int64)))
        self.priorities = cast(
            "Float64Array", allocate("priorities", (slots,), np.dtype(np.float64))
        )
        self.times_sampled = cast(
            "Int32Array", allocate("times_sampled", (slots,), np.dtype(np.int32))
        )
        # Zero is no key of any other slot, so that fresh zeros mean "no row" without being written.
        self.keys[0] = GONE

    def put(self, keys: Int64Array, first_ordinal: int, priorities: Float64Array) -> Int64Array:
        """Enter new rows [N] in the order of insertion and return their slots [N]."""
        slots = keys % self.slots
        self.keys[slots] = keys
        self.ordinals[slots] = np.arange(first_ordinal, first_ordinal + len(keys))
        self.priorities[slots] = priorities
        self.times_sampled[slots] = 0
        self.changes.touched(("keys", "ordinals", "priorities", "times_sampled"), slots)
        return slots

    def prioritize(self, slots: Int64Array, priorities: Float64Array) -> None:
        """Set the raw priorities [N] of the rows at slots [N]; of equal slots the last wins."""
        self.priorities[slots] = priorities
        self.changes.touched(("priorities",), slots)

    def count_draws(self, slots: Int64Array) -> Int32Array:
        """Count a draw of each of slots [N] in turn; return the counts [N], each draw included."""
        counts = np.empty(len(slots), np.int32)
        _count_draws(self.times_sampled, slots, counts)
        self.changes.touched(("times_sampled",), slots)
        return counts

    def remove(self, slots: Int64Array) -> None:
        """Strike the rows at these slots [N] out."""
        self.keys[slots] = GONE
        self.changes.touched(("keys",), slots)

    def clear(self) -> None:
        """Strike every row out. Cost: O(slots)."""
        self.keys[:] = GONE
        self.changes.filled("keys", GONE)

    def holds_rows(self, slots: Int64Array) -> BoolArray:
        """Return whether there is a row at each of slots [N]."""
        keys = self.keys[slots]
        there: BoolArray = (keys >= 0) & (keys % self.slots == slots)  # a fresh zero is no key
        return there

    def live_between(self, first: int, stop: int) -> Int64Array:
        """Return the slots of positions first, ..., stop - 1 (modulo `slots`) that hold a row."""
        found = np.empty(max(stop - first, 0), np.int64)
        return found[: _live_between(self.keys, first, stop, found)]

    def find(self, keys: Int64Array) -> Int64Array:
        """Return the slots of those keys that are there, in their order; [M] of [N], M <= N.

        A key that is gone, or was never issued (a negative one, say), is left out.
        """
        found = np.empty(len(keys), np.int64)
        return found[: _find(self.keys, keys, np.empty(0, np.int64), found)]

    def find_with_positions(self, keys: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Return what `find` does, and the position in `keys` of each that was found."""
        found, positions = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
        count = _find(self.keys, keys, positions, found)
        return found[:count], positions[:count]


@njit(
    ["int64(int64[::1], int64[::1], int64[::1], int64[::1])"],
    cache=True,
    nogil=True,
)
def _find(present: Int64Array, keys: Int64Array, positions: Int64Array, found: Int64Array) -> int:
    count = 0
    for i in range(keys.shape[0]):
        key = keys[i]
        if key < 0:
            continue
        slot = key % present.shape[0]
        if present[slot] == key:
            found[count] = slot
            if positions.shape[0]:
                positions[count] = i
            count += 1
    return count


@njit(["int64(int64[::1], int64)"], cache=True, nogil=True)
def live_slot(keys: Int64Array, position: int) -> int:
    """Return the slot of a position, or -1 if no row is there."""
    slots = keys.shape[0]
    slot = position % slots
    return slot if keys[slot] >= 0 and keys[slot] % slots == slot else -1


@njit(["int64(int64[::1], int64, int64, int64[::1])"], cache=True, nogil=True)
def _live_between(keys: Int64Array, first: int, stop: int, found: Int64Array) -> int:
    count = 0
    for position in range(first, stop):
        slot = live_slot(keys, position)
        if slot >= 0:
            found[count] = slot
            count += 1
    return count


@njit(["void(int32[::1], int64[::1], int32[::1])"], cache=True, nogil=True)
def _count_draws(times_sampled: Int32Array, slots: Int64Array, counts: Int32Array) -> None:
    for i in range(slots.shape[0]):
        times_sampled[slots[i]] += 1
        counts[i] = times_sampled[slots[i]]
