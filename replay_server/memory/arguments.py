"""Arrays that callers hand in, checked and copied into the forms that the kernels take."""

from __future__ import annotations

import numpy as np

from replay_server.memory.arrays import AnyArray, Float64Array, Int64Array
from replay_server.memory.errors import InvalidArgumentError, InvalidPriorityError

__all__ = ["checked_keys", "checked_priorities"]


def checked_keys(keys: AnyArray, field: str) -> Int64Array:
    """Return keys [B] as an int64 copy.

    Raises:
        InvalidArgumentError: another dtype or another number of axes.
    """
    if keys.dtype != np.int64 or keys.ndim != 1:
        raise InvalidArgumentError(
            field, f"expected <i8 of shape [B], got {keys.dtype.str} of shape {list(keys.shape)}"
        )
    return np.array(keys, dtype=np.int64)


def checked_priorities(priorities: AnyArray, count: int, limit: float, field: str) -> Float64Array:
    """Return raw priorities [count] as a float64 copy.

    Raises:
        InvalidArgumentError: another shape, or a dtype that holds no real numbers.
        InvalidPriorityError: one is negative, not finite or above `limit`.
    """
    if priorities.shape != (count,) or priorities.dtype.kind not in "iuf":
        raise InvalidArgumentError(
            field,
            f"expected {count} floats or integers of shape [{count}], got "
            f"{priorities.dtype.str} of shape {list(priorities.shape)}",
        )
    checked = priorities.astype(np.float64)
    good = (checked >= 0.0) & (checked <= limit)
    if not good.all():
        first = int(np.argmin(good))
        raise InvalidPriorityError(first, float(checked[first]), limit)
    return checked
