"""The journal: records appended to segment files, each whole or not there.

    segment   NNNNNNNN.log, space reserved ahead of what is written
    head      magic (8 bytes), CRC-32 (4), flags (4), the segment's number (8), records in the
              segment before it (8), bytes that the file has at the least (8), nothing (24)
    record    length (8 bytes), CRC-32 (4), number (4), records before it that are there for
              certain (4), nothing (12), payload; the next on a 32-byte boundary, so that a header
              never lies across two pages
    end       a header of zeros; where another segment follows, of length zero, with a CRC

A segment is never written over: a new one begins at each start and whenever the index has been
written. See `journal_reader` for what may be missing at the end of the last one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import IntFlag
from pathlib import Path
from typing import Final

from replay_server.durability.files import Buffer, Files
from replay_server.errors import StorageFullError

__all__ = [
    "HEADER",
    "HEAD_BYTES",
    "Flags",
    "Head",
    "Journal",
    "padded",
    "record_check",
    "segment_path",
]

HEADER: Final = struct.Struct("<QIII12x")
HEAD_BYTES: Final = 64
_HEAD: Final = struct.Struct("<8sI")
_HEAD_FACTS: Final = struct.Struct("<IQQQ24x")
_MAGIC: Final = b"RJournal"
_CHUNK: Final = 1 << 18
_SPARE: Final = 1 << 23


class Flags(IntFlag):
    """What a segment's head says of it."""

    SYNCED = 1  # all that was before it is on the disk
    POWER = 2  # its records are there for certain once they have been synced only


@dataclass(frozen=True)
class Head:
    """What a segment begins with.

    Attributes:
        flags: see there.
        number: the segment's.
        before: records in the segment before it.
        least: bytes that its file has at the least.
    """

    flags: Flags
    number: int
    before: int
    least: int

    def encode(self) -> bytes:
        """Return it as bytes [HEAD_BYTES]."""
        facts = _HEAD_FACTS.pack(self.flags, self.number, self.before, self.least)
        return _HEAD.pack(_MAGIC, zlib.crc32(facts)) + facts

    @classmethod
    def decode(cls, content: Buffer) -> Head | None:
        """Return what stands at the beginning of a file; None where that is no head."""
        if memoryview(content).nbytes < HEAD_BYTES:
            return None
        magic, check = _HEAD.unpack_from(content)
        facts = bytes(content[_HEAD.size : HEAD_BYTES])
        if magic != _MAGIC or check != zlib.crc32(facts):
            return None
        flags, *numbers = _HEAD_FACTS.unpack(facts)
        return cls(Flags(flags), *numbers)


@dataclass(eq=False)
class _Segment:
    """A segment that is written to.

    Attributes:
        descriptor: of its file.
        head: what it begins with.
        size: bytes in it.
        reserved: bytes that have space.
        count: records in it.
        certain: those that are on the disk as surely as it was promised.
    """

    descriptor: int
    head: Head
    size: int = HEAD_BYTES
    reserved: int = 0
    count: int = 0
    certain: int = 0


def word_of_next(count: int) -> bytes:
    """Return what a segment of `count` records ends with once another one follows."""
    return HEADER.pack(0, record_check((), 0, count, count), count, count)


class Journal:
    """The segment that is written to.

    Attributes:
        appended: records appended to any segment since this object was made.
        is_scarce: whether the disk is full, so that records take what was kept in hand for that.
    """

    def __init__(
        self, folder: Path, files: Files, last: int, last_count: int, *, power: bool
    ) -> None:
        """Write to segments after the last one, whose records are so many; `begin` makes the first.

        With `power` records are there for certain once they are synced, else at once.
        """
        self.appended = self._appended_bytes = self._synced_bytes = 0
        self.is_scarce = False
        self._folder = folder
        self._files = files
        self._power = power
        self._last, self._last_count = last, last_count
        self._segment: _Segment | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a segment to write to."""
        return self._segment is not None

    @property
    def number(self) -> int:
        """The last segment's number."""
        return self._last if self._segment is None else self._segment.head.number

    @property
    def unsynced_bytes(self) -> int:
        """Bytes of the records appended since this object was made that no sync has reached."""
        return self._appended_bytes - self._synced_bytes

    @property
    def size(self) -> int:
        """Bytes in the segment that is written to."""
        return 0 if self._segment is None else self._segment.size

    def begin(self, first: Sequence[Buffer], *, synced: bool) -> int | None:
        """Begin a new segment with a first record; return the old one's descriptor.

        The caller closes that, and syncs it before if need be: with `synced` the new one says that
        everything before it is on the disk.

        Raises:
            StorageFullError, OSError: it can't be made; the old one goes on.
        """
        old = self._segment
        if old is not None and self.is_scarce:
            self._give_back(old)
        flags = Flags(Flags.SYNCED * synced | Flags.POWER * self._power)
        head = Head(flags, self.number + 1, self._last_count if old is None else old.count, 0)
        path = segment_path(self._folder, head.number)
        self._segment = new = _Segment(self._files.open(path), head)
        try:
            self._files.resize(new.descriptor, 0)
            self.reserve(sum(memoryview(each).nbytes for each in first), grows=False)
            self._write_head(new)
            self.append(first)
            if synced:
                self.sync()
                self._files.sync_folder(self._folder)
        except BaseException:
            self._segment = old
            self._files.close(new.descriptor)
            with suppress(OSError):
                self._files.remove(path)
            raise
        if old is None:
            return None
        self._tell_of_next(old)
        return old.descriptor

    def _give_back(self, segment: _Segment) -> None:
        """Let go of what is kept in hand, as the next segment needs it on a full disk."""
        segment.reserved = segment.size + HEADER.size
        self._write_head(segment)
        if self._power:
            self._files.sync(segment.descriptor)
        self._files.resize(segment.descriptor, segment.reserved)

    def _write_head(self, segment: _Segment) -> None:
        segment.head = replace(segment.head, least=segment.reserved)
        self._files.write(segment.descriptor, [segment.head.encode()], 0)

    def _tell_of_next(self, old: _Segment) -> None:
        """Let the old segment end with the word that another one follows."""
        # should it fail: the next one tells how many records this has; that it is there goes untold
        with suppress(StorageFullError, OSError):
            self._files.write(old.descriptor, [word_of_next(old.count)], old.size)

    def reserve(self, payload_bytes: int, *, grows: bool) -> None:
        """Make sure that a record of so many bytes can be appended.

        Beyond that some space is kept in hand, so that on a full disk records still find some that
        come without rows: those of draws, updates and deletes.

        Args:
            payload_bytes: the record's.
            grows: whether more than the record is to be stored, for which nothing in hand is given.

        Raises:
            StorageFullError: there is no space.
        """
        segment = self._segment
        assert segment is not None
        end = segment.size + HEADER.size + payload_bytes + 2 * HEADER.size  # and the end after it
        if end + _SPARE <= segment.reserved:
            return
        if grows or not self.is_scarce:
            try:
                self._reserve(segment, end + _SPARE)
            except StorageFullError:
                self.is_scarce = True
                if grows:
                    raise
            else:
                self.is_scarce = False
        more = _SPARE // 2
        while end > segment.reserved:
            try:
                self._reserve(segment, end + more)
            except StorageFullError:
                if not more:
                    raise
                more = more // 2 if more > _CHUNK else 0

    def _reserve(self, segment: _Segment, end: int) -> None:
        end = -(-end // _CHUNK) * _CHUNK
        try:
            self._files.reserve(segment.descriptor, segment.reserved, end - segment.reserved)
        except StorageFullError:
            self._files.resize(segment.descriptor, segment.reserved)  # it may have taken a part
            raise
        segment.reserved = end

    @property
    def needs_the_next(self) -> bool:
        """Whether the disk is full, and most of what was in hand for that is used up.

        The rest is for a new segment, after which this one can go.
        """
        segment = self._segment
        if segment is None or not self.is_scarce:
            return False
        return segment.reserved - segment.size < _SPARE // 4

    def append(self, payload: Sequence[Buffer]) -> None:
        """Append a record for which space was reserved. Raises OSError if the disk fails."""
        segment = self._segment
        assert segment is not None
        size = sum(memoryview(each).nbytes for each in payload)
        certain = segment.certain if self._power else segment.count
        check = record_check(payload, size, segment.count, certain)
        header = HEADER.pack(size, check, segment.count, certain)
        self._files.write(segment.descriptor, [header, *payload], segment.size)
        segment.size += padded(HEADER.size + size)
        self._appended_bytes += padded(HEADER.size + size)
        segment.count += 1
        self.appended += 1

    def sync(self) -> None:
        """Return when all that was appended is on the disk. For any thread."""
        segment = self._segment
        if segment is not None:
            count, appended_bytes = segment.count, self._appended_bytes
            self._files.sync(segment.descriptor)
            self._synced_bytes = max(self._synced_bytes, appended_bytes)
            segment.certain = max(segment.certain, count)

    def close_segment(self, descriptor: int) -> None:
        """Close the file of a segment that `begin` has returned."""
        self._files.close(descriptor)

    def close(self) -> None:
        """Close the segment."""
        if self._segment is not None:
            self._files.close(self._segment.descriptor)
            self._last, self._last_count = self._segment.head.number, self._segment.count
            self._segment = None


def segment_path(folder: Path, segment: int) -> Path:
    """Return the file of a segment."""
    return folder / f"{segment:08d}.log"


def record_check(payload: Sequence[Buffer], size: int, number: int, certain: int) -> int:
    """Return the check of a record."""
    check = zlib.crc32(struct.pack("<QII", size, number, certain))
    for each in payload:
        check = zlib.crc32(each, check)
    return check


def padded(size: int) -> int:
    """Return the bytes that a record of `size` bytes takes, header and all."""
    return -(-size // HEADER.size) * HEADER.size
