"""Keys of a cluster: a row's key on its shard, with the shard's number in the low bits.

A shard knows its own keys only. 12 bits leave 41: each shard may issue 2.2e12 keys, and all of them
stay below 2**53.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_SHARDS", "SHARD_BITS", "Int64Array", "cluster_keys", "local_after", "split_keys"]

Int64Array: TypeAlias = NDArray[np.int64]

SHARD_BITS: Final = 12
MAX_SHARDS: Final = 1 << SHARD_BITS
_MASK: Final = MAX_SHARDS - 1


def cluster_keys(keys: NDArray[Any], shard: int) -> Int64Array:
    """Return keys [N] that a shard issued as those of the cluster, as a new array."""
    return (keys.astype(np.int64) << SHARD_BITS) | shard


def split_keys(keys: Int64Array) -> dict[int, tuple[Int64Array, Int64Array]]:
    """Return shard -> where in keys [N] of a cluster its own stand, and what they are there.

    Positions ascend, so that of one key given twice the last stays the last. Negative keys, which
    nobody issued, are left out.
    """
    shards = keys & _MASK
    shards[keys < 0] = -1
    return {
        int(shard): (positions, keys[positions] >> SHARD_BITS)
        for shard in np.unique(shards)
        if shard >= 0
        for positions in (np.flatnonzero(shards == shard),)
    }


def local_after(after: int, shard: int) -> int:
    """Return the key of a shard above which its rows have keys above `after` in the cluster."""
    return max((after - shard) >> SHARD_BITS, -1)
