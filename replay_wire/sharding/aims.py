"""The first level of a draw: which shard each target falls on, and where there.

The shards' masses, as they last told, lie end to end. A batch has a target in each of B equal parts
of their sum (or anywhere, where the table is not stratified), as in one table. A target falls on a
shard with probability `mass / sum of masses`, and within it anywhere alike.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from replay_wire.sharding.shard_keys import Int64Array

__all__ = ["Aims", "aim"]

Float64Array: TypeAlias = NDArray[np.float64]

Aims: TypeAlias = dict[int, tuple[Int64Array, Float64Array]]
"""Shard -> positions [n] of its draws in the whole, ascending, and targets [n] in [0, 1)."""

_BELOW_ONE = float(np.nextafter(1.0, 0.0))


def aim(
    masses: dict[int, float],
    batch_size: int,
    batches: int,
    stratified: bool,
    generator: np.random.Generator,
) -> Aims:
    """Return where draws fall; shards that none falls on are left out.

    Args:
        masses: shard -> its mass >= 0; the sum is above 0.
        batch_size: B.
        batches: K; draw b of batch k has position k * B + b.
        stratified: whether draw b falls into the b-th of B equal parts of the sum.
        generator: of the random numbers.
    """
    shards, sizes = np.array(list(masses), np.int64), np.array(list(masses.values()))
    ends = np.cumsum(sizes)
    points = generator.random(batch_size * batches)
    if stratified:
        points = (points + np.tile(np.arange(batch_size), batches)) / batch_size
    targets = np.minimum(points * ends[-1], np.nextafter(ends[-1], 0.0))
    found = np.searchsorted(ends, targets, side="right")
    within = (targets - (ends - sizes)[found]) / sizes[found]
    np.clip(within, 0.0, _BELOW_ONE, out=within)
    return {
        int(shards[place]): (positions, within[positions])
        for place in np.unique(found)
        for positions in (np.flatnonzero(found == place),)
    }
