"""Updates split by shard: each gets those of its own keys."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from replay_wire.arrays import Array
from replay_wire.errors import ErrorCode, InvalidMessageError
from replay_wire.messages import PriorityUpdate
from replay_wire.sharding.asks import RefusalError, refusal
from replay_wire.sharding.shard_keys import Int64Array, split_keys
from replay_wire.specs import PrioritizedSampler, TableSpec

__all__ = ["Split", "checked_keys", "split_update"]

Split: TypeAlias = dict[int, tuple[Int64Array, NDArray[Any]]]
"""Shard -> its own keys [n] and priorities [n]; -1 for keys that nobody issued."""

_LARGEST_MASS = 1e300


def split_update(spec: TableSpec, update: PriorityUpdate | None, where: str) -> Split:
    """Return an update's keys and priorities by shard, after checking all of it.

    A shard would refuse what is wrong as well, but others have made their part by then.

    Raises:
        RefusalError: keys are no int64 [B], priorities no numbers [B], or one is out of range.
    """
    if update is None:
        return {}
    keys = checked_keys(update.keys, f"{where}keys")
    priorities = _array(update.priorities, f"{where}priorities")
    if priorities.dtype.kind not in "iuf" or priorities.shape != keys.shape:
        raise _invalid(f"{where}priorities", f"expected numbers of shape [{len(keys)}]")
    alpha = spec.sampler.alpha if isinstance(spec.sampler, PrioritizedSampler) else 1.0
    as_floats = priorities.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        is_good = (
            np.isfinite(as_floats)
            & (as_floats >= 0.0)
            & (np.power(np.abs(as_floats), alpha) <= _LARGEST_MASS / spec.capacity)
        )
    if not is_good.all():
        position = int(np.flatnonzero(~is_good)[0])
        raise refusal(
            ErrorCode.BAD_PRIORITY,
            f"priority {as_floats[position]} at index {position}: expected a finite number from 0",
            position=position,
        )
    split: Split = {
        shard: (local, priorities[positions])
        for shard, (positions, local) in split_keys(keys).items()
    }
    if (keys < 0).any():
        split[-1] = (keys[keys < 0], priorities[keys < 0])
    return split


def checked_keys(keys: Array, field: str) -> Int64Array:
    """Return keys [B]. Raises RefusalError where they are no int64 [B]."""
    found = _array(keys, field)
    if found.dtype != np.int64 or found.ndim != 1:
        raise _invalid(field, f"expected <i8 of shape [B], got {keys.dtype} of {list(keys.shape)}")
    return found


def _array(array: Array, field: str) -> NDArray[Any]:
    try:
        return array.to_numpy(field)
    except InvalidMessageError as error:
        raise refusal(ErrorCode.INVALID_REQUEST, str(error), field=error.field) from error


def _invalid(field: str, reason: str) -> RefusalError:
    return refusal(ErrorCode.INVALID_REQUEST, f"{field}: {reason}", field=field)
