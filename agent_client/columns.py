"""What callers have, made into columns that the wire takes.

Arrays go as they are: whether they fit the table is the server's to say, and a silent conversion
would hide a float64 where a float32 was meant. Plain numbers and lists have no dtype of their own:
they take that of the table's signature, where their values allow it.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agent_client.errors import ColumnMismatchError
from replay_wire.arrays import Array

__all__ = [
    "Signature",
    "as_array",
    "as_column",
    "as_keys",
    "as_signature",
    "as_update",
    "fits_kind",
    "needs_signature",
]

_KINDS_THAT_FIT: Final = {"b": "b", "i": "iu", "u": "iu", "f": "iuf"}

Signature: TypeAlias = dict[str, tuple[np.dtype[Any], tuple[int, ...]]]
"""Name -> dtype and shape of one row's value."""


def as_signature(spec: Mapping[str, Any]) -> Signature | None:
    """Return the columns of a table's spec; None while they are not fixed."""
    columns = spec.get("columns")
    if columns is None:
        return None
    return {
        name: (np.dtype(column["dtype"]), tuple(column["shape"]))
        for name, column in columns.items()
    }


def needs_signature(values: ArrayLike) -> bool:
    """Return whether values have no dtype of their own."""
    return not isinstance(values, np.generic) and not hasattr(values, "__array__")


def as_column(name: str, values: ArrayLike, signature: Signature | None) -> Array:
    """Return a column's values as an ARRAY, without a copy of arrays in C order.

    Args:
        name: the column's.
        values: [N, ...]; an array (of NumPy, a CPU tensor), or nested lists of numbers.
        signature: gives lists their dtype; without it they get NumPy's (float64, int64).

    Raises:
        ColumnMismatchError: a list's values are not of the kind, or not in the range, of the dtype.
        UnsupportedArrayError: the dtype has no name on the wire.
    """
    if signature is None or name not in signature or not needs_signature(values):
        return Array.from_numpy(np.asarray(values))
    dtype, _ = signature[name]
    found = np.asarray(values)
    if found.size and not fits_kind(found.dtype, dtype):
        raise ColumnMismatchError(name, f"values for {dtype.str}", f"values like {found.flat[0]!r}")
    try:
        converted = np.asarray(values, dtype)
    except (OverflowError, ValueError, TypeError) as error:
        raise ColumnMismatchError(name, f"values for {dtype.str}", str(error)) from error
    return Array.from_numpy(converted)


def as_keys(keys: ArrayLike) -> Array:
    """Return item keys as an ARRAY of int64.

    Raises:
        ValueError: they are not integers.
    """
    found = np.asarray(keys)
    if found.size == 0:
        found = found.astype(np.int64)
    if found.dtype.kind not in "iu":
        raise ValueError(f"expected integer keys, got {found.dtype}")
    return Array.from_numpy(found.astype(np.int64, copy=False))


def as_update(keys: ArrayLike, priorities: ArrayLike) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return keys [B] as int64 and priorities [B], both copied, to be sent later.

    Raises:
        ValueError: they are not vectors of one length, or keys are not integers.
    """
    own_keys, own_priorities = np.array(keys), np.array(priorities)
    if own_keys.ndim != 1 or own_keys.shape != own_priorities.shape:
        raise ValueError(
            "expected keys and priorities as vectors of one length, "
            f"got {list(own_keys.shape)} and {list(own_priorities.shape)}"
        )
    if own_keys.size and own_keys.dtype.kind not in "iu":
        raise ValueError(f"expected integer keys, got {own_keys.dtype}")
    return own_keys.astype(np.int64, copy=False), own_priorities


def as_array(values: ArrayLike) -> Array:
    """Return values as an ARRAY of the dtype that they have or that NumPy gives them."""
    return Array.from_numpy(np.asarray(values))


def fits_kind(found: np.dtype[Any], wanted: np.dtype[Any]) -> bool:
    """Return whether values of one dtype mean the same in another, their range aside."""
    return found.kind in _KINDS_THAT_FIT[wanted.kind]
