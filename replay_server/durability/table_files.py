"""The files of one table: a folder with its index arrays and its columns, all of them `.npy`.

tables/00000003-NAME/index/keys.npy ...          written now and then, whole, while in use
tables/00000003-NAME/columns/observation.npy ... mapped; a row is written once
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from replay_server.durability.errors import DataDirectoryError
from replay_server.durability.files import Files
from replay_server.memory.arrays import AnyArray, Columns, Int64Array, aligned_zeros

__all__ = ["TableFiles", "read_npy", "write_npy"]

_COLUMN: Final = "column/"
_DERIVED: Final = ("sum_tree",)
_SEGMENT_BYTES: Final = 1 << 24
_WRITTEN_BYTES: Final = 1 << 24


class TableFiles:
    """A table's folder. `allocate` is where the table's arrays come from.

    Attributes:
        folder: where it is.
        index: NAME -> array of those that are kept, in memory.
        columns: NAME -> array [slots, ...], mapped from its file.
        rows_expected: rows of the insert under way, for which columns that it makes have space.
    """

    def __init__(self, folder: Path, files: Files, *, synced: bool, existing: bool) -> None:
        """Take a folder that `make` has made.

        Args:
            folder: where.
            files: the file layer.
            synced: whether new files are on the disk before they are used.
            existing: whether columns are in their files already.
        """
        self.folder = folder
        self.index: dict[str, AnyArray] = {}
        self.columns: dict[str, AnyArray] = {}
        self.rows_expected = 0
        self._files = files
        self._synced = synced
        self._existing = existing
        self._mapped: dict[str, _MappedColumn] = {}

    @classmethod
    def make(cls, folder: Path, files: Files, *, synced: bool) -> TableFiles:
        """Make the folder of a new table."""
        files.make_folder(folder / "index")
        files.make_folder(folder / "columns")
        if synced:
            files.sync_folder(folder)
            files.sync_folder(folder.parent)
        return cls(folder, files, synced=synced, existing=False)

    def allocate(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> AnyArray:
        """Return zeros in memory, or a mapped column.

        Raises:
            StorageFullError, OSError: a column's file can't be made.
            DataDirectoryError: it is there, and is another array's.
        """
        if not name.startswith(_COLUMN):
            array = aligned_zeros(name, shape, dtype)
            if name not in _DERIVED:
                self.index[name] = array
            return array
        name = name.removeprefix(_COLUMN)
        path = self.folder / "columns" / f"{quote(name, safe='')}.npy"
        column = _MappedColumn(path, self._files, shape, dtype, make=not self._existing)
        try:
            column.reserve(self.rows_expected)
            if self._synced and not self._existing:
                column.sync()
                self._files.sync_folder(path.parent)
        except BaseException:
            column.close()
            raise
        self._mapped[name] = column
        self.columns[name] = column.array
        return column.array

    @property
    def index_bytes(self) -> int:
        """Bytes of the index arrays."""
        return sum(array.nbytes for array in self.index.values())

    def reserve_rows(self, stop: int) -> None:
        """Make sure that rows can be stored at slots below `stop`. Raises StorageFullError."""
        for column in self._mapped.values():
            column.reserve(stop)

    def storing(self, slots: Int64Array, columns: Columns) -> None:
        """Tell the file layer of rows that are about to be stored."""
        for name, source in columns.items():
            column = self._mapped[name]
            self._files.storing(column.path, column.array, slots, source)

    def write_index(self, *, synced: bool) -> None:
        """Write the index arrays, while they may be changed, and sync all if need be.

        What changes meanwhile is in the journal. Raises StorageFullError, OSError.
        """
        for name, array in list(self.index.items()):
            path = self.folder / "index" / f"{quote(name, safe='')}.npy"
            write_npy(path, array, self._files, synced=synced)
        if synced:
            for column in list(self._mapped.values()):
                column.sync()
            self._files.sync_folder(self.folder / "index")
            self._files.sync_folder(self.folder / "columns")

    def read_index(self) -> None:
        """Fill the index arrays with what their files hold, where there are any.

        Raises:
            DataDirectoryError: a file is damaged or another array's.
        """
        for name, array in self.index.items():
            path = self.folder / "index" / f"{quote(name, safe='')}.npy"
            if path.exists():
                read_npy(path, array)

    def expect_new(self) -> None:
        """Make the files of columns from now on."""
        self._existing = False

    def close(self) -> None:
        """Close the files; arrays that are mapped stay readable."""
        for column in self._mapped.values():
            column.close()
        self._mapped.clear()


class _MappedColumn:
    """One column's file: a header, and an array mapped from what follows it."""

    def __init__(
        self, path: Path, files: Files, shape: tuple[int, ...], dtype: np.dtype[Any], *, make: bool
    ) -> None:
        self.path = path
        self._files = files
        self._row_bytes = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
        self._slots = shape[0]
        self._reserved_rows = 0
        header = _npy_header(shape, dtype)
        self._start = len(header)
        size = self._start + self._slots * self._row_bytes
        if not make:
            _check_npy(path, header, size)
        self._descriptor = files.open(path)
        if make:
            files.resize(self._descriptor, 0)
            files.write(self._descriptor, [header], 0)
            files.resize(self._descriptor, size)
        if self._row_bytes:
            mapped = np.memmap(path, dtype, "r+", self._start, shape)
            self.array: AnyArray = mapped.view(np.ndarray)
        else:
            self.array = np.zeros(shape, dtype)

    def reserve(self, stop: int) -> None:
        """Reserve space for the rows at slots below `stop`, and for a good piece more."""
        if stop <= self._reserved_rows or not self._row_bytes:
            return
        piece = max(_SEGMENT_BYTES // self._row_bytes, 1)
        stop = min(-(-stop // piece) * piece, self._slots)
        first = self._start + self._reserved_rows * self._row_bytes
        self._files.reserve(self._descriptor, first, self._start + stop * self._row_bytes - first)
        self._reserved_rows = stop

    def sync(self) -> None:
        self._files.sync(self._descriptor)

    def close(self) -> None:
        self._files.close(self._descriptor)


def write_npy(path: Path, array: AnyArray, files: Files, *, synced: bool) -> None:
    """Write an array to a file piece by piece, without holding the interpreter for long."""
    header = _npy_header(array.shape, array.dtype)
    descriptor = files.open(path)
    try:
        files.write(descriptor, [header], 0)
        if array.nbytes:
            content = array.reshape(-1).view(np.uint8).data
            for start in range(0, array.nbytes, _WRITTEN_BYTES):
                piece = content[start : start + _WRITTEN_BYTES]
                files.write(descriptor, [piece], len(header) + start)
        files.resize(descriptor, len(header) + array.nbytes)
        if synced:
            files.sync(descriptor)
    finally:
        files.close(descriptor)


def read_npy(path: Path, array: AnyArray) -> None:
    """Fill an array with a file that `write_npy` wrote.

    Raises:
        DataDirectoryError: the file is damaged or another array's.
    """
    header = _npy_header(array.shape, array.dtype)
    _check_npy(path, header, len(header) + array.nbytes)
    if array.nbytes:
        with path.open("rb") as file:
            file.seek(len(header))
            file.readinto(array.reshape(-1).view(np.uint8).data)


def _npy_header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    header = io.BytesIO()
    told = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, told)
    return header.getvalue()


def _check_npy(path: Path, header: bytes, size: int) -> None:
    try:
        with path.open("rb") as file:
            found = file.read(len(header))
        there = path.stat().st_size
    except OSError as error:
        raise DataDirectoryError(path, f"it can't be read ({error}); restore a copy") from error
    if found != header:
        raise DataDirectoryError(path, "its header is not this array's; restore a copy")
    if there != size:
        raise DataDirectoryError(path, f"expected {size} bytes, found {there}; restore a copy")
