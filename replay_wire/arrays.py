"""ARRAY, the protocol's form of an ndarray (docs/protocol.md, section 2).

An `Array` is a dtype, a shape and the bytes themselves as a view of whatever buffer they lie in:
making one from an ndarray and making an ndarray of one copies nothing. `replay_wire.codec` puts
the bytes on a 64-byte boundary of the body.
"""

from __future__ import annotations

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
        dtype = array.dtype.newbyteorder("<") if array.dtype.byteorder == ">" else array.dtype
        if dtype.str not in DTYPES:
            raise UnsupportedArrayError(array.dtype)
        packed = np.ascontiguousarray(array, dtype=dtype)
        data = packed.reshape(-1).view(np.uint8).data if packed.size else _EMPTY
        return cls(dtype.str, array.shape, data)

    def to_numpy(self, field: str = "") -> NDArray[Any]:
        """Return the ndarray, a view of `data` (writable where that is), after checking it.

        Args:
            field: where the Array stood in its message, for the error.

        Raises:
            InvalidMessageError: the dtype is unknown, there are too many axes or they are too
                long, the bytes are not as many as dtype and shape say, or a bool is neither 0
                nor 1.
        """
        dtype = DTYPES.get(self.dtype)
        if dtype is None:
            raise InvalidMessageError(
                _join(field, "dtype"),
                f"expected one of {' '.join(DTYPES)}, got {self.dtype[:40]!r}",
            )
        if len(self.shape) > MAX_DIMENSIONS:
            raise InvalidMessageError(
                _join(field, "shape"),
                f"expected at most {MAX_DIMENSIONS} axes, got {len(self.shape)}",
            )
        # As NumPy reckons it: an axis of length 0 does not make the others any smaller.
        if prod(length or 1 for length in self.shape) * dtype.itemsize > _MOST_BYTES:
            raise InvalidMessageError(_join(field, "shape"), "expected less than 2**63 bytes")
        expected = prod(self.shape) * dtype.itemsize
        if expected != self.data.nbytes:
            raise InvalidMessageError(
                _join(field, "data"),
                f"expected {expected} bytes for {self.dtype} of shape {list(self.shape)}, "
                f"got {self.data.nbytes}",
            )
        if not expected:
            return np.empty(self.shape, dtype)
        flat = np.frombuffer(self.data, dtype)
        if dtype == np.bool_ and flat.view(np.uint8).max() > 1:
            raise InvalidMessageError(_join(field, "data"), "expected bools to be 0 or 1")
        return flat.reshape(self.shape)


def _join(field: str, part: str) -> str:
    return f"{field}.{part}" if field else part
