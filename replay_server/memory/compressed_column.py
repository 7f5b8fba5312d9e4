"""A column whose rows are packed one by one into a log of segments, with a location for each slot.

A row that packing does not make smaller is stored as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from replay_server.memory.arrays import Allocate, AnyArray, Int64Array, UInt8Array
from replay_server.memory.codecs import Buffer, codec_for
from replay_server.memory.dictionaries import MOST_DICTIONARY_BYTES, sample_rows, trained
from replay_server.memory.errors import InconsistentStateError
from replay_server.memory.segment_log import Segment, SegmentLog, segment_bytes_for
from replay_server.memory.signature import ColumnType

if TYPE_CHECKING:
    from replay_server.memory.changes import Changes

__all__ = ["BYTES_A_PACKED_ROW", "CompressedColumn", "PackedRows", "dictionary_bytes"]

BYTES_A_PACKED_ROW: Final = 8 + 4
_SIZE_BYTES: Final = 8
_BYTES_A_TIME: Final = 1 << 20  # so that rows are still in the cache when they are copied
_UNDECIDED: Final = 0
_NONE: Final = -1
_I8: Final = np.dtype(np.int64)


def dictionary_bytes(column: ColumnType) -> int:
    """Return the bytes that are set apart for the dictionary of a compressed column."""
    return _SIZE_BYTES + MOST_DICTIONARY_BYTES if column.compression == "zstd" else 0


@dataclass(frozen=True)
class PackedRows:
    """Rows in the log, that no slot leads to yet.

    Attributes:
        locations: [N] int64.
        lengths: [N] int64, bytes.
        content: their bytes, one after another.
        dictionary: that some were packed with, and that was trained on them; empty if none pays.
            None where the column's own was used.
    """

    locations: Int64Array
    lengths: Int64Array
    content: bytes
    dictionary: bytes | None


class CompressedColumn:
    """Rows of one dtype and shape [slots, *shape], packed."""

    def __init__(
        self, name: str, column: ColumnType, slots: int, allocate: Allocate, changes: Changes
    ) -> None:
        """Make an empty column.

        Args:
            name: its name.
            column: what it is, with a compression and not empty.
            slots: rows that have a place.
            allocate: where the arrays come from; `location/NAME`, `length/NAME` and
                `dictionary/NAME` make it up beside the segments of its log.
            changes: hears of every change of these arrays, and stores what is appended to the log.
        """
        assert column.compression is not None
        self.type = column
        self.row_bytes = prod(column.shape) * column.dtype.itemsize
        self._name = name
        self._slots = slots
        self._changes = changes
        self._compression = column.compression
        self._locations = cast("Int64Array", allocate(f"location/{name}", (slots,), _I8))
        self._lengths = allocate(f"length/{name}", (slots,), np.dtype(np.uint32))
        self._dictionary: UInt8Array | None = None
        if size := dictionary_bytes(column):
            self._dictionary = allocate(f"dictionary/{name}", (size,), np.dtype(np.uint8))
        self._log = SegmentLog(name, segment_bytes_for(slots, self.row_bytes), allocate, changes)
        self._codec = codec_for(self._compression)

    @property
    def nbytes(self) -> int:
        """Bytes that the packed rows take now."""
        return self._log.nbytes

    def segments(self) -> dict[str, Segment]:
        """Return the segments of its log by name, as they are now."""
        return self._log.segments()

    def most_record_bytes(self, rows: int) -> int:
        """Return the bytes of index arrays that taking in so many rows may change."""
        undecided = self._dictionary is not None and self._dictionary_size == _UNDECIDED
        return rows * BYTES_A_PACKED_ROW + (dictionary_bytes(self.type) if undecided else 0)

    def pack(self, rows: AnyArray) -> PackedRows:
        """Append rows [N, ...] to the log, before any slot is theirs. Cost: a few us a row.

        Raises StorageFullError, MemoryError; nothing has changed then.
        """
        plain = np.ascontiguousarray(rows).reshape(len(rows), -1).view(np.uint8)
        dictionary = self._learned(plain)
        codec = self._codec
        if dictionary is not None:
            codec = codec_for(self._compression, dictionary)
        views = [row.data for row in plain]
        pieces = [
            packed if len(packed) < self.row_bytes else bytes(row)
            for packed, row in zip(codec.compress(views), views, strict=True)
        ]
        lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
        content = b"".join(pieces)
        return PackedRows(self._log.append(content, lengths), lengths, content, dictionary)

    def discard(self, rows: PackedRows) -> None:
        """Let packed rows go that get no slots after all."""
        self._log.let_go(rows.locations)

    def place(self, slots: Int64Array, rows: PackedRows) -> None:
        """Let distinct slots [N] lead to packed rows, and what they led to go."""
        if rows.dictionary is not None:
            self._adopt(rows.dictionary)
        self._let_go(slots)
        self._locations[slots] = rows.locations
        self._lengths[slots] = rows.lengths
        self._changes.touched((f"location/{self._name}", f"length/{self._name}"), slots)

    def gather(self, slots: Int64Array) -> AnyArray:
        """Return the rows at slots [...] as a new array [..., *shape], each unpacked once.

        Where no row was ever stored, or it was let go, there are zeros.
        """
        order = np.argsort(slots, axis=None, kind="stable")
        ascending = slots.reshape(-1)[order]
        begins = np.flatnonzero(np.diff(ascending, prepend=-1))
        distinct = ascending[begins]
        places, ends = (order * self.row_bytes).tolist(), [*begins.tolist(), slots.size]
        rows = np.empty(slots.size * self.row_bytes, np.uint8)
        target, size = rows.data, self.row_bytes
        a_time = max(_BYTES_A_TIME // size, 1)
        for first in range(0, len(distinct), a_time):
            some = self._unpacked(distinct[first : first + a_time])
            for number, row in enumerate(some, first):
                for place in places[ends[number] : ends[number + 1]]:
                    target[place : place + size] = row
        return rows.view(self.type.dtype).reshape(*slots.shape, *self.type.shape)

    def let_go(self, slots: Int64Array) -> None:
        """Let the rows at distinct slots [N] go."""
        self._let_go(slots)
        self._locations[slots] = 0

    def clear(self) -> None:
        """Let all rows go."""
        self._locations[:] = 0
        self._log.clear()

    def recover(self, live: Int64Array) -> None:
        """Go on with the rows at the slots `live`, from arrays that have been filled.

        Raises:
            InconsistentStateError: some of them are nowhere.
        """
        locations = np.zeros_like(self._locations)
        locations[live] = self._locations[live]
        self._locations[:] = locations
        there = locations != 0
        if there.sum() != len(live):
            raise InconsistentStateError(f"rows of column {self._name} are nowhere")
        self._log.recover(locations[there], self._lengths[there].astype(np.int64))
        if self._dictionary is not None and (size := self._dictionary_size) > 0:
            dictionary = self._dictionary[_SIZE_BYTES : _SIZE_BYTES + size].tobytes()
            self._codec = codec_for(self._compression, dictionary)

    def rewrite(self, slots: Int64Array, lengths: Int64Array, content: bytes) -> None:
        """Store the bytes of rows [N] once more where slots lead, as a crash may lose them."""
        ends = np.cumsum(lengths).tolist()
        pieces = [content[end - n : end] for end, n in zip(ends, lengths.tolist(), strict=True)]
        self._log.rewrite(self._locations[slots], pieces)

    @property
    def _dictionary_size(self) -> int:
        assert self._dictionary is not None
        return int(self._dictionary[:_SIZE_BYTES].view(np.int64)[0])

    def _let_go(self, slots: Int64Array) -> None:
        gone = self._locations[slots]
        gone = gone[gone != 0]
        if len(gone):
            self._log.let_go(gone)

    def _learned(self, rows: UInt8Array) -> bytes | None:
        """Return a new dictionary once there are rows enough, with those [N, bytes] that come in.

        It is empty where none pays; None where there is nothing to decide.
        """
        if self._dictionary is None or self._dictionary_size != _UNDECIDED:
            return None
        wanted = sample_rows(self.row_bytes, self._slots)
        if not wanted:
            return b""
        if self._log.pieces + len(rows) < wanted:
            return None
        stored = self.gather(np.flatnonzero(self._locations)[:wanted])
        before = stored.reshape(-1).view(np.uint8).reshape(-1, self.row_bytes)
        return trained(np.concatenate((before, rows))[:wanted], self._slots)

    def _adopt(self, found: bytes) -> None:
        """Pack with a dictionary from now on, or without if it is empty."""
        assert self._dictionary is not None
        self._dictionary[:_SIZE_BYTES].view(np.int64)[0] = len(found) or _NONE
        self._dictionary[_SIZE_BYTES : _SIZE_BYTES + len(found)] = np.frombuffer(found, np.uint8)
        self._codec = codec_for(self._compression, found)
        places = np.arange(_SIZE_BYTES + len(found))
        self._changes.touched((f"dictionary/{self._name}",), places)

    def _unpacked(self, slots: Int64Array) -> list[Buffer]:
        """Return the bytes of the rows at distinct slots [N]."""
        locations, lengths = self._locations[slots], self._lengths[slots].astype(np.int64)
        rows: list[Buffer] = [bytes(self.row_bytes)] * len(slots)
        there = np.flatnonzero(locations)
        pieces = self._log.read(locations[there], lengths[there])
        packed = lengths[there] < self.row_bytes
        unpacked = self._codec.decompress(
            [piece for piece, small in zip(pieces, packed.tolist(), strict=True) if small],
            self.row_bytes,
        )
        from_packed = iter(unpacked)
        for place, piece, small in zip(there.tolist(), pieces, packed.tolist(), strict=True):
            rows[place] = next(from_packed) if small else piece
        return rows
