"""A table's arrays by name, as its `allocate` gives them out: the index and the columns."""

from __future__ import annotations

import mmap
from typing import Any, Final

import numpy as np

from replay_server.memory.arrays import AnyArray, aligned_zeros

__all__ = ["TableArrays"]

_COLUMN: Final = "column/"
_SEGMENT: Final = "segment/"
_DERIVED: Final = ("sum_tree",)


class TableArrays:
    """Arrays in memory.

    Attributes:
        index: NAME -> array of those that make a table up beside its rows; what follows from
            others is not among them.
        columns: NAME -> array [slots, ...].
    """

    def __init__(self) -> None:
        """Start without arrays."""
        self.index: dict[str, AnyArray] = {}
        self.columns: dict[str, AnyArray] = {}

    @property
    def index_bytes(self) -> int:
        """Bytes of the index arrays."""
        return sum(array.nbytes for array in self.index.values())

    def allocate(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> AnyArray:
        """Return zeros, and keep them in mind under their name."""
        if name.startswith(_COLUMN):
            name = name.removeprefix(_COLUMN)
            self.columns[name] = self.make_column(name, shape, dtype)
            return self.columns[name]
        if name.startswith(_SEGMENT):
            return self.make_segment(name.removeprefix(_SEGMENT), *shape)
        array = aligned_zeros(name, shape, dtype)
        if name not in _DERIVED:
            self.index[name] = array
        return array

    def make_column(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> AnyArray:
        """Return the zeros of a column."""
        return aligned_zeros(name, shape, dtype)

    def make_segment(self, name: str, nbytes: int) -> AnyArray:
        """Return the zeros of a segment of a compressed column; pages are taken when used.

        They go back to the system with the array, which the allocator's own do not always.
        """
        return np.frombuffer(mmap.mmap(-1, nbytes), np.uint8)
