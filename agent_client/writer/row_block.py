"""Rows on their way to the server: columns of fixed length, filled in place row by row.

This is the part of a writer that runs in the actor's loop, so it is written for speed: what a
value must be to be stored as it is, is worked out once for each column.
"""

from collections.abc import Mapping
from math import inf
from typing import Any, Final

import numpy as np
from numpy import ndarray
from numpy.typing import NDArray

from agent_client.columns import Signature, fits_kind
from agent_client.errors import ColumnMismatchError
from replay_wire.arrays import DTYPES

__all__ = ["RowBlock", "row_bytes", "signature_of_row"]

_FLOATS: Final = frozenset({float, int, np.float16, np.float32, np.float64})


class RowBlock:
    """Columns with room for `capacity` rows, of which the first `count` are filled.

    Attributes:
        capacity: rows that fit.
        count: rows that are there.
        has_priorities: whether the rows bear priorities; all or none of a block do.
        has_streams: whether a row is of another stream than 0.
        begun_at: when the first row came, for the owner's use.
        sequence: under which the rows were sent; None before.
    """

    __slots__ = (
        "_arrays",
        "_columns",
        "_priorities",
        "_scalars",
        "_streams",
        "begun_at",
        "capacity",
        "count",
        "has_priorities",
        "has_streams",
        "sequence",
    )

    def __init__(self, signature: Signature, capacity: int) -> None:
        """Make an empty block.

        Args:
            signature: dtype and shape of each column.
            capacity: rows.
        """
        self.capacity = capacity
        self.count = 0
        self.has_priorities = False
        self.has_streams = False
        self.begun_at = 0.0
        self.sequence: int | None = None
        self._priorities = np.empty(capacity, np.float64)
        self._streams = np.zeros(capacity, np.int64)
        self._columns = {
            name: np.empty((capacity, *shape), dtype) for name, (dtype, shape) in signature.items()
        }
        self._scalars = [
            (name, _stored_as_they_are(column.dtype), column)
            for name, column in self._columns.items()
            if column.ndim == 1
        ]
        self._arrays = [
            (name, column.dtype, column.shape[1:], column)
            for name, column in self._columns.items()
            if column.ndim > 1
        ]

    def append(self, row: Mapping[str, Any], priority: float | None, stream: int = 0) -> None:
        """Copy a row's values into the next place, of which there must be one.

        Args:
            row: a value for each column: a number for a scalar column, an array (of the column's
                dtype) or lists of numbers for others.
            priority: given for each row of a block or for none.
            stream: an int64.

        Raises:
            ColumnMismatchError: the row does not fit; the block is as it was.
            ValueError: the priority is negative or not finite.
        """
        place = self.count
        name = ""
        column: NDArray[Any] = self._priorities
        try:
            for name, accepted, column in self._scalars:
                value = row[name]
                column[place] = value if type(value) in accepted else _number(value, name, column)
            for name, dtype, shape, column in self._arrays:
                value = row[name]
                if (
                    type(value) is not ndarray
                    or value.dtype is not dtype  # there is one object for each native dtype
                    or value.shape != shape
                ):
                    value = _array(value, name, column)
                column[place] = value
        except KeyError as error:
            raise ColumnMismatchError(str(error.args[0]), "a value", "none") from error
        except (OverflowError, ValueError, TypeError) as error:
            raise ColumnMismatchError(
                name, f"a value for {dtype_of(column)}", str(error)
            ) from error
        if len(row) != len(self._columns):
            name = next(name for name in row if name not in self._columns)
            raise ColumnMismatchError(name, f"one of {', '.join(self._columns)}", "another column")
        if priority is not None:
            if not 0 <= priority < inf:
                raise ValueError(f"expected a finite priority of at least 0, got {priority!r}")
            self._priorities[place] = priority
            self.has_priorities = True
        if stream or self.has_streams:
            self._streams[place] = stream
            self.has_streams = True
        self.count = place + 1

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return name -> [count, ...], views of the block."""
        return {name: column[: self.count] for name, column in self._columns.items()}

    def priorities(self) -> NDArray[np.float64] | None:
        """Return [count] priorities, a view of the block; None where rows bear none."""
        return self._priorities[: self.count] if self.has_priorities else None

    def streams(self) -> NDArray[np.int64] | None:
        """Return [count] streams, a view of the block; None where all are of stream 0."""
        return self._streams[: self.count] if self.has_streams else None

    def clear(self) -> None:
        """Make the block empty, to be filled again."""
        if self.has_streams:
            self._streams[: self.count] = 0
        self.count = 0
        self.has_priorities = False
        self.has_streams = False
        self.sequence = None


def row_bytes(signature: Signature) -> int:
    """Return the bytes of a row's values."""
    return sum(dtype.itemsize * int(np.prod(shape)) for dtype, shape in signature.values())


def signature_of_row(row: Mapping[str, Any]) -> Signature:
    """Return the signature that a row has by itself: plain numbers are float64, int64 or bool.

    Raises:
        ColumnMismatchError: a value has no dtype that the wire carries.
    """
    signature: Signature = {}
    for name, value in row.items():
        found = np.asarray(value)
        dtype = found.dtype.newbyteorder("<")
        if dtype.str not in DTYPES:
            raise ColumnMismatchError(name, "numbers or bools", f"{value!r:.80}")
        signature[name] = (dtype, found.shape)
    return signature


def dtype_of(column: NDArray[Any]) -> str:
    """Return a column's dtype and its rows' shape as an error names them."""
    return f"{column.dtype.str}{list(column.shape[1:]) if column.ndim > 1 else ''}"


def _stored_as_they_are(dtype: np.dtype[Any]) -> frozenset[type]:
    """Return the types of which NumPy stores every value in a column exactly, or raises."""
    if dtype.kind == "f":
        return _FLOATS
    if dtype.kind == "b":
        return frozenset({bool, np.bool_})
    return frozenset({int, dtype.type})


def _number(value: Any, name: str, column: NDArray[Any]) -> Any:
    """Return what a scalar column can store of a value that is of none of its own types."""
    found = np.asarray(value)
    if found.shape != () or not fits_kind(found.dtype, column.dtype):
        raise ColumnMismatchError(name, f"a number for {dtype_of(column)}", f"{value!r:.80}")
    return found.item()


def _array(value: Any, name: str, column: NDArray[Any]) -> NDArray[Any]:
    """Return an array of a column's dtype and shape; lists are converted, arrays must fit."""
    found = np.asarray(value)
    is_own_dtype = isinstance(value, np.ndarray) or hasattr(value, "__array__")
    if is_own_dtype:
        fits = found.dtype.newbyteorder("<") == column.dtype
    else:
        fits = fits_kind(found.dtype, column.dtype)
    if found.shape != column.shape[1:] or not fits:
        got = f"{found.dtype.str}{list(found.shape)}"
        raise ColumnMismatchError(name, f"an array of {dtype_of(column)}", got)
    return found if is_own_dtype else np.asarray(value, column.dtype)
