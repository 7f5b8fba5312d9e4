"""The journal: records appended to segment files, each whole or not there.

    segment   NNNNNNNN.log, space reserved in chunks ahead of what is written
    record    length (8 bytes), CRC-32 (4), number (4), payload; the next on a 16-byte boundary,
              so that a header never lies across two pages
    end       a length of zero

A segment is never written over: a new one begins at each start and whenever the index has been
written. A record that is broken off at the end of the last segment was never acknowledged, and
ends the journal; anywhere else it means damage.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from replay_server.durability.errors import DataDirectoryError
from replay_server.durability.files import Buffer, Files

__all__ = ["Journal", "is_empty", "read_segment", "seal", "segment_path", "segments"]

_HEADER: Final = struct.Struct("<QII")
_CHUNK: Final = 1 << 18
_NUMBERS: Final = 1 << 32


class Journal:
    """The segment that is written to.

    Attributes:
        segment: its number.
        size: bytes in it.
        appended: records appended to any segment since this object was made.
    """

    def __init__(self, folder: Path, files: Files, segment: int) -> None:
        """Write to segments after `segment`; `begin` makes the first."""
        self.segment = segment
        self.size = 0
        self.appended = 0
        self._folder = folder
        self._files = files
        self._reserved = 0
        self._number = 0
        self._descriptor: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a segment to write to."""
        return self._descriptor is not None

    def begin(self, first: Sequence[Buffer], *, synced: bool) -> int | None:
        """Begin a new segment with a first record; return the old one's descriptor.

        The caller closes that, and syncs it before if need be.

        Raises:
            StorageFullError, OSError: it can't be made; the old one goes on.
        """
        old = (self._descriptor, self.segment, self.size, self._reserved, self._number)
        path = segment_path(self._folder, self.segment + 1)
        self._descriptor = self._files.open(path)
        self.segment, self.size, self._reserved, self._number = self.segment + 1, 0, 0, 0
        try:
            self.reserve(sum(memoryview(each).nbytes for each in first))
            self.append(first)
            if synced:
                self._files.sync(self._descriptor)
                self._files.sync_folder(self._folder)
        except BaseException:
            self._files.close(self._descriptor)
            self._descriptor, self.segment, self.size, self._reserved, self._number = old
            self._files.remove(path)
            raise
        return old[0]

    def reserve(self, payload_bytes: int) -> None:
        """Make sure that a record of so many bytes can be appended.

        Raises:
            StorageFullError: there is no space.
        """
        assert self._descriptor is not None
        end = self.size + _HEADER.size + payload_bytes + 2 * _HEADER.size  # a zero length after it
        if end > self._reserved:
            end = -(-end // _CHUNK) * _CHUNK
            self._files.reserve(self._descriptor, self._reserved, end - self._reserved)
            self._reserved = end

    def append(self, payload: Sequence[Buffer]) -> None:
        """Append a record for which space was reserved. Raises OSError if the disk fails."""
        assert self._descriptor is not None
        size = sum(memoryview(each).nbytes for each in payload)
        check = zlib.crc32(struct.pack("<QI", size, self._number))
        for each in payload:
            check = zlib.crc32(each, check)
        header = _HEADER.pack(size, check, self._number)
        self._files.write(self._descriptor, [header, *payload], self.size)
        self.size += _padded(_HEADER.size + size)
        self._number = (self._number + 1) % _NUMBERS
        self.appended += 1

    def sync(self) -> None:
        """Return when all that was appended is on the disk."""
        if self._descriptor is not None:
            self._files.sync(self._descriptor)

    def close_segment(self, descriptor: int) -> None:
        """Close the file of a segment that `begin` has returned."""
        self._files.close(descriptor)

    def close(self) -> None:
        """Close the segment."""
        if self._descriptor is not None:
            self._files.close(self._descriptor)
            self._descriptor = None


def segment_path(folder: Path, segment: int) -> Path:
    """Return the file of a segment."""
    return folder / f"{segment:08d}.log"


def segments(folder: Path, first: int) -> list[Path]:
    """Return the files of segment `first` and of those that follow it without a gap."""
    found: list[Path] = []
    while (path := segment_path(folder, first + len(found))).exists():
        found.append(path)
    return found


def read_segment(path: Path, *, is_last: bool, may_lose_tail: bool) -> Iterator[memoryview]:
    """Yield the payloads of a segment's records, views of the mapped file.

    Args:
        path: its file.
        is_last: whether its end may be broken off.
        may_lose_tail: whether whole records may lie behind a broken one, as after a power failure.

    Raises:
        DataDirectoryError: it is damaged.
    """
    size = path.stat().st_size
    if not size:
        if is_last:
            return
        raise DataDirectoryError(path, "this journal is empty; restore a checkpoint or a copy")
    with path.open("rb") as file:
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    at = number = 0
    while at + _HEADER.size <= size:
        payload = _record(content, at, number)
        if payload is None:
            length, _, _ = _HEADER.unpack_from(content, at)
            if length and not (is_last and _is_torn(content, at, number, may_lose_tail)):
                raise DataDirectoryError(
                    path, f"the journal is damaged at byte {at}; restore a checkpoint or a copy"
                )
            return
        yield payload
        at += _padded(_HEADER.size + payload.nbytes)
        number = (number + 1) % _NUMBERS
    raise DataDirectoryError(
        path, f"the journal was cut off at byte {size}; restore a checkpoint or a copy"
    )


def is_empty(path: Path) -> bool:
    """Return whether a segment holds no whole record: it was begun and nothing more."""
    return next(read_segment(path, is_last=True, may_lose_tail=True), None) is None


def seal(path: Path, files: Files) -> None:
    """Let a segment end with its last whole record, whatever was broken off behind it."""
    end = 0
    for payload in read_segment(path, is_last=True, may_lose_tail=True):
        end += _padded(_HEADER.size + payload.nbytes)
    descriptor = files.open(path)
    try:
        files.write(descriptor, [bytes(_HEADER.size)], end)
        files.sync(descriptor)
    finally:
        files.close(descriptor)


def _record(content: memoryview, at: int, number: int) -> memoryview | None:
    """Return the payload of the record at an offset; None if no whole one is there."""
    length, check, own_number = _HEADER.unpack_from(content, at)
    start = at + _HEADER.size
    if not length or own_number != number or length > content.nbytes - start:
        return None
    payload = content[start : start + length]
    found = zlib.crc32(payload, zlib.crc32(struct.pack("<QI", length, number)))
    return payload if found == check else None


def _is_torn(content: memoryview, at: int, number: int, may_lose_tail: bool) -> bool:
    """Return whether what stands at an offset may be a record that was being written."""
    if may_lose_tail:
        return True
    length, _, own_number = _HEADER.unpack_from(content, at)
    following = at + _padded(_HEADER.size + length)
    if own_number != number or following + _HEADER.size > content.nbytes:
        return False  # its space had been reserved before it was written: the file was cut
    return _record(content, following, (number + 1) % _NUMBERS) is None


def _padded(size: int) -> int:
    return -(-size // 16) * 16
