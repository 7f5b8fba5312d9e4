"""A table's signature: the name, dtype and shape of each column of a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from replay_server.memory.arrays import Columns, Compression
from replay_server.memory.errors import SignatureMismatchError

__all__ = ["ColumnType", "Signature"]


@dataclass(frozen=True)
class ColumnType:
    """What a row holds in one column: an array of `shape`, without the axis of rows.

    Attributes:
        dtype: of its elements.
        shape: of it.
        compression: how it is stored; None is as it is.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    compression: Compression | None = None

    @property
    def is_packed(self) -> bool:
        """Whether rows are packed one by one: of an empty shape there is nothing to pack."""
        return self.compression is not None and 0 not in self.shape

    @property
    def nbytes(self) -> int:
        """Bytes of one row's value, an axis of length 0 counted as 1.

        So does NumPy when it makes an array, hence what fits a limit on bytes can be made.
        """
        return prod(length or 1 for length in self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        """Return it as the protocol writes it."""
        return f"{self.dtype.str} of shape [N{''.join(f', {length}' for length in self.shape)}]"


@dataclass(frozen=True)
class Signature:
    """The columns of a table, in order.

    Attributes:
        columns: NAME -> type. Not to be changed.
    """

    columns: Mapping[str, ColumnType]

    @classmethod
    def of(cls, columns: Columns) -> Signature:
        """Return the signature that arrays [N, ...] have."""
        return cls(
            {name: ColumnType(array.dtype, array.shape[1:]) for name, array in columns.items()}
        )

    @property
    def row_bytes(self) -> int:
        """Bytes of what one row takes from the start: the columns that are stored as they are."""
        return sum(column.nbytes for column in self.columns.values() if not column.is_packed)

    @property
    def packed(self) -> dict[str, ColumnType]:
        """The columns that take as much as comes in."""
        return {name: column for name, column in self.columns.items() if column.is_packed}

    def check(self, columns: Columns) -> int:
        """Return the number N of rows in arrays [N, ...] that have this signature.

        Raises:
            SignatureMismatchError: a column is missing, unknown, of another dtype or shape, or not
                as long as the others.
        """
        for name in columns:
            if name not in self.columns:
                known = ", ".join(self.columns)
                raise SignatureMismatchError(name, f"one of the columns {known:.200}", "this name")
        rows = -1
        for name, column in self.columns.items():
            array = columns.get(name)
            if array is None:
                raise SignatureMismatchError(name, str(column), "no such column")
            if array.dtype != column.dtype or not array.ndim or array.shape[1:] != column.shape:
                got = f"{array.dtype.str} of shape {list(array.shape)}"
                raise SignatureMismatchError(name, str(column), got)
            if rows not in (-1, len(array)):
                raise SignatureMismatchError(
                    name, f"{rows} rows as in the columns before", f"{len(array)} rows"
                )
            rows = len(array)
        return rows

    def chosen(self, names: list[str] | None) -> list[str]:
        """Return the names of the columns to answer with: those asked for, or all.

        Raises:
            SignatureMismatchError: a name is no column.
        """
        if names is None:
            return list(self.columns)
        for name in names:
            if name not in self.columns:
                known = ", ".join(self.columns)
                raise SignatureMismatchError(name, f"one of the columns {known:.200}", "this name")
        return list(dict.fromkeys(names))
