"""The rows that a table held at one instant, copied to files while others are stored.

A row is written once and never changed, so that it can be copied at any time until its slot is
used again. Before that happens the row is copied at once.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from replay_server.durability.files import Files
from replay_server.durability.pace import Pace
from replay_server.durability.table_files import column_path, npy_header
from replay_server.memory.arrays import AnyArray, Int64Array
from replay_server.memory.table import Table

__all__ = ["RowCopy"]

_PIECE_BYTES: Final = 1 << 20


class RowCopy:
    """A copy of a table's rows that is being made.

    Attributes:
        count: rows that it holds.
        row_bytes: bytes of each.
    """

    def __init__(self, table: Table, columns: Mapping[str, AnyArray]) -> None:
        """Take note of the rows that are there now, and hear of those that will be overwritten."""
        slots = table.live_slots()
        self.count = len(slots)
        self.row_bytes = sum(array[:1].nbytes for array in columns.values())
        self._table = table
        self._columns = {name: array for name, array in columns.items() if array.nbytes}
        self._empty = {name: array for name, array in columns.items() if not array.nbytes}
        self._pending = np.zeros(table.slots, np.bool_)
        self._pending[slots] = True
        self._first = int(slots[0]) if len(slots) else 0
        self._files: Files | None = None
        self._targets: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self._failed: Exception | None = None
        self._saved: list[tuple[Int64Array, dict[str, AnyArray]]] = []
        table.tell_of_overwriting(self._save)

    def write(self, folder: Path, files: Files, pace: Pace) -> None:
        """Write the rows to a folder's column files, those first that will go first; sync them.

        Raises StorageFullError, OSError. For any thread.
        """
        try:
            with self._lock:
                self._open(folder, files)
            piece = max(_PIECE_BYTES // max(self.row_bytes, 1), 1)
            slots = len(self._pending)
            for start in [*range(self._first, slots, piece), *range(0, self._first, piece)]:
                with self._lock:
                    stop = (
                        start + piece if start >= self._first else min(start + piece, self._first)
                    )
                    self._write(start + np.flatnonzero(self._pending[start:stop]))
                if self._failed is not None:
                    raise self._failed
                pace.rest()
            for descriptor, _ in self._targets.values():
                files.sync(descriptor)
        finally:
            self.close()

    def close(self) -> None:
        """Hear of nothing more."""
        self._table.tell_no_more(self._save)
        with self._lock:
            if self._files is not None:
                for descriptor, _ in self._targets.values():
                    self._files.close(descriptor)
            self._targets.clear()
            self._pending[:] = False

    def _open(self, folder: Path, files: Files) -> None:
        """Make the files, and write what had to be saved before they were there."""
        self._files = files
        for name, array in {**self._columns, **self._empty}.items():
            header = npy_header(array.shape, array.dtype)
            descriptor = files.open(column_path(folder, name))
            self._targets[name] = (descriptor, len(header))
            files.write(descriptor, [header], 0)
            files.resize(descriptor, len(header) + array.nbytes)
        for slots, rows in self._saved:
            for name, values in rows.items():
                self._write_runs(name, slots, values)
        self._saved.clear()

    def _save(self, slots: Int64Array) -> None:
        """Copy the rows that are about to be overwritten; on the thread that overwrites."""
        with self._lock:
            places = np.unique(slots[self._pending[slots]])
            if not len(places):
                return
            try:
                if self._files is None:
                    rows = {name: array[places] for name, array in self._columns.items()}
                    self._saved.append((places, rows))
                    self._pending[places] = False
                else:
                    self._write(places)
            except Exception as error:  # noqa: BLE001 - the copy fails, not the one who inserts
                self._failed = error
                self._pending[:] = False

    def _write(self, places: Int64Array) -> None:
        """Write the rows at ascending slots [n] to their places in the files."""
        if len(places):
            for name, array in self._columns.items():
                self._write_runs(name, places, array)
            self._pending[places] = False

    def _write_runs(self, name: str, places: Int64Array, array: AnyArray) -> None:
        """Write the rows of runs of slots; `array` holds the rows of all slots, or of these."""
        assert self._files is not None
        descriptor, begin = self._targets[name]
        row_bytes = array[:1].nbytes
        is_whole = len(array) == len(self._pending)
        ends = np.flatnonzero(np.diff(places) != 1) + 1
        for first, stop in zip([0, *ends], [*ends, len(places)], strict=True):
            slot = int(places[first])
            rows = array[slot : slot + stop - first] if is_whole else array[first:stop]
            content = np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data
            self._files.write(descriptor, [content], begin + slot * row_bytes)
