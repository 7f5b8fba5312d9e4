"""Rows on their way between a table and a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import prod
from typing import Any, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from replay_server.datasets.errors import DatasetError
from replay_wire.arrays import DTYPES

__all__ = [
    "BLOCK_BYTES",
    "KEY",
    "PRIORITY",
    "STEP_FLAGS",
    "STREAM",
    "Block",
    "ColumnForm",
    "Dataset",
    "Description",
    "column_form",
    "is_part_of",
    "looks_like_steps",
    "spec_of",
]

BLOCK_BYTES: Final = 4 << 20
_MOST_ROWS: Final = 16384
_BYTES_BESIDE: Final = 32  # key, priority, link and stream of a row
# No column of a table may have a dot in its name.
KEY: Final = "replay.key"
PRIORITY: Final = "replay.priority"
STREAM: Final = "replay.stream"
STEP_FLAGS: Final = ("is_first", "is_last", "is_terminal")


@dataclass(frozen=True)
class ColumnForm:
    """The dtype and the shape, without the axis of rows, of a column."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of one row's value."""
        return prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Block:
    """Some rows, in the order of a table.

    Attributes:
        columns: NAME -> [n, ...].
        priorities: [n] float64, raw; None leaves them to the table.
        streams: [n] int64; None is stream 0.
    """

    columns: Mapping[str, NDArray[Any]]
    priorities: NDArray[np.float64] | None = None
    streams: NDArray[np.int64] | None = None

    @property
    def rows(self) -> int:
        """How many."""
        return next((len(column) for column in self.columns.values()), 0)

    def part(self, start: int, stop: int) -> Block:
        """Return rows [start, stop) as views."""
        return Block(
            {name: column[start:stop] for name, column in self.columns.items()},
            None if self.priorities is None else self.priorities[start:stop],
            None if self.streams is None else self.streams[start:stop],
        )


@dataclass(frozen=True)
class Description:
    """What a data set is of.

    Attributes:
        identity: tells it from every other; the same for the same content.
        table: name of the table that it was, or is to be.
        spec: of that table, with its columns.
        rows: how many.
    """

    identity: str
    table: str
    spec: dict[str, Any]
    rows: int

    @property
    def columns(self) -> dict[str, ColumnForm]:
        """NAME -> form, in order."""
        return {
            name: ColumnForm(DTYPES[column["dtype"]], tuple(column["shape"]))
            for name, column in self.spec["columns"].items()
        }

    @property
    def has_steps(self) -> bool:
        """Whether its rows are steps of episodes."""
        return bool(self.spec["items"]["kind"] != "row")

    @property
    def block_rows(self) -> int:
        """How many rows to move at once."""
        row_bytes = sum(column.nbytes for column in self.columns.values()) + _BYTES_BESIDE
        return min(max(BLOCK_BYTES // row_bytes, 1), _MOST_ROWS)

    def json(self) -> str:
        """Return it as text."""
        return json.dumps(asdict(self))

    @classmethod
    def of_json(cls, text: str | bytes, source: object) -> Self:
        """Return what a text describes. Raises DatasetError where it is none of ours."""
        try:
            description = cls(**json.loads(text))
            assert description.columns
            assert isinstance(description.has_steps, bool)
        except (ValueError, TypeError, KeyError, AssertionError) as error:
            raise DatasetError(f"{source} does not tell what it is an export of") from error
        return description


class Dataset(Protocol):
    """A file that rows can be read from.

    Attributes:
        description: of them.
        notes: what of the file does not go into a table, as sentences.
    """

    description: Description
    notes: list[str]

    def blocks(self, start: int) -> Iterator[Block]:
        """Give its rows from row `start` on, always in the same order."""


def column_form(name: str, array: NDArray[Any]) -> ColumnForm:
    """Return the form of a column [n, ...]. Raises DatasetError where no table can have it."""
    dtype = array.dtype.newbyteorder("<")
    if dtype.str not in DTYPES:
        raise DatasetError(f"column {name!r} is of {array.dtype}, which no table can hold")
    return ColumnForm(dtype, array.shape[1:])


def spec_of(columns: Mapping[str, ColumnForm], rows: int) -> dict[str, Any]:
    """Return the spec of a table for rows of columns: one of steps where they look like it."""
    kind = "transition" if looks_like_steps(columns) else "row"
    return {
        "capacity": max(rows, 1),
        "columns": {
            name: {"dtype": form.dtype.str, "shape": list(form.shape)}
            for name, form in columns.items()
        },
        "items": {"kind": kind},
    }


def looks_like_steps(names: Mapping[str, Any]) -> bool:
    """Return whether columns are those of a table of steps."""
    return all(name in names for name in ("reward", *STEP_FLAGS)) and all(
        any(is_part_of(name, whole) for name in names) for whole in ("observation", "action")
    )


def is_part_of(name: str, whole: str) -> bool:
    """Return whether a column is `whole`, or a part of it."""
    return name == whole or name.startswith(f"{whole}/")
