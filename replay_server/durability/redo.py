"""What a request has changed, as a record of the journal and back.

A record holds the values that arrays have after the request, at the places that it touched, so
that it can be played any number of times. It is a MessagePack map, its length before it, and
behind it the bytes that the map speaks of, one after another.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, Protocol

import msgpack
import numpy as np

from replay_server.durability.files import Buffer
from replay_server.memory.arrays import AnyArray, Columns, Int64Array, UInt8Array
from replay_server.memory.changes import Changes
from replay_server.memory.ring_storage import RingStorage, StoredRows

__all__ = [
    "Blobs",
    "ChangeSet",
    "Kind",
    "Reader",
    "Redo",
    "RowFiles",
    "decode_record",
    "encode_record",
    "kind_of",
    "packed_keys",
    "unpacked_keys",
]

_HEAD: Final = struct.Struct("<QB")


class Kind(IntEnum):
    """What a record tells."""

    BASE = 1  # all tables there are, with all that makes them up beside their arrays
    MAKE = 2  # a new table
    DROP = 3  # a table goes
    STEP = 4  # what a request has changed in some tables
    SPEC = 5  # the same, and a spec


class Blobs:
    """Bytes that a record's map speaks of, in the order in which they are put here."""

    def __init__(self) -> None:
        """Start without any."""
        self.buffers: list[Buffer] = []
        self.size = 0

    def add(self, array: AnyArray) -> list[Any]:
        """Put an array's bytes at the end; return what the map says of it."""
        packed = np.ascontiguousarray(array)
        if packed.size:
            self.buffers.append(packed.reshape(-1).view(np.uint8).data)
            self.size += packed.nbytes
        return [packed.dtype.str, list(packed.shape)]


class Reader:
    """Takes the arrays off again."""

    def __init__(self, content: memoryview) -> None:
        self._content = content
        self._at = 0

    def part(self, size: int) -> Reader:
        """Return what takes off the arrays of the next `size` bytes."""
        first, self._at = self._at, self._at + size
        return Reader(self._content[first : self._at])

    def take(self, told: Sequence[Any]) -> AnyArray:
        """Return the next array: a view, of the dtype and shape that `Blobs.add` has told."""
        dtype, shape = told
        return self.take_some(np.dtype(dtype), math.prod(shape)).reshape(shape)

    def take_some(self, dtype: np.dtype[Any], count: int) -> AnyArray:
        """Return the next array, of `count` elements: a view."""
        if not count:
            return np.empty(0, dtype)
        array = np.frombuffer(self._content, dtype, count, self._at)
        self._at += count * dtype.itemsize
        return array


def encode_record(kind: Kind, document: Mapping[str, Any], blobs: Blobs) -> list[Buffer]:
    """Return a record as buffers."""
    head = msgpack.packb(document)
    return [_HEAD.pack(len(head), kind) + head, *blobs.buffers]


def kind_of(payload: memoryview) -> Kind:
    """Return what a record tells."""
    return Kind(_HEAD.unpack_from(payload)[1])


def decode_record(payload: memoryview) -> tuple[dict[str, Any], Reader]:
    """Return a record's map, and what takes the arrays off in the order they were put there."""
    length, _ = _HEAD.unpack_from(payload)
    end = _HEAD.size + length
    document = msgpack.unpackb(payload[_HEAD.size : end], strict_map_key=False)
    return document, Reader(payload[end:])


class RowFiles(Protocol):
    """Where rows are stored."""

    def storing(self, slots: Int64Array, columns: Columns) -> None:
        """Hear of rows that are about to be stored."""

    def write_segment(self, segment: str, first: int, content: memoryview) -> None:
        """Write bytes to a segment from a place on. Raises StorageFullError."""


class ChangeSet(Changes):
    """Collects what a request changes in a table, until it is written down.

    Attributes:
        holds_rows_back: whether rows go into the record, and to their slots only after it; what
            is compressed goes to its log at once, as nothing is overwritten there.
        segments_released: that nothing leads to any more.
    """

    def __init__(self, files: RowFiles) -> None:
        """Start without changes of rows in these files."""
        self._files = files
        self.segments_released: list[str] = []
        self.clear()

    def clear(self) -> None:
        """Forget what was noted, but for segments: what led there has gone in an earlier step."""
        self.holds_rows_back = False
        self._touched: list[tuple[Sequence[str], Int64Array]] = []
        self._filled: list[tuple[str, int]] = []
        self._writer: tuple[str, int, Int64Array | range] | None = None
        self._marks: list[tuple[str, int]] = []
        self._streams: tuple[str | None, Int64Array, Int64Array] | None = None
        self._rows: tuple[RingStorage, Int64Array, StoredRows] | None = None

    def touched(self, names: Sequence[str], places: Int64Array) -> None:
        """Note places."""
        if len(places):
            self._touched.append((names, places))

    def filled(self, name: str, value: int) -> None:
        """Note a value."""
        self._filled.append((name, value))

    def inserted_by(self, writer: str, sequence: int, keys: Int64Array | range) -> None:
        """Note a writer's insert."""
        self._writer = (writer, sequence, keys)

    def noted(self, mark: str, sequence: int) -> None:
        """Note a mark."""
        self._marks.append((mark, sequence))

    def streams_ended_at(self, writer: str | None, streams: Int64Array, keys: Int64Array) -> None:
        """Note the ends of streams."""
        self._streams = (writer, streams, keys)

    def write_rows(self, storage: RingStorage, slots: Int64Array, rows: StoredRows) -> None:
        """Store rows, or hold them back."""
        storage.place(slots, rows.packed)
        if self.holds_rows_back:
            self._rows = (storage, slots, rows)
        else:
            self._files.storing(slots, rows.plain)
            storage.write(slots, rows.plain)

    def write_bytes(self, segment: str, array: UInt8Array, first: int, content: memoryview) -> None:
        """Write bytes to the file that a segment is mapped from."""
        self._files.write_segment(segment, first, content)

    def released(self, segment: str) -> None:
        """Note a segment."""
        self.segments_released.append(segment)

    def release_rows(self) -> None:
        """Store the rows that were held back."""
        if self._rows is not None:
            storage, slots, rows = self._rows
            self._files.storing(slots, rows.plain)
            storage.write(slots, rows.plain)

    def encode(self, arrays: Mapping[str, AnyArray], blobs: Blobs) -> dict[str, Any]:
        """Return the changes as a map, with the values that `arrays` hold now among the blobs."""
        first = blobs.size
        document: dict[str, Any] = {"filled": self._filled, "touched": []}
        for names, places in self._touched:
            told = _run(places) or blobs.add(places)
            for name in names:
                blobs.add(arrays[name][places])
            document["touched"].append([list(names), told])
        if self._writer is not None:
            writer, sequence, keys = self._writer
            document["writer"] = [writer, sequence, packed_keys(keys, blobs)]
        if self._marks:
            document["marks"] = self._marks
        if self._streams is not None:
            owner, streams, ends = self._streams
            document["streams"] = [owner, streams.tolist(), ends.tolist()]
        if self._rows is not None:
            _, slots, rows = self._rows
            told = _run(slots) or blobs.add(slots)
            plain = {name: blobs.add(column) for name, column in rows.plain.items()}
            packed = {
                name: [
                    blobs.add(each.lengths),
                    blobs.add(np.frombuffer(each.content, np.uint8)),
                ]
                for name, each in rows.packed.items()
            }
            document["rows"] = [told, plain, packed]
        document["bytes"] = blobs.size - first
        return document


@dataclass
class Redo:
    """Changes of one table, as a record tells them.

    Attributes:
        filled: names and values of arrays that were filled.
        touched: name, places [N] and values [N] of arrays that were changed there.
        writer: id, sequence and keys of an insert.
        marks: sequences that were noted beside it.
        streams: writer, streams and their last keys.
        rows: slots [N] and columns NAME -> [N, ...] that the record itself holds.
        packed: of these slots, NAME -> lengths [N] and bytes of rows of compressed columns.
    """

    filled: list[tuple[str, int]] = field(default_factory=list)
    touched: list[tuple[str, Int64Array, AnyArray]] = field(default_factory=list)
    writer: tuple[str, int, Int64Array | range] | None = None
    marks: list[tuple[str, int]] = field(default_factory=list)
    streams: tuple[str | None, list[int], list[int]] | None = None
    rows: tuple[Int64Array, dict[str, AnyArray]] | None = None
    packed: dict[str, tuple[Int64Array, AnyArray]] = field(default_factory=dict)

    @classmethod
    def decode(
        cls, document: Mapping[str, Any], reader: Reader, arrays: Mapping[str, AnyArray]
    ) -> Redo:
        """Return what `ChangeSet.encode` has told; `arrays` are those that it will be done to.

        `reader` takes off its own bytes only, `bytes` of the document.
        """
        redo = cls(filled=[(name, value) for name, value in document["filled"]])
        for names, told in document["touched"]:
            places = _places(told, reader)
            for name in names:
                values = reader.take_some(arrays[name].dtype, len(places))
                redo.touched.append((name, places, values))
        if "writer" in document:
            writer, sequence, keys = document["writer"]
            redo.writer = (writer, sequence, unpacked_keys(keys, reader))
        redo.marks = [(mark, sequence) for mark, sequence in document.get("marks", ())]
        if "streams" in document:
            redo.streams = tuple(document["streams"])
        if "rows" in document:
            slots, plain, *packed = document["rows"]
            slots = _places(slots, reader)
            redo.rows = (slots, {name: reader.take(told) for name, told in plain.items()})
            for name, (lengths, content) in (packed[0] if packed else {}).items():
                redo.packed[name] = (reader.take(lengths), reader.take(content))
        return redo

    def play(self, arrays: Mapping[str, AnyArray]) -> None:
        """Change the arrays as the request did."""
        for name, value in self.filled:
            arrays[name][:] = value
        for name, places, values in self.touched:
            arrays[name][places] = values


def packed_keys(keys: Int64Array | range, blobs: Blobs) -> list[Any]:
    """Return keys as values that MessagePack takes."""
    return [keys.start, keys.stop] if isinstance(keys, range) else blobs.add(keys)


def unpacked_keys(told: Sequence[Any], reader: Reader) -> Int64Array | range:
    """Return keys of `packed_keys`; an array is a copy."""
    return range(*told) if isinstance(told[0], int) else reader.take(told).copy()


def _run(places: Int64Array) -> list[int] | None:
    """Return first and stop of places that follow one another; None if they don't."""
    first, last = int(places[0]), int(places[-1])
    if last - first != len(places) - 1 or (len(places) > 2 and (np.diff(places) != 1).any()):
        return None
    return [first, last + 1]


def _places(told: Sequence[Any], reader: Reader) -> Int64Array:
    return np.arange(*told) if isinstance(told[0], int) else reader.take(told)
