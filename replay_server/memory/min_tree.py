"""The smallest mass above zero, kept while masses change: for weights normalized over the table."""

from __future__ import annotations

import numpy as np
from numba import njit

from replay_server.memory.arrays import Float64Array, Int64Array
from replay_server.memory.tree_layout import FANOUT, level_offsets, node_count

__all__ = ["MinTree"]


class MinTree:
    """The minimum over the leaves of a SumTree that have mass, kept in O(log leaves) a change."""

    def __init__(self, masses: Float64Array) -> None:
        """Make the tree over masses [leaves]. Cost: O(leaves)."""
        self._offsets = level_offsets(len(masses))
        self._nodes = np.full(node_count(len(masses)), np.inf)
        self.set(np.arange(len(masses)), masses)

    @property
    def minimum(self) -> float:
        """The smallest mass above zero; infinity where there is none."""
        return float(self._nodes[self._offsets[-1] :].min())

    def set(self, leaves: Int64Array, masses: Float64Array) -> None:
        """Set masses [B] at leaves [B]; of one leaf given twice the last wins.

        Cost: O(B log leaves). Arguments are not kept.
        """
        _set(self._nodes, self._offsets, leaves, masses)

    def clear(self) -> None:
        """Make every mass zero. Cost: O(leaves)."""
        self._nodes[:] = np.inf


@njit(["void(float64[::1], int64[::1], int64[::1], float64[::1])"], cache=True, nogil=True)
def _set(
    nodes: Float64Array, offsets: Int64Array, leaves: Int64Array, masses: Float64Array
) -> None:
    count = leaves.shape[0]
    parents = np.empty(count, np.int64)
    for i in range(count):
        nodes[leaves[i]] = masses[i] if masses[i] > 0.0 else np.inf
        parents[i] = leaves[i] // FANOUT
    for level in range(1, offsets.shape[0]):
        below = offsets[level - 1]
        here = offsets[level]
        last = np.int64(-1)
        for i in range(count):
            parent = parents[i]
            if parent != last:
                block = below + parent * FANOUT
                smallest = np.inf
                for child in range(FANOUT):
                    smallest = min(smallest, nodes[block + child])
                nodes[here + parent] = smallest
                last = parent
            parents[i] = parent // FANOUT
