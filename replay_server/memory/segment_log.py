"""Pieces of bytes one after another in segments, of which each goes with its last piece.

A piece is written once and never moved. Its location is its segment's number and its offset there,
as one number; 0 is nowhere. Numbers grow, so that what was read from a segment stays what it is for
as long as somebody holds its array.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from replay_server.memory.arrays import Allocate, Int64Array, UInt8Array
from replay_server.memory.errors import InconsistentStateError

if TYPE_CHECKING:
    from replay_server.memory.changes import Changes

__all__ = ["Segment", "SegmentLog", "segment_bytes_for"]

_NUMBER_SHIFT: Final = 32
_OFFSETS: Final = (1 << _NUMBER_SHIFT) - 1
_MOST_BYTES: Final = 1 << 24
_FEWEST_BYTES: Final = 1 << 16
_FEWEST_ROWS: Final = 8
_SEGMENTS_A_TABLE: Final = 256


def segment_bytes_for(slots: int, row_bytes: int) -> int:
    """Return the size of a segment: a small part of what all rows could take, up to 16 MiB.

    What has gone keeps its space until all of its segment has: at most one of them, where rows go
    in the order in which they came.
    """
    fewest = max(_FEWEST_BYTES, _FEWEST_ROWS * row_bytes)
    size = max(slots * row_bytes // _SEGMENTS_A_TABLE, fewest)
    return max(min(size, _MOST_BYTES), row_bytes)


@dataclass
class Segment:
    """A piece of memory, or of a file.

    Attributes:
        array: its bytes.
        used: how many of them were appended; these never change.
        pieces: how many of those that were appended are there.
    """

    array: UInt8Array
    used: int = 0
    pieces: int = 0


class SegmentLog:
    """The pieces of one column."""

    def __init__(self, name: str, segment_bytes: int, allocate: Allocate, changes: Changes) -> None:
        """Start without segments.

        Args:
            name: of the column; a segment's array is allocated as `segment/NAME.NUMBER`.
            segment_bytes: of each; no piece is longer.
            allocate: where the segments come from.
            changes: stores what is appended, and hears of segments that are not needed any more.
        """
        self._name = name
        self._segment_bytes = segment_bytes
        self._allocate = allocate
        self._changes = changes
        self._segments: dict[int, Segment] = {}
        self._open: int | None = None
        self._next = 1

    @property
    def nbytes(self) -> int:
        """Bytes that were appended to the segments there are."""
        return sum(segment.used for segment in self._segments.values())

    @property
    def pieces(self) -> int:
        """How many pieces there are."""
        return sum(segment.pieces for segment in self._segments.values())

    def segments(self) -> dict[str, Segment]:
        """Return what there is now by the segments' names; what is appended later is not in it."""
        return {
            self._segment_name(number): replace(segment)
            for number, segment in self._segments.items()
        }

    def append(self, content: bytes, lengths: Int64Array) -> Int64Array:
        """Append pieces of lengths [N], whose bytes follow one another; return locations [N].

        Raises StorageFullError, MemoryError; nothing of it can be found then.
        """
        locations = np.empty(len(lengths), np.int64)
        ends = np.cumsum(lengths)
        done = taken = 0
        while done < len(lengths):
            if self._open is None:
                self._begin()
            number = self._open
            assert number is not None
            segment = self._segments[number]
            used = segment.used
            room = self._segment_bytes - used
            stop = int(np.searchsorted(ends, taken + room, side="right"))
            if stop > done:
                end = int(ends[stop - 1])
                starts = used - taken + ends[done:stop] - lengths[done:stop]
                locations[done:stop] = (number << _NUMBER_SHIFT) + starts
                segment.used += end - taken
                name = self._segment_name(number)
                piece = memoryview(content)[taken:end]
                self._changes.write_bytes(name, segment.array, used, piece)
                done, taken = stop, end
            if done < len(lengths):
                self._open = None
        for number, count in _counted(locations):
            self._segments[number].pieces += count
        self._release(self._segments)
        return locations

    def read(self, locations: Int64Array, lengths: Int64Array) -> list[memoryview]:
        """Return the pieces [N] at locations, none of them 0: views."""
        views = {number: segment.array.data for number, segment in self._segments.items()}
        return [
            views[location >> _NUMBER_SHIFT][(start := location & _OFFSETS) : start + length]
            for location, length in zip(locations.tolist(), lengths.tolist(), strict=True)
        ]

    def rewrite(self, locations: Int64Array, pieces: list[bytes]) -> None:
        """Store pieces once more where they were appended, as a crash may have lost them."""
        for location, piece in zip(locations.tolist(), pieces, strict=True):
            number = location >> _NUMBER_SHIFT
            name = self._segment_name(number)
            self._changes.write_bytes(
                name, self._segments[number].array, location & _OFFSETS, memoryview(piece)
            )

    def let_go(self, locations: Int64Array) -> None:
        """Let pieces go; with the last of them goes their segment, unless it is appended to."""
        touched = _counted(locations)
        for number, count in touched:
            self._segments[number].pieces -= count
        self._release([number for number, _ in touched])

    def clear(self) -> None:
        """Let all pieces and segments go."""
        self._open = None
        for segment in self._segments.values():
            segment.pieces = 0
        self._release(self._segments)

    def recover(self, locations: Int64Array, lengths: Int64Array) -> None:
        """Go on with the pieces at locations [N], none of them 0, in segments that there are.

        The segments are allocated by their names and not appended to any more.

        Raises:
            InconsistentStateError: a piece lies beyond the end of its segment.
        """
        self._next = 1
        for number, count in _counted(locations):
            there = locations >> _NUMBER_SHIFT == number
            used = int(((locations[there] & _OFFSETS) + lengths[there]).max())
            if used > self._segment_bytes:
                raise InconsistentStateError(f"segment {number} of {self._name} ends before {used}")
            self._segments[number] = Segment(self._allocated(number), used, count)
            self._next = number + 1

    def _begin(self) -> None:
        """Append to a new segment from now on."""
        self._segments[self._next] = Segment(self._allocated(self._next))
        self._open = self._next
        self._next += 1

    def _allocated(self, number: int) -> UInt8Array:
        name = f"segment/{self._segment_name(number)}"
        return self._allocate(name, (self._segment_bytes,), np.dtype(np.uint8))

    def _release(self, candidates: Iterable[int]) -> None:
        """Let segments go that have no piece and get none."""
        for number in [each for each in candidates if not self._segments[each].pieces]:
            if number != self._open:
                del self._segments[number]
                self._changes.released(self._segment_name(number))

    def _segment_name(self, number: int) -> str:
        return f"{self._name}.{number:08d}"


def _counted(locations: Int64Array) -> list[tuple[int, int]]:
    """Return the numbers of the segments of locations, ascending, and how many lie in each."""
    numbers, counts = np.unique(locations >> _NUMBER_SHIFT, return_counts=True)
    return list(zip(numbers.tolist(), counts.tolist(), strict=True))
