"""The files of one table: a folder with its index arrays and its columns, all of them `.npy`.

tables/00000003-NAME/index/keys.npy ...          written now and then, whole, while in use
tables/00000003-NAME/columns/observation.npy ... mapped; a row is written once
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import numpy as np

from replay_server.durability.errors import DataDirectoryError
from replay_server.durability.files import Files
from replay_server.durability.pace import Pace
from replay_server.durability.segment_files import SegmentFiles
from replay_server.durability.table_arrays import TableArrays
from replay_server.errors import StorageFullError
from replay_server.memory.arrays import AnyArray, Columns, Int64Array

__all__ = ["TableFiles", "column_path", "index_path", "npy_header", "read_npy", "write_npy"]

_SEGMENT_BYTES: Final = 1 << 24
_WRITTEN_BYTES: Final = 1 << 20
Copied: TypeAlias = Callable[[memoryview], bytes]


class TableFiles(TableArrays):
    """A table's folder: the index is in memory, the columns are mapped from their files.

    Attributes:
        folder: where it is.
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
        super().__init__()
        self.folder = folder
        self.rows_expected = 0
        self._files = files
        self._synced = synced
        self._existing = existing
        self._reserved_rows = 0
        self._mapped: dict[str, _MappedColumn] = {}
        self._segments = SegmentFiles(folder / "columns", files, synced=synced)

    @classmethod
    def make(cls, folder: Path, files: Files, *, synced: bool) -> TableFiles:
        """Make the folder of a new table."""
        files.make_folder(folder / "index")
        files.make_folder(folder / "columns")
        if synced:
            files.sync_folder(folder)
            files.sync_folder(folder.parent)
        return cls(folder, files, synced=synced, existing=False)

    def make_column(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> AnyArray:
        """Return a column, mapped.

        Raises:
            StorageFullError: its file can't be made.
            OSError, DataDirectoryError: it should be there, and can't be used or is another's.
        """
        try:
            return self._made_column(name, shape, dtype)
        except OSError as error:
            if self._existing:
                raise
            raise StorageFullError(str(error)) from error

    def _made_column(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> AnyArray:
        path = column_path(self.folder, name)
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
        return column.array

    def discard_columns(self) -> None:
        """Let go of columns that were made for rows which did not come in after all."""
        for column in self._mapped.values():
            column.close()
            with suppress(OSError):  # a file that is left over is made anew
                self._files.remove(column.path)
        self._mapped.clear()
        self.columns.clear()

    def make_segment(self, name: str, nbytes: int) -> AnyArray:
        """Return a segment of a compressed column, mapped.

        Raises:
            StorageFullError: its file can't be made; nothing has changed then.
            DataDirectoryError: it should be there and is not, or is another's.
        """
        path = column_path(self.folder, name)
        header = npy_header((nbytes,), np.dtype(np.uint8))
        if self._existing:
            _check_npy(path, header, len(header) + nbytes)
            return self._segments.open(name, path, header, nbytes)
        try:
            return self._segments.make(name, path, header, nbytes)
        except OSError as error:
            raise StorageFullError(str(error)) from error

    def write_segment(self, segment: str, first: int, content: memoryview) -> None:
        """Write bytes to a segment from a place on. Raises StorageFullError."""
        try:
            self._segments.write(segment, first, content)
        except OSError as error:
            raise StorageFullError(str(error)) from error

    def remove_segments(self, segments: Iterable[str]) -> None:
        """Remove the files of segments. Raises OSError."""
        for segment in segments:
            self._segments.remove(segment)

    def remove_strangers(self) -> None:
        """Remove the files of segments that this table does not have, as a crash leaves them."""
        known = {column_path(self.folder, name) for name in (*self._segments.names, *self.columns)}
        for path in (self.folder / "columns").iterdir():
            if path not in known:
                self._files.remove(path)

    def reserve_rows(self, stop: int) -> None:
        """Make sure that rows can be stored at slots below `stop`, and some more.

        Raises StorageFullError.
        """
        if stop <= self._reserved_rows or not self._mapped:
            return
        row_bytes = sum(column.row_bytes for column in self._mapped.values())
        piece = max(_SEGMENT_BYTES // max(row_bytes, 1), 1)
        try:
            self._reserve_rows(-(-stop // piece) * piece)
        except StorageFullError:  # there may still be room for what is needed now
            self._reserve_rows(stop)

    def _reserve_rows(self, stop: int) -> None:
        for column in self._mapped.values():
            column.reserve(stop)
        self._reserved_rows = stop

    def reserve_index(self) -> None:
        """Make sure that the index can be written over and over, on a full disk, too.

        Raises StorageFullError, OSError.
        """
        for name, array in self.index.items():
            descriptor = self._files.open(index_path(self.folder, name))
            try:
                size = len(npy_header(array.shape, array.dtype)) + array.nbytes
                self._files.reserve(descriptor, 0, size)
            finally:
                self._files.close(descriptor)

    def storing(self, slots: Int64Array, columns: Columns) -> None:
        """Tell the file layer of rows that are about to be stored."""
        for name, source in columns.items():
            column = self._mapped[name]
            self._files.storing(column.path, column.array, slots, source)

    def write_index(self, copied: Copied, *, synced: bool) -> None:
        """Write the index arrays, while they may be changed, and sync all if need be.

        What changes meanwhile is in the journal. Raises StorageFullError, OSError.

        Args:
            copied: returns what a piece of an array holds at a moment that the journal knows.
            synced: whether to sync, the rows and the names of the files as well.
        """
        for name, array in list(self.index.items()):
            path = index_path(self.folder, name)
            write_npy(path, array, self._files, synced=synced, copied=copied)
        if synced:
            self._sync_rows_and_names()

    def sync(self) -> None:
        """Return when all that the files hold is on the disk. Raises OSError."""
        for path in (self.folder / "index").iterdir():
            self._files.sync_file(path)
        self._sync_rows_and_names()

    def _sync_rows_and_names(self) -> None:
        for column in list(self._mapped.values()):
            column.sync()
        self._segments.sync()
        names = (self.folder / "index", self.folder / "columns")
        for folder in (*names, self.folder, self.folder.parent):
            self._files.sync_folder(folder)

    def read_index(self) -> None:
        """Fill the index arrays with what their files hold.

        Raises:
            DataDirectoryError: a file is missing, damaged or another array's.
        """
        for name, array in self.index.items():
            read_npy(index_path(self.folder, name), array)

    def expect_new(self) -> None:
        """Make the files of columns from now on."""
        self._existing = False

    def close(self) -> None:
        """Close the files; arrays that are mapped stay readable."""
        for column in self._mapped.values():
            column.close()
        self._mapped.clear()
        self._segments.close()


class _MappedColumn:
    """One column's file: a header, and an array mapped from what follows it."""

    def __init__(
        self, path: Path, files: Files, shape: tuple[int, ...], dtype: np.dtype[Any], *, make: bool
    ) -> None:
        self.path = path
        self._files = files
        self.row_bytes = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
        self._slots = shape[0]
        self._reserved_rows = 0
        header = npy_header(shape, dtype)
        self._start = len(header)
        size = self._start + self._slots * self.row_bytes
        if not make:
            _check_npy(path, header, size)
        self._descriptor = files.open_to_keep(path) if make else files.open(path)
        try:
            if make:
                files.resize(self._descriptor, 0)
                files.write(self._descriptor, [header], 0)
                files.resize(self._descriptor, size)
            if self.row_bytes:
                mapped = np.memmap(path, dtype, "r+", self._start, shape)
                self.array: AnyArray = mapped.view(np.ndarray)
            else:
                self.array = np.zeros(shape, dtype)
        except BaseException:
            self.close()
            raise

    def reserve(self, stop: int) -> None:
        """Reserve space for the rows at slots below `stop`, of those there are."""
        stop = min(stop, self._slots)
        if stop <= self._reserved_rows or not self.row_bytes:
            return
        first = self._start + self._reserved_rows * self.row_bytes
        self._files.reserve(self._descriptor, first, self._start + stop * self.row_bytes - first)
        self._reserved_rows = stop

    def sync(self) -> None:
        self._files.sync(self._descriptor)

    def close(self) -> None:
        self._files.close(self._descriptor)


def index_path(folder: Path, name: str) -> Path:
    """Return the file of an index array in a table's folder."""
    return folder / "index" / f"{quote(name, safe='')}.npy"


def column_path(folder: Path, name: str) -> Path:
    """Return the file of a column in a table's folder."""
    return folder / "columns" / f"{quote(name, safe='')}.npy"


def write_npy(
    path: Path,
    array: AnyArray,
    files: Files,
    *,
    synced: bool,
    copied: Copied | None = None,
    stop: int | None = None,
    pace: Pace | None = None,
) -> None:
    """Write an array to a file piece by piece, without holding the interpreter for long.

    Where the array may change meanwhile, each piece is what `copied` returns of it. What lies from
    the byte `stop` on is left out and reads as zeros. With `pace` it rests after each piece.
    """
    header = npy_header(array.shape, array.dtype)
    descriptor = files.open(path)
    try:
        files.write(descriptor, [header], 0)
        if array.nbytes:
            content = array.reshape(-1).view(np.uint8).data[:stop]
            for start in range(0, len(content), _WRITTEN_BYTES):
                piece: memoryview | bytes = content[start : start + _WRITTEN_BYTES]
                if copied is not None:
                    piece = copied(content[start : start + _WRITTEN_BYTES])
                files.write(descriptor, [piece], len(header) + start)
                if pace is not None:
                    pace.rest()
        files.resize(descriptor, len(header) + array.nbytes)
        if synced:
            files.sync(descriptor)
    finally:
        files.close(descriptor)


def read_npy(path: Path, array: AnyArray, stop: int | None = None) -> None:
    """Fill an array, or the bytes before `stop` in it, with a file that `write_npy` wrote.

    Raises:
        DataDirectoryError: the file is damaged or another array's.
    """
    header = npy_header(array.shape, array.dtype)
    _check_npy(path, header, len(header) + array.nbytes)
    if array.nbytes:
        with path.open("rb") as file:
            file.seek(len(header))
            file.readinto(array.reshape(-1).view(np.uint8).data[:stop])


def npy_header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """Return what a `.npy` file of an array in C order begins with."""
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
        raise DataDirectoryError(
            path, f"it can't be read ({error.strerror}); restore a copy"
        ) from error
    if found != header:
        raise DataDirectoryError(path, "its header is not this array's; restore a copy")
    if there != size:
        raise DataDirectoryError(path, f"expected {size} bytes, found {there}; restore a copy")
