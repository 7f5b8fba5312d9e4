"""ARRAY, the protocol's form of an ndarray (docs/protocol.md, section 2).

An `Array` is a dtype, a shape and the bytes themselves as a view of whatever buffer they lie in:
making one from an ndarray and making an ndarray of one copies nothing. `replay_wire.codec` puts
the bytes on a 64-byte boundary of the body.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from replay_wire.errors import InvalidMessageError, UnsupportedArrayError

__all__ = ["DTYPES", "MAX_DIMENSIONS", "Array"]

_NAMES: Final = "|b1 |i1 |u1 <i2 <u2 <i4 <u4 <i8 <u8 <f2 <f4 <f8"
DTYPES: Final[dict[str, np.dtype[Any]]] = {name: np.dtype(name) for name in _NAMES.split(" ")}
MAX_DIMENSIONS: Final = 32
_NAME_OF: Final = {dtype: name for name, dtype in DTYPES.items()}
_BOOL: Final = DTYPES["|b1"]
_COUNTED_BYTES: Final = 8192
_MOST_BYTES: Final = 2**63 - 1
_EMPTY: Final = memoryview(b"")


class Array(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An ndarray as it crosses the wire.

    Attributes:
        dtype: NumPy's array-protocol string, one of `DTYPES`.
        shape: the lengths of its axes.
        data: the elements in C order, little-endian: product(shape) * itemsize bytes. A
            view; whoever made the Array owns what it looks at.
        pad: zeros that put `data` on a boundary; readers skip it.
    """

    dtype: str
    shape: tuple[Annotated[int, msgspec.Meta(ge=0, le=_MOST_BYTES)], ...]
    data: memoryview
    pad: memoryview | None = None

    @classmethod
    def from_numpy(cls, array: NDArray[Any]) -> Array:
        """Return the wire form of an ndarray, without a copy where it lies in C order.

        Raises:
            UnsupportedArrayError: the dtype is none of `DTYPES` in either byte order.
        """
        name = _NAME_OF.get(array.dtype)
        if name is None or not array.flags.c_contiguous:
            name, array = _little_endian(array)
        return cls(name, array.shape, array.data.cast("B") if array.size else _EMPTY)

    def to_numpy(self, field: str = "") -> NDArray[Any]:
        """Return the ndarray, a view of `data` (writable where that is), after checking it.

        Args:
            field: where the Array stood in its message, for the error.

        Raises:
            InvalidMessageError: the dtype is unknown, there are too many axes or they are too
                long, the bytes are not as many as dtype and shape say, or a bool is neither 0
                nor 1.
        """
        layout = _layout(self.dtype, self.shape)
        if layout is None or layout[1] != self.data.nbytes:
            raise self._complaint(field)
        dtype, size = layout
        if not size:
            return np.empty(self.shape, dtype)
        if dtype is _BOOL and not _are_bools(self.data):
            raise InvalidMessageError(_join(field, "data"), "expected bools to be 0 or 1")
        return np.ndarray(self.shape, dtype, self.data)

    def _complaint(self, field: str) -> InvalidMessageError:
        """Return what is wrong with dtype, shape or the number of bytes."""
        dtype = DTYPES.get(self.dtype)
        if dtype is None:
            return InvalidMessageError(
                _join(field, "dtype"),
                f"expected one of {' '.join(DTYPES)}, got {self.dtype[:40]!r}",
            )
        if len(self.shape) > MAX_DIMENSIONS:
            return InvalidMessageError(
                _join(field, "shape"),
                f"expected at most {MAX_DIMENSIONS} axes, got {len(self.shape)}",
            )
        if _layout(self.dtype, self.shape) is None:
            return InvalidMessageError(_join(field, "shape"), "expected less than 2**63 bytes")
        return InvalidMessageError(
            _join(field, "data"),
            f"expected {prod(self.shape) * dtype.itemsize} bytes for {self.dtype} of shape "
            f"{list(self.shape)}, got {self.data.nbytes}",
        )


@lru_cache(maxsize=1024)
def _layout(dtype: str, shape: tuple[int, ...]) -> tuple[np.dtype[Any], int] | None:
    """Return the NumPy dtype and the number of bytes; None where there can be no such ndarray."""
    found = DTYPES.get(dtype)
    if found is None or len(shape) > MAX_DIMENSIONS:
        return None
    # As NumPy reckons it: an axis of length 0 does not make the others any smaller.
    if prod(length or 1 for length in shape) * found.itemsize > _MOST_BYTES:
        return None
    return found, prod(shape) * found.itemsize


def _are_bools(data: memoryview) -> bool:
    if data.nbytes > _COUNTED_BYTES:
        return bool(np.frombuffer(data, np.uint8).max() <= 1)
    whole = data.tobytes()
    return whole.count(0) + whole.count(1) == len(whole)


def _little_endian(array: NDArray[Any]) -> tuple[str, NDArray[Any]]:
    """Return the name of an array's dtype in little-endian order, and the array so, in C order.

    Raises:
        UnsupportedArrayError: it has no such name.
    """
    dtype = array.dtype.newbyteorder("<") if array.dtype.byteorder == ">" else array.dtype
    if dtype.str not in DTYPES:
        raise UnsupportedArrayError(array.dtype)
    return dtype.str, np.ascontiguousarray(array, dtype=dtype).reshape(array.shape)


def _join(field: str, part: str) -> str:
    return f"{field}.{part}" if field else part
