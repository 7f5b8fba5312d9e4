"""Checkpoints: folders that hold the tables and parameters of one instant.

    checkpoints/NAME@00000002/state              what makes the tables up beside their arrays
    checkpoints/NAME@00000002/tables/0/...       a table's arrays, as `table_files` has them
    checkpoints/NAME@00000002/parameters/...     a file each
    checkpoints/RESTORING                        the folder of the one that is being restored

A checkpoint is written under another name and renamed when it is whole, so that a folder with this
name is. One that replaces another has a higher number; the lower one goes afterwards.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from replay_server.durability.errors import DataDirectoryError
from replay_server.durability.files import Files
from replay_server.durability.keeper import StandingTable
from replay_server.durability.memo import TableMemo
from replay_server.durability.pace import Pace
from replay_server.durability.parameter_shelf import Parameters
from replay_server.durability.redo import Blobs, Kind, decode_record, encode_record
from replay_server.durability.row_copy import RowCopy
from replay_server.durability.table_files import column_path, index_path, write_npy
from replay_server.errors import UnknownCheckpointError
from replay_server.memory.arrays import AnyArray
from replay_server.memory.segment_log import Segment

__all__ = ["CheckpointInfo", "Checkpoints", "Snapshot"]

_FORMAT: Final = 1
_RESTORING: Final = "RESTORING"
_PIECE_BYTES: Final = 1 << 20
_CHECK: Final = struct.Struct("<I")
_FOLDER: Final = re.compile(r"(?P<name>.+)@(?P<number>\d{8})")


@dataclass(frozen=True)
class CheckpointInfo:
    """What can be told of a checkpoint: its name, and how many tables, rows and bytes it holds."""

    name: str
    tables: int
    rows: int
    bytes: int


@dataclass
class _TableSnapshot:
    memo: TableMemo
    index: dict[str, AnyArray]
    rows: RowCopy
    segments: dict[str, Segment]


@dataclass
class Snapshot:
    """The tables and parameters of one instant.

    Rows are copied later, and saved before their slots are reused.

    Attributes:
        tables: what was copied at the instant.
        parameters: what stood then.
    """

    tables: list[_TableSnapshot] = field(default_factory=list)
    parameters: list[Parameters] = field(default_factory=list)

    @classmethod
    def of(cls, tables: Iterable[StandingTable], parameters: Iterable[Parameters] = ()) -> Snapshot:
        """Take the snapshot, at once. Cost: a copy of the index arrays."""
        return cls(
            [
                _TableSnapshot(
                    each.memo(),
                    {name: array.copy() for name, array in each.arrays.index.items()},
                    RowCopy(each.table, each.arrays.columns),
                    each.table.segments,
                )
                for each in tables
            ],
            list(parameters),
        )

    def close(self) -> None:
        """Copy nothing more."""
        for each in self.tables:
            each.rows.close()
            each.segments.clear()
        self.parameters = []


class Checkpoints:
    """The checkpoints in a folder."""

    def __init__(self, folder: Path, files: Files) -> None:
        """Take over a folder, and remove what was left half written."""
        self._folder = folder
        self._files = files
        whole = self._whole()
        for path in folder.iterdir():
            if path not in whole.values() and path.name != _RESTORING:
                files.remove_folder(path)

    def listed(self) -> list[CheckpointInfo]:
        """Return the whole ones, by name."""
        found = [self._info(path) for _, path in sorted(self._whole().items())]
        return [info for info in found if info is not None]

    def write(self, name: str, snapshot: Snapshot) -> CheckpointInfo:
        """Write a checkpoint, and replace one of that name. Takes long; for any thread.

        Raises:
            StorageFullError, OSError: there is no room; nothing has changed.
        """
        old = self._whole().get(name)
        number = 1 if old is None else _number(old) + 1
        path = self._folder / f"{name}@{number:08d}"
        partial = path.with_name(path.name + ".partial")
        try:
            info = self._write(partial, name, snapshot)
            self._files.rename(partial, path)
            self._files.sync_folder(self._folder)
        except BaseException:
            self._files.remove_folder(partial)
            raise
        finally:
            snapshot.close()
        if old is not None:
            self._files.remove_folder(old)
        return info

    def delete(self, name: str) -> None:
        """Remove a checkpoint. Raises UnknownCheckpointError."""
        path = self.path_of(name)
        gone = path.with_name(path.name + ".gone")
        self._files.rename(path, gone)
        self._files.sync_folder(self._folder)
        self._files.remove_folder(gone)

    def path_of(self, name: str) -> Path:
        """Return the folder of a checkpoint. Raises UnknownCheckpointError."""
        try:
            return self._whole()[name]
        except KeyError:
            raise UnknownCheckpointError(name) from None

    def read(self, path: Path) -> list[tuple[TableMemo, Path]]:
        """Return the memos of a checkpoint's tables, and the folders of their arrays.

        Raises:
            DataDirectoryError: it is damaged, or of another format.
        """
        document, reader = decode_record(memoryview(_checked(path / "state")))
        if document["format"] != _FORMAT:
            raise DataDirectoryError(
                path,
                f"it has format {document['format']}, and this version reads format {_FORMAT}; "
                "use the version that wrote it",
            )
        return [
            (TableMemo.decode(told, reader), path / "tables" / str(place))
            for place, told in enumerate(document["tables"])
        ]

    def parameters(self, path: Path) -> dict[str, Iterable[bytes]]:
        """Return the parameters of a checkpoint by name, each to be read piece by piece.

        Raises:
            DataDirectoryError: it is damaged.
        """
        document, _ = decode_record(memoryview(_checked(path / "state")))
        found: dict[str, Iterable[bytes]] = {}
        for name, size in document.get("parameters", {}).items():
            own = path / "parameters" / name
            if not own.is_file() or own.stat().st_size != size:
                raise DataDirectoryError(own, f"it has not {size} bytes; take another checkpoint")
            found[name] = _pieces(own)
        return found

    def begin_restoring(self, path: Path) -> None:
        """Note which one is to replace everything, in case that the process dies meanwhile."""
        self._files.replace(self._folder / _RESTORING, path.name.encode(), synced=True)

    def end_restoring(self) -> None:
        """Note that everything is replaced, or nothing."""
        self._files.remove(self._folder / _RESTORING)
        self._files.sync_folder(self._folder)

    @property
    def unfinished(self) -> str | None:
        """The name of the one that was being restored when the process died, if any was.

        Raises:
            DataDirectoryError: it is not there any more.
        """
        try:
            folder = (self._folder / _RESTORING).read_text()
        except FileNotFoundError:
            return None
        for name, path in self._whole().items():
            if path.name == folder:
                return name
        raise DataDirectoryError(
            self._folder / _RESTORING, f"{folder} was being restored and is missing; put it back"
        )

    def _write(self, folder: Path, name: str, snapshot: Snapshot) -> CheckpointInfo:
        files = self._files
        files.remove_folder(folder)
        pace = Pace()
        rows = size = 0
        for place, table in enumerate(snapshot.tables):
            own = folder / "tables" / str(place)
            for part in ("index", "columns"):
                files.make_folder(own / part)
            table.rows.write(own, files, pace)
            for array_name, array in table.index.items():
                write_npy(index_path(own, array_name), array, files, synced=True, pace=pace)
                size += array.nbytes
            for segment_name, segment in table.segments.items():
                path = column_path(own, segment_name)
                write_npy(path, segment.array, files, synced=True, stop=segment.used, pace=pace)
                size += segment.used
            rows += table.rows.count
            size += table.rows.count * table.rows.row_bytes
            for made in (own / "index", own / "columns", own):
                files.sync_folder(made)
        files.make_folder(folder / "tables")
        size += self._write_parameters(folder / "parameters", snapshot.parameters, pace)
        info = CheckpointInfo(name, len(snapshot.tables), rows, size)
        blobs = Blobs()
        document: dict[str, Any] = {
            "format": _FORMAT,
            "info": asdict(info),
            "tables": [table.memo.encode(blobs) for table in snapshot.tables],
            "parameters": {each.name: each.content.size for each in snapshot.parameters},
        }
        content = b"".join(encode_record(Kind.BASE, document, blobs))
        check = _CHECK.pack(zlib.crc32(content))
        files.replace(folder / "state", check + content, synced=True)
        files.sync_folder(folder / "tables")
        files.sync_folder(folder)
        return info

    def _write_parameters(self, folder: Path, parameters: Iterable[Parameters], pace: Pace) -> int:
        """Copy parameters into a folder; return how many bytes they are."""
        files, total = self._files, 0
        files.make_folder(folder)
        for each in parameters:
            descriptor = files.open(folder / each.name)
            try:
                for offset in range(0, each.content.size, _PIECE_BYTES):
                    piece = each.content.read(offset, _PIECE_BYTES)
                    files.write(descriptor, [piece], offset)
                    pace.rest()
                files.sync(descriptor)
            finally:
                files.close(descriptor)
            total += each.content.size
        files.sync_folder(folder)
        return total

    def _whole(self) -> dict[str, Path]:
        """Return the folders of whole checkpoints by name."""
        found: dict[str, Path] = {}
        for path in sorted(self._folder.iterdir()):
            matched = _FOLDER.fullmatch(path.name)
            if matched is not None:
                found[matched["name"]] = path
        return found

    def _info(self, path: Path) -> CheckpointInfo | None:
        try:
            document, _ = decode_record(memoryview(_checked(path / "state")))
        except DataDirectoryError:
            return None
        return CheckpointInfo(**document["info"])


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _number(path: Path) -> int:
    matched = _FOLDER.fullmatch(path.name)
    assert matched is not None
    return int(matched["number"])


def _checked(path: Path) -> bytes:
    """Return the content of a state file.

    Raises:
        DataDirectoryError: it is missing or damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataDirectoryError(path, f"it can't be read ({error}); take another") from error
    (check,) = _CHECK.unpack_from(content) if len(content) > _CHECK.size else (None,)
    if check != zlib.crc32(content[_CHECK.size :]):
        raise DataDirectoryError(path, "it is damaged; take another checkpoint")
    return content[_CHECK.size :]
