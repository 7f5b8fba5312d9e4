"""Where an export keeps what it has got: a folder of files, one a column, rows one after another.

A page is appended to every file and then committed by `state.json`, written aside and renamed; what
stands behind the committed rows in a file is cut off when the folder is opened again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from replay_server.datasets.blocks import (
    KEY,
    PRIORITY,
    STREAM,
    Block,
    ColumnForm,
    Description,
)
from replay_server.datasets.errors import DatasetError
from replay_wire.messages import ScanReply

__all__ = ["FOLLOWING", "PREVIOUS", "RowFile", "Spool"]

PREVIOUS: Final = "replay.previous"
FOLLOWING: Final = "replay.following"
_STATE: Final = "state.json"
_INT64: Final = ColumnForm(np.dtype("<i8"), ())
_FLOAT64: Final = ColumnForm(np.dtype("<f8"), ())


class RowFile:
    """Values of one form, one after another in a file."""

    def __init__(self, path: Path, form: ColumnForm) -> None:
        """Look at a file."""
        self.path = path
        self.form = form

    def append(self, values: NDArray[Any]) -> None:
        """Write values [n, ...] behind what is there."""
        with self.path.open("ab") as file:
            file.write(np.ascontiguousarray(values, self.form.dtype).data.cast("B") if values.size
                       else b"")  # fmt: skip

    def cut(self, rows: int) -> None:
        """Keep the first `rows`."""
        with self.path.open("ab") as file:
            file.truncate(rows * self.form.nbytes)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Return values [start, stop)."""
        shape = (stop - start, *self.form.shape)
        if not self.form.nbytes or stop <= start:
            return np.empty(shape, self.form.dtype)
        count = (stop - start) * self.form.nbytes // self.form.dtype.itemsize
        offset = start * self.form.nbytes
        return np.fromfile(self.path, self.form.dtype, count, offset=offset).reshape(shape)

    def take(self, positions: NDArray[np.int64]) -> NDArray[Any]:
        """Return the values at ascending positions [n]."""
        if not len(positions) or positions[-1] - positions[0] + 1 == len(positions):
            first = int(positions[0]) if len(positions) else 0
            return self.read(first, first + len(positions))
        if not self.form.nbytes:
            return np.empty((len(positions), *self.form.shape), self.form.dtype)
        taken: NDArray[Any] = np.array(self.mapped()[positions])  # the mapping goes at once
        return taken

    def mapped(self, mode: Any = "r") -> np.memmap[Any, Any]:
        """Return all values as a mapping of the file, which must not be empty."""
        rows = self.path.stat().st_size // self.form.nbytes
        return np.memmap(self.path, self.form.dtype, mode, shape=(rows, *self.form.shape))


class Spool:
    """Rows of a table, on disk; a context manager that keeps others out meanwhile.

    Attributes:
        folder: where.
        description: of the table; `rows` are those that are wanted.
        rows: that are there.
        last_key: the highest of them; -1 where there is none.
        is_complete: whether nothing more is to come.
    """

    def __init__(self, folder: Path, description: Description) -> None:
        """Go on in a folder, or begin in a new one.

        Raises:
            DatasetError: it holds rows of a table with other columns, or somebody is at it.
        """
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(folder / "lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise DatasetError(f"another export is at work in {folder}") from None
        self.description = description
        self.rows, self.last_key, self.is_complete = 0, -1, False
        state = folder / _STATE
        if state.exists():
            self._restore(json.loads(state.read_text(encoding="utf-8")))
        for file in self._files():
            file.cut(self.rows)
        self._commit()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let others in; the rows stay."""
        self._lock.release()

    def remove(self) -> None:
        """Delete it all."""
        self._lock.release()
        shutil.rmtree(self.folder)

    def append(self, page: ScanReply) -> None:
        """Take the next rows.

        Raises:
            DatasetError: the table has other columns by now, or the server tells no links of steps.
        """
        columns = {name: array.to_numpy(name) for name, array in page.columns.items()}
        forms = self.description.columns
        if {n: (c.dtype, c.shape[1:]) for n, c in columns.items()} != {
            n: (form.dtype, form.shape) for n, form in forms.items()
        }:
            raise DatasetError(
                f"table {self.description.table!r} has other columns than when this export began; "
                f"delete {self.folder} to begin anew"
            )
        keys = page.keys.to_numpy("keys")
        columns |= {KEY: keys, PRIORITY: page.priorities.to_numpy("priorities")}
        if self.description.has_steps:
            if page.previous is None:
                raise DatasetError("the server does not tell which step follows which")
            columns[PREVIOUS] = page.previous.to_numpy("previous")
        for name, values in columns.items():
            self.file(name).append(values)
        self.rows += len(keys)
        self.last_key = int(keys[-1]) if len(keys) else self.last_key
        self.is_complete = not page.more or self.rows >= self.description.rows
        self._commit()

    def file(self, name: str) -> RowFile:
        """Return the file of a column, or of what stands beside the columns."""
        forms = self.description.columns
        if name in forms:
            return RowFile(self.folder / f"{list(forms).index(name)}.rows", forms[name])
        return RowFile(self.folder / f"{name}.rows", _FLOAT64 if name == PRIORITY else _INT64)

    def block(self, start: int, stop: int) -> Block:
        """Return rows [start, stop); streams once they are linked."""
        streams = self.file(STREAM)
        return Block(
            {name: self.file(name).read(start, stop) for name in self.description.columns},
            self.file(PRIORITY).read(start, stop),
            streams.read(start, stop) if self.description.has_steps else None,
        )

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Give the rows that are there as ranges of a block's size."""
        size = self.description.block_rows
        for start in range(0, self.rows, size):
            yield start, min(start + size, self.rows)

    def _files(self) -> list[RowFile]:
        names = [*self.description.columns, KEY, PRIORITY]
        return [self.file(name) for name in (*names, PREVIOUS)]

    def _restore(self, state: dict[str, Any]) -> None:
        begun = Description(**state["description"])
        now = self.description
        same = ("table", "columns", "items")
        if [begun.table, *(begun.spec.get(k) for k in same)] != [
            now.table, *(now.spec.get(k) for k in same),
        ]:  # fmt: skip
            self._lock.release()
            raise DatasetError(
                f"{self.folder} holds part of an export of another table; delete it to begin anew"
            )
        self.description = begun
        self.rows, self.last_key = state["rows"], state["last_key"]
        self.is_complete = state["is_complete"]

    def _commit(self) -> None:
        state = {
            "description": vars(self.description),
            "rows": self.rows,
            "last_key": self.last_key,
            "is_complete": self.is_complete,
        }
        aside = self.folder / f"{_STATE}.new"
        aside.write_text(json.dumps(state), encoding="utf-8")
        aside.replace(self.folder / _STATE)
