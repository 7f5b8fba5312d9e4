"""Steps linked into episodes, and the items whose windows are complete.

A row of a table of steps knows the key of the step before it and of the step after it in its
stream. An item starts at a step and needs a window around it: some steps of history (frame stacks)
and some of future (n-step returns, sequences). It exists exactly while all of them are there: it is
born with the row that completes its window, and dies with the first row of it that goes.

    history = 2     future = 3                 needs of the item at step 4
    0   1   2   3   4   5   6   7   8          2 3 4 5 6 7
            ^-------*-----------^              born with 7, dead with 2

At an episode's start and end a window is shorter. Nothing is computed before it is drawn
(`replay_server.memory.windows`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import numpy as np

from replay_server.memory.arrays import Allocate, AnyArray, BoolArray, Int64Array, UInt8Array
from replay_server.memory.episode_links import ITEM, append_steps, remove_steps
from replay_server.memory.errors import TooManyStreamsError
from replay_server.memory.row_index import RowIndex

__all__ = ["BYTES_A_STEP", "Episodes", "NewSteps", "WindowShape"]

BYTES_A_STEP: Final = 8 + 8 + 8 + 1
_BYTES_A_STREAM: Final = 240  # its name, its place and where it ends
_NONE: Final = -1


@dataclass(frozen=True)
class WindowShape:
    """What an item needs around the step that it starts at.

    Attributes:
        history: steps before it, or back to its episode's first.
        future: steps after it, or on to its episode's last.
        period: it starts at every period-th step of its episode.
        shorter: whether an episode's end may cut its future short.
    """

    history: int
    future: int
    period: int
    shorter: bool


@dataclass(frozen=True)
class NewSteps:
    """Steps that come in.

    Attributes:
        first_key: the first step's; the others follow.
        capacity: rows that there may be.
        writer: whose streams they are; None is the anonymous writer.
        streams: [N] int64.
        is_first: [N] bool. A step with it abandons an episode that is still open.
        is_last: [N] bool.
        is_terminal: [N] bool.
    """

    first_key: int
    capacity: int
    writer: str | None
    streams: Int64Array
    is_first: BoolArray
    is_last: BoolArray
    is_terminal: BoolArray


class Episodes:
    """Links, positions and flags of the steps in a table's slots.

    Attributes:
        shape: what an item needs.
        before: [slots] int64, the key of the step before, or -1.
        after: [slots] int64, the key of the step after, or -1.
        positions: [slots] int64, steps since the first known one of the episode.
        flags: [slots] uint8, those of `replay_server.memory.episode_links`.
        items: how many exist.
    """

    def __init__(self, index: RowIndex, shape: WindowShape, allocate: Allocate) -> None:
        """Make links for the slots of an index, without any step."""
        slots, int64 = index.slots, np.dtype(np.int64)
        self.shape = shape
        self.before = cast("Int64Array", allocate("before", (slots,), int64))
        self.after = cast("Int64Array", allocate("after", (slots,), int64))
        self.positions = cast("Int64Array", allocate("positions", (slots,), int64))
        self.flags = cast("UInt8Array", allocate("flags", (slots,), np.dtype(np.uint8)))
        self.items = 0
        self._index = index
        self._streams: dict[tuple[str | None, int], int] = {}
        self._open_ends = np.full(64, _NONE, np.int64)

    @property
    def stream_bytes(self) -> int:
        """About how much memory the streams take, those too that have ended since and still do."""
        return len(self._streams) * _BYTES_A_STREAM

    @property
    def open_stream_bytes(self) -> int:
        """About how much the open ones have to take. Cost: O(streams)."""
        return int(np.count_nonzero(self._are_open())) * _BYTES_A_STREAM

    def append(self, steps: NewSteps) -> tuple[Int64Array, int]:
        """Enter steps one after another, each after the oldest row has gone where there is no room.

        Keys go into the index here; what else it knows of a row is the caller's.

        Returns:
            The slots [M] int64 at which an item was born or died (some perhaps twice), and how many
            rows have gone.

        Cost: O(N (history + 1) + what is born).
        """
        streams, _ = self._places(steps)
        return self._enter(steps, streams)

    def items_after(self, steps: NewSteps) -> int:
        """Return how many items `append` would leave: it is done, and taken back. Cost: as that."""
        streams, known = self._places(steps)
        ends, items = self._open_ends.copy(), self.items
        keys = steps.first_key + np.arange(len(streams))
        places = (keys % self._index.slots, (keys - steps.capacity) % self._index.slots)
        changed = np.concatenate((*places, self._index.find(ends[np.unique(streams)])))
        arrays: list[AnyArray] = list(self._arrays())
        before = [array[changed] for array in arrays]
        touched, _ = self._enter(steps, streams)  # not `append`: the open ends must stay in place
        left, self.items = self.items, items
        np.bitwise_xor.at(self.flags, touched, np.uint8(ITEM))  # born or dead, each turned a bit
        for array, values in zip(arrays, before, strict=True):
            array[changed] = values
        self._open_ends[:] = ends
        while len(self._streams) > known:
            self._streams.popitem()
        return left

    def report(self, writer: str | None, streams: Int64Array | None, slots: Int64Array) -> None:
        """Tell the index's `changes` of links and streams after steps came in at slots [N]."""
        changes = self._index.changes
        changes.touched(("before", "after", "positions", "flags"), slots)
        changes.touched(("after",), self._index.find(self.before[slots]))
        distinct = np.zeros(1, np.int64) if streams is None else np.unique(streams)
        places = [self._streams[writer, each] for each in distinct.tolist()]
        changes.streams_ended_at(writer, distinct, self._open_ends[places])

    def check_streams(self, writer: str | None, streams: Int64Array | None, limit: int) -> None:
        """Refuse steps of streams [N] that would leave more than `limit` of them open.

        Raises:
            TooManyStreamsError: they would.
        """
        if len(self._streams) + (1 if streams is None else len(streams)) <= limit:
            return
        distinct = {0} if streams is None else set(streams.tolist())
        if len(self._streams) + self._count_new(writer, distinct) > limit:
            self._forget_ended_streams(0)
        got = len(self._streams) + self._count_new(writer, distinct)
        if got > limit:
            raise TooManyStreamsError(limit, got)

    def _count_new(self, writer: str | None, streams: set[int]) -> int:
        return sum((writer, each) not in self._streams for each in streams)

    def open_streams(self) -> list[tuple[str | None, int, int]]:
        """Return writer, stream and last key of every stream that may still be continued."""
        self._forget_ended_streams(0)
        ends = self._open_ends
        return [(*stream, int(ends[place])) for stream, place in self._streams.items()]

    def open_stream(self, writer: str | None, stream: int, key: int) -> None:
        """Let a stream go on after the step with this key; -1 ends it."""
        if len(self._streams) >= len(self._open_ends):
            self._forget_ended_streams(1)
        place = self._streams.setdefault((writer, stream), len(self._streams))
        self._open_ends[place] = key

    def remove(self, slots: Int64Array) -> Int64Array:
        """Delete the steps at distinct slots [N] and every item that needs one of them.

        Returns:
            The slots [M] int64 at which an item died.
        """
        shape = self.shape
        most = len(slots) * (shape.history + shape.future + 1)
        touched = np.empty(min(most, self.items), np.int64)
        count = remove_steps(slots, *self._arrays(), *_numbers(shape), touched)
        self.items -= count
        return touched[:count]

    def clear(self) -> None:
        """Forget every step and every stream; the index is cleared by its owner."""
        self.flags[:] = 0
        self._index.changes.filled("flags", 0)
        self.items = 0
        self._streams.clear()
        self._open_ends[:] = _NONE

    def _enter(self, steps: NewSteps, streams: Int64Array) -> tuple[Int64Array, int]:
        """Enter steps of streams at places [N]."""
        shape = self.shape
        most = len(streams) * (shape.history + 2) + int(steps.is_last.sum()) * shape.future
        # Every item that is born starts at a row that was here or comes in, and dies once at most.
        touched = np.empty(min(most, self.items + 4 * self._index.slots), np.int64)
        counts = append_steps(
            steps.first_key,
            steps.capacity,
            streams,
            steps.is_first,
            steps.is_last,
            steps.is_terminal,
            self._open_ends,
            *self._arrays(),
            *_numbers(shape),
            touched,
        )
        self.items += counts[1]
        return touched[: counts[0]], int(counts[2])

    def _places(self, steps: NewSteps) -> tuple[Int64Array, int]:
        """Return the places [N] of the steps' streams among the open ends, and how many were known.

        New ones come last.
        """
        distinct, inverse = np.unique(steps.streams, return_inverse=True)
        if len(self._streams) + len(distinct) > len(self._open_ends):
            self._forget_ended_streams(len(distinct))
        streams, known = self._streams, len(self._streams)
        places = [
            streams.setdefault((steps.writer, each), len(streams)) for each in distinct.tolist()
        ]
        return np.array(places, np.int64)[inverse], known

    def _forget_ended_streams(self, more: int) -> None:
        """Keep only streams whose last step is there and open, and make room for `more` others.

        Of the rest nothing needs to be known: what comes next in one of them continues nothing.
        """
        is_open = self._are_open()
        kept = [(stream, place) for stream, place in self._streams.items() if is_open[place]]
        ends = np.full(max(2 * (len(kept) + more), 64), _NONE, np.int64)
        ends[: len(kept)] = self._open_ends[np.array([place for _, place in kept], np.int64)]
        self._streams = {stream: place for place, (stream, _) in enumerate(kept)}
        self._open_ends = ends

    def _are_open(self) -> BoolArray:
        """Return whether the last step of each stream is there and open."""
        keys, ends = self._index.keys, self._open_ends
        are_open: BoolArray = (ends >= 0) & (keys[ends % len(keys)] == ends)
        return are_open

    def _arrays(self) -> tuple[Int64Array, Int64Array, Int64Array, Int64Array, UInt8Array]:
        return self._index.keys, self.before, self.after, self.positions, self.flags


def _numbers(shape: WindowShape) -> tuple[int, int, int, bool]:
    return shape.history, shape.future, shape.period, shape.shorter
