"""Names for the array types of the core, and where its arrays come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Allocate",
    "AnyArray",
    "BoolArray",
    "Columns",
    "Compression",
    "Float32Array",
    "Float64Array",
    "Int32Array",
    "Int64Array",
    "UInt8Array",
    "aligned_zeros",
]

AnyArray: TypeAlias = NDArray[Any]
Columns: TypeAlias = Mapping[str, AnyArray]
Compression: TypeAlias = Literal["lz4", "zstd"]
BoolArray: TypeAlias = NDArray[np.bool_]
UInt8Array: TypeAlias = NDArray[np.uint8]
Int32Array: TypeAlias = NDArray[np.int32]
Int64Array: TypeAlias = NDArray[np.int64]
Float32Array: TypeAlias = NDArray[np.float32]
Float64Array: TypeAlias = NDArray[np.float64]

Allocate: TypeAlias = Callable[[str, tuple[int, ...], "np.dtype[Any]"], AnyArray]
"""Returns zeros for a name, a shape and a dtype: the seam for arrays mapped from files."""

_CACHE_LINE_BYTES = 64


def aligned_zeros(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> AnyArray:
    """Return zeros in memory that start on a cache line; pages are touched when used.

    Args:
        name: not used here; an allocator of mapped files names its file by it.
        shape: any shape.
        dtype: any dtype of fixed size.
    """
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    raw = np.zeros(size + _CACHE_LINE_BYTES, np.uint8)
    start = -raw.ctypes.data % _CACHE_LINE_BYTES
    return raw[start : start + size].view(dtype).reshape(shape)
