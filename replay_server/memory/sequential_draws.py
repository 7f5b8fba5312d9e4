"""Draws made one after another: without replacement, or of items that go when drawn enough."""

from __future__ import annotations

import numpy as np
from numba import njit

from replay_server.memory.arrays import Float64Array, Int32Array, Int64Array
from replay_server.memory.sum_tree import SumTree
from replay_server.memory.tree_layout import FANOUT

__all__ = ["draw_sequentially"]


def draw_sequentially(
    tree: SumTree,
    uniforms: Float64Array,
    times_sampled: Int32Array,
    max_times_sampled: int,
    distinct: bool,
) -> tuple[Int64Array, Float64Array, Float64Array, Int32Array]:
    """Draw items in proportion to their masses, each from what the draws before have left.

    Args:
        tree: an item that may be drawn no more has no mass in it afterwards; a distinct one has
            its mass taken, too, and the caller gives it back.
        uniforms: [B] float64 in [0, 1).
        times_sampled: [slots] int32, counted up by one a draw.
        max_times_sampled: an item goes with its draw of that number; 0 is never.
        distinct: no item twice. Probabilities are then those before the first draw.

    Returns:
        slots [D] int64, probabilities [D] float64, masses [D] float64 as if the total had stayed
        what it was before the first draw, and times sampled [D] int32, the draw included; D < B
        where the mass ran out.

    Cost: O(B log slots).
    """
    found = np.empty(len(uniforms), np.int64)
    probabilities = np.empty(len(uniforms), np.float64)
    masses = np.empty(len(uniforms), np.float64)
    counts = np.empty(len(uniforms), np.int32)
    limit = max_times_sampled or np.iinfo(np.int32).max
    nodes, offsets = tree.arrays
    drawn = _draw(
        nodes,
        offsets,
        uniforms,
        times_sampled,
        limit,
        distinct,
        found,
        probabilities,
        masses,
        counts,
    )  # fmt: skip - what goes in, and what comes out
    return found[:drawn], probabilities[:drawn], masses[:drawn], counts[:drawn]


@njit(
    [
        "int64(float64[::1], int64[::1], float64[::1], int32[::1], int64, boolean, int64[::1],"
        " float64[::1], float64[::1], int32[::1])"
    ],
    cache=True,
    nogil=True,
    error_model="numpy",
)
def _draw(
    nodes: Float64Array,
    offsets: Int64Array,
    uniforms: Float64Array,
    times_sampled: Int32Array,
    limit: int,
    distinct: bool,
    found: Int64Array,
    probabilities: Float64Array,
    masses: Float64Array,
    counts: Int32Array,
) -> int:
    levels = offsets.shape[0]
    first_total = 0.0
    for i in range(uniforms.shape[0]):
        total = 0.0
        for child in range(FANOUT):
            total += nodes[offsets[levels - 1] + child]
        if total == 0.0:
            return i
        if i == 0:
            first_total = total
        target = min(uniforms[i] * total, np.nextafter(total, 0.0))
        leaf = 0
        for level in range(levels - 1, -1, -1):
            block = offsets[level] + leaf * FANOUT
            before, after, child = 0.0, nodes[block], 0
            while target >= after and child < FANOUT - 1:
                child += 1
                before = after
                after += nodes[block + child]
            mass = nodes[block + child]
            rest = target - before
            target = rest if rest < mass else np.nextafter(mass, 0.0)
            leaf = leaf * FANOUT + child
        found[i] = leaf
        probabilities[i] = nodes[leaf] / (first_total if distinct else total)
        masses[i] = nodes[leaf] * (1.0 if distinct else first_total / total)
        times_sampled[leaf] += 1
        counts[i] = times_sampled[leaf]
        if distinct or counts[i] >= limit:
            nodes[leaf] = 0.0
            parent = leaf // FANOUT
            for level in range(1, levels):
                block = offsets[level - 1] + parent * FANOUT
                total = 0.0
                for child in range(FANOUT):
                    total += nodes[block + child]
                nodes[offsets[level] + parent] = total
                parent //= FANOUT
    return len(uniforms)
