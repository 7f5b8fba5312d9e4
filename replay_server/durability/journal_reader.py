"""What a start finds in the journal, and what of it is damage.

The last segment may end with a record that is broken off: it was never acknowledged. What is
broken anywhere else has been damaged: where a segment follows that knows of more records, or a
record stands behind that was written when this one was there for certain. So is a segment that is
missing though others speak of it.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from replay_server.durability.errors import DataDirectoryError
from replay_server.durability.files import Files
from replay_server.durability.journal import (
    HEAD_BYTES,
    HEADER,
    Flags,
    Head,
    padded,
    record_check,
    segment_path,
    word_of_next,
)

__all__ = ["FoundJournal", "FoundSegment", "read_journal", "read_segment"]

_REMEDY: Final = "restore a checkpoint or a copy"


@dataclass
class FoundSegment:
    """A segment's file.

    Attributes:
        path: where it is.
        head: what it begins with; None where that is no head.
        payloads: of its whole records, views of the mapped file.
        end: where the next record would be.
        is_followed: whether it says that another segment follows.
        is_short: whether its file is shorter than it says.
    """

    path: Path
    head: Head | None = None
    payloads: list[memoryview] = field(default_factory=list)
    end: int = HEAD_BYTES
    is_followed: bool = False
    is_short: bool = False

    @property
    def is_on_disk(self) -> bool:
        """Whether it says that what it holds, and all before it, is there if the machine fails."""
        flags = Flags(0) if self.head is None else self.head.flags
        return Flags.SYNCED in flags and (Flags.POWER in flags or len(self.payloads) == 1)

    def seal(self, files: Files) -> None:
        """Let it end with its last whole record, and with the space that was reserved for more.

        Raises OSError.
        """
        assert self.head is not None
        least = self.end + HEADER.size
        descriptor = files.open(self.path)
        try:
            files.write(descriptor, [bytes(HEADER.size)], self.end)
            files.write(descriptor, [replace(self.head, least=least).encode()], 0)
            files.sync(descriptor)
            files.resize(descriptor, least)
        finally:
            files.close(descriptor)

    def tell_of_next(self, files: Files) -> None:
        """Let it end with the word that another one follows, which is there for certain.

        Raises OSError.
        """
        descriptor = files.open(self.path)
        try:
            files.write(descriptor, [word_of_next(len(self.payloads))], self.end)
            files.sync(descriptor)
        finally:
            files.close(descriptor)


@dataclass(frozen=True)
class FoundJournal:
    """The segments to be played.

    Attributes:
        segments: those from the one that was asked for on; the last may be broken off.
        unbegun: the file of one that was being begun and holds nothing yet; None where none was.
    """

    segments: list[FoundSegment]
    unbegun: Path | None

    @property
    def payloads(self) -> list[memoryview]:
        """All records' payloads."""
        return [payload for segment in self.segments for payload in segment.payloads]

    @property
    def is_on_disk(self) -> bool:
        """Whether it says that all is there if the machine fails."""
        return all(segment.is_on_disk for segment in self.segments)


def read_journal(folder: Path, first: int) -> FoundJournal:
    """Return what stands in segment `first` and those after it.

    Raises:
        DataDirectoryError: a segment is missing or damaged.
    """
    numbers = [int(path.stem) for path in folder.glob("*.log") if path.stem.isdecimal()]
    found = []
    for number in range(first, max(first, *numbers, 0) + 1):
        path = segment_path(folder, number)
        if not path.exists():
            raise DataDirectoryError(path, f"it is missing; {_REMEDY}")
        found.append(read_segment(path, number))
    unbegun = found.pop().path if len(found) > 1 and not found[-1].payloads else None
    for segment, following in pairwise(found):
        if following.head is None:
            raise _damaged(following.path, 0)
        if len(segment.payloads) != following.head.before:
            raise _damaged(segment.path, segment.end)
    last = found[-1]
    if not last.payloads:
        raise _damaged(last.path, 0)
    if last.is_short and (len(last.payloads) > 1 or len(found) == 1 or found[-2].is_followed):
        raise _damaged(last.path, last.end)  # else it was being begun when the machine failed
    if last.is_followed:
        missing = segment_path(folder, first + len(found))
        raise DataDirectoryError(missing, f"it is missing or empty; {_REMEDY}")
    return FoundJournal(found, unbegun)


def read_segment(path: Path, number: int) -> FoundSegment:
    """Return what stands in a segment's file.

    Raises:
        DataDirectoryError: it is damaged, not only broken off at its end.
    """
    found = FoundSegment(path)
    if not path.stat().st_size:
        return found
    with path.open("rb") as file:
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    found.head = Head.decode(content)
    while (payload := _record(content, found.end, len(found.payloads))) is not None:
        if not payload.nbytes:
            found.is_followed = True
            break
        found.payloads.append(payload)
        found.end += padded(HEADER.size + payload.nbytes)
    if found.payloads and (found.head is None or found.head.number != number):
        raise _damaged(path, 0)
    found.is_short = found.head is not None and content.nbytes < found.head.least
    if found.is_followed:
        return found
    if _is_cut_off(found, content) or _holds_more(found, content):
        raise _damaged(path, min(found.end, content.nbytes))
    return found


def _is_cut_off(found: FoundSegment, content: memoryview) -> bool:
    """Return whether what broke a record off was not that it was being written."""
    if found.head is None:
        return False
    if Flags.POWER in found.head.flags:  # what was not synced may have left a shorter file
        return False
    size, count = content.nbytes, len(found.payloads)
    if found.is_short or found.end + HEADER.size > size:
        return True
    length, check, number, _ = HEADER.unpack_from(content, found.end)
    if not (length or check):  # nothing, or what `seal` was wiping out
        return False
    return bool(number != count or found.end + 2 * HEADER.size + length > size)


def _record(content: memoryview, at: int, number: int) -> memoryview | None:
    """Return the payload of the record at an offset; None if no whole one is there."""
    start = at + HEADER.size
    if start > content.nbytes:
        return None
    length, check, own_number, certain = HEADER.unpack_from(content, at)
    if own_number != number or length > content.nbytes - start:
        return None
    payload = content[start : start + length]
    return payload if check == record_check((payload,), length, number, certain) else None


def _holds_more(found: FoundSegment, content: memoryview) -> bool:
    """Return whether a record stands behind the end that was written when more were certain."""
    rest = content[found.end :]
    words = np.frombuffer(rest, "<u4", rest.nbytes // HEADER.size * HEADER.size // 4)
    lines, count = words.reshape(-1, HEADER.size // 4), len(found.payloads)
    # a header: length (two words), CRC, number, certain, and nothing
    may_be = (lines[:, 3] > count) & (lines[:, 4] > count) & (lines[:, 5] == 0)
    return any(
        _record(content, found.end + line * HEADER.size, int(lines[line, 3])) is not None
        for line in np.flatnonzero(may_be).tolist()
    )


def _damaged(path: Path, at: int) -> DataDirectoryError:
    return DataDirectoryError(path, f"the journal is damaged at byte {at}; {_REMEDY}")
