"""A tournament of slots: which comes first by value, and of equal ones, which is older.

Heaps, first-in-first-out and last-in-first-out are all the same tournament over another value. The
nodes lie as `replay_server.memory.tree_layout` draws them; a node holds the slot that wins its
block.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from replay_server.memory.arrays import Float64Array, Int64Array
from replay_server.memory.tree_layout import FANOUT, level_offsets, node_count

__all__ = ["OrderTree"]

_NOBODY: Final = -1


class OrderTree:
    """Slots in the order of (value, ordinal), smallest first.

    Attributes:
        ordinals: [slots] int64, of the index: the tie-breaker, lower is older. Not changed here.
    """

    def __init__(self, ordinals: Int64Array) -> None:
        """Make an order without anybody in it."""
        slots = len(ordinals)
        self.ordinals = ordinals
        self._values = np.zeros(slots)
        self._offsets = level_offsets(slots)
        # The leaves' own level is kept too: a slot that takes part holds its own number.
        self._winners = np.full(node_count(slots), _NOBODY, np.int64)

    @property
    def first(self) -> int:
        """The slot that comes first; -1 where nobody takes part."""
        return int(_winner(self._winners, int(self._offsets[-1]), self._values, self.ordinals))

    def enter(self, slots: Int64Array, values: Float64Array) -> None:
        """Let slots [N] take part with values [N]; of one slot given twice the last value counts.

        Cost: O(N log slots).
        """
        self._values[slots] = values
        _play(self._winners, self._offsets, self._values, self.ordinals, slots, True)

    def leave(self, slots: Int64Array) -> None:
        """Let slots [N] take part no more. Cost: O(N log slots)."""
        _play(self._winners, self._offsets, self._values, self.ordinals, slots, False)

    def first_ones(self, count: int) -> Int64Array:
        """Return the first `count` slots in order, or fewer where there are no more.

        Cost: O(count log slots).
        """
        found: list[int] = []
        while len(found) < count and (slot := self.first) != _NOBODY:
            found.append(slot)
            self.leave(np.array([slot]))
        slots = np.array(found, np.int64)
        self.enter(slots, self._values[slots])
        return slots

    def clear(self) -> None:
        """Let nobody take part any more."""
        self._winners[:] = _NOBODY


@njit(["int64(int64[::1], int64, float64[::1], int64[::1])"], cache=True, nogil=True)
def _winner(winners: Int64Array, block: int, values: Float64Array, ordinals: Int64Array) -> int:
    best = -1
    for child in range(FANOUT):
        slot = winners[block + child]
        if slot >= 0 and (
            best < 0
            or values[slot] < values[best]
            or (values[slot] == values[best] and ordinals[slot] < ordinals[best])
        ):
            best = slot
    return best


@njit(
    ["void(int64[::1], int64[::1], float64[::1], int64[::1], int64[::1], boolean)"],
    cache=True,
    nogil=True,
)
def _play(
    winners: Int64Array,
    offsets: Int64Array,
    values: Float64Array,
    ordinals: Int64Array,
    slots: Int64Array,
    takes_part: bool,
) -> None:
    count = slots.shape[0]
    parents = np.empty(count, np.int64)
    for i in range(count):
        winners[slots[i]] = slots[i] if takes_part else -1
        parents[i] = slots[i] // FANOUT
    for level in range(1, offsets.shape[0]):
        below = offsets[level - 1]
        here = offsets[level]
        for i in range(count):
            parent = parents[i]
            winners[here + parent] = _winner(winners, below + parent * FANOUT, values, ordinals)
            parents[i] = parent // FANOUT
