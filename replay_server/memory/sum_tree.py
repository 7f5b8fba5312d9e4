"""The sum tree: masses at the leaves, and the leaf at a point of their running sum.

Parents are recomputed from their children, never moved by differences, so that they do not drift.
A node is the sum of its block from left to right, and the search adds up a block in that same
order: the two agree to the last bit, which is what keeps a leaf of zero mass from being found.

The masses lie in natural order; `replay_server.memory.tree_layout` shows the nodes above them.
Source: Schaul et al., Prioritized Experience Replay (arXiv 1511.05952), appendix B.2.1.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numba import njit

from replay_server.memory.arrays import Allocate, Float64Array, Int64Array
from replay_server.memory.prefetch import prefetch
from replay_server.memory.tree_layout import FANOUT, level_offsets, node_count

__all__ = ["SumTree"]


class SumTree:
    """Non-negative float64 masses with their sum, changed and searched in O(log leaves).

    Attributes:
        leaves: how many there are.
        masses: [leaves] float64, a view to read. Change it by `set` only.
    """

    def __init__(self, leaves: int, allocate: Allocate) -> None:
        """Make a tree of zero masses."""
        self.leaves = leaves
        self._offsets = level_offsets(leaves)
        self._nodes = cast(
            "Float64Array", allocate("sum_tree", (node_count(leaves),), np.dtype(np.float64))
        )
        self.masses: Float64Array = self._nodes[:leaves]

    @property
    def total(self) -> float:
        """The sum of all masses."""
        return float(_total(self._nodes, self._offsets))

    @property
    def arrays(self) -> tuple[Float64Array, Int64Array]:
        """The nodes and where each level of them begins, for kernels that change masses in turn."""
        return self._nodes, self._offsets

    def set(self, leaves: Int64Array, masses: Float64Array) -> None:
        """Set masses [B] at leaves [B]; of one leaf given twice the last wins.

        Cost: O(B log leaves), level by level. Arguments are not kept.
        """
        _set(self._nodes, self._offsets, leaves, masses)

    def clear(self) -> None:
        """Make every mass zero. Cost: O(leaves)."""
        self._nodes[:] = 0.0

    def find(self, targets: Float64Array) -> Int64Array:
        """Return the leaf under which each target falls in the running sum of masses.

        Leaf i answers for targets in [sum(mass[:i]), sum(mass[:i + 1])), so a leaf of zero mass is
        never returned.

        Args:
            targets: [B] float64, each in [0, total). Not changed.

        Returns:
            [B] int64 leaf indices.

        Raises:
            ValueError: some target is negative, not below the total, or NaN.

        Cost: O(B log leaves), all targets through a level before the next, so that memory is
        fetched for many at once.
        """
        found = np.empty(len(targets), np.int64)
        if not _find(self._nodes, self._offsets, targets.copy(), found):
            raise ValueError(f"targets must lie in [0, {self.total})")
        return found


@njit(["float64(float64[::1], int64)"], cache=True, nogil=True)
def _sum_of_block(nodes: Float64Array, block: int) -> float:
    total = 0.0
    for child in range(FANOUT):
        total += nodes[block + child]
    return total


@njit(["float64(float64[::1], int64[::1])"], cache=True, nogil=True)
def _total(nodes: Float64Array, offsets: Int64Array) -> float:
    return _sum_of_block(nodes, offsets[-1])


@njit(["void(float64[::1], int64[::1], int64[::1], float64[::1])"], cache=True, nogil=True)
def _set(
    nodes: Float64Array, offsets: Int64Array, leaves: Int64Array, masses: Float64Array
) -> None:
    count = leaves.shape[0]
    parents = np.empty(count, np.int64)
    for i in range(count):
        prefetch(nodes, leaves[i])
    for i in range(count):
        nodes[leaves[i]] = masses[i]
        parents[i] = leaves[i] // FANOUT
    for level in range(1, offsets.shape[0]):
        below = offsets[level - 1]
        here = offsets[level]
        nodes_here = (here - below) // FANOUT
        if nodes_here <= count:  # most of them would be computed, and some many times
            for node in range(nodes_here):
                nodes[here + node] = _sum_of_block(nodes, below + node * FANOUT)
            continue
        last = np.int64(-1)
        for i in range(count):
            parent = parents[i]
            if parent != last:  # neighbours share their parents: a range costs an eighth a level
                nodes[here + parent] = _sum_of_block(nodes, below + parent * FANOUT)
                last = parent
            parents[i] = parent // FANOUT


@njit(["boolean(float64[::1], int64[::1], float64[::1], int64[::1])"], cache=True, nogil=True)
def _find(
    nodes: Float64Array, offsets: Int64Array, targets: Float64Array, found: Int64Array
) -> bool:
    """Move every target down a level at a time; `targets` become what is left within the child.

    Returns:
        Whether all of them lie in [0, total); if not, nothing is found.

    A child is chosen by comparing with the whole block: which one it is can't be foretold, and a
    loop that ends there would have the processor guess wrong at every other step.
    """
    count = targets.shape[0]
    total = _total(nodes, offsets)
    for i in range(count):
        if not 0.0 <= targets[i] < total:
            return False
    found[:] = 0
    for level in range(offsets.shape[0] - 1, -1, -1):
        here = offsets[level]
        below = offsets[max(level - 1, 0)]
        for i in range(count):
            block = here + found[i] * FANOUT
            target = targets[i]
            before, after, child = 0.0, nodes[block], 0
            for right in range(1, FANOUT):
                lies_right = target >= after
                before = after if lies_right else before
                child += lies_right
                after += nodes[block + right]
            # target < the sum up to the child, but not < that before it, hence the child has mass;
            # what is left of the target may round up to that mass, which the step to the next
            # smaller number undoes.
            mass = nodes[block + child]
            rest = target - before
            targets[i] = rest if rest < mass else np.nextafter(mass, 0.0)
            found[i] = found[i] * FANOUT + child
            prefetch(nodes, below + found[i] * FANOUT)
    return True
