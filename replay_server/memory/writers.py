"""Exactly-once inserts: each writer's last sequence and what was answered to it."""

from __future__ import annotations

import sys
from itertools import islice
from typing import Final

import numpy as np

from replay_server.memory.arrays import Int64Array
from replay_server.memory.changes import Changes
from replay_server.memory.errors import StaleSequenceError

__all__ = ["WriterLedger"]


_BYTES_AN_ENTRY: Final = 280  # beside the writer's id and keys that are no run


class WriterLedger:
    """The last insert of each writer.

    Attributes:
        nbytes: about how much memory they take.
    """

    def __init__(self, limit: int, changes: Changes) -> None:
        """Remember up to `limit` writers; beyond, the one silent longest is forgotten."""
        self._limit = limit
        self._changes = changes
        self._last: dict[str, tuple[int, Int64Array | range]] = {}
        self.nbytes = 0

    def recall(self, writer: str, sequence: int) -> Int64Array | None:
        """Return the keys answered to this very insert before; None if it is new.

        Raises:
            StaleSequenceError: a later one has been done.
        """
        last, keys = self._last.get(writer, (-1, None))
        if keys is None or sequence > last:
            return None
        if sequence < last:
            raise StaleSequenceError(writer, sequence, last)
        self.remember(writer, sequence, keys)  # who repeats an insert is not silent
        return np.array(keys, np.int64)

    def last_sequence(self, writer: str) -> int | None:
        """Return the sequence of a writer's last insert; None where it is not remembered."""
        return self._last.get(writer, (None, None))[0]

    def record(self, writer: str, sequence: int, keys: Int64Array) -> None:
        """Remember an insert that was done and answered with keys [N], which are copied."""
        first, count = (int(keys[0]) if len(keys) else 0), len(keys)
        is_run = np.array_equal(keys, np.arange(first, first + count))
        kept = range(first, first + count) if is_run else keys.copy()
        self.remember(writer, sequence, kept)
        self._changes.inserted_by(writer, sequence, kept)

    def note(self, mark: str, sequence: int) -> None:
        """Remember a sequence as that of an insert of no rows, unless a later one is known."""
        if self._last.get(mark, (-1,))[0] < sequence:
            self.remember(mark, sequence, range(0))
            self._changes.noted(mark, sequence)

    def remember(self, writer: str, sequence: int, keys: Int64Array | range) -> None:
        """Put a writer's last insert at the end of the line of those who are forgotten."""
        self._forget(writer)  # to the end: a dict keeps the order of insertion
        self._last[writer] = (sequence, keys)
        self.nbytes += _entry_bytes(writer, keys)
        if len(self._last) > self._limit:
            self._forget(next(iter(self._last)))

    def _forget(self, writer: str) -> None:
        last = self._last.pop(writer, None)
        if last is not None:
            self.nbytes -= _entry_bytes(writer, last[1])

    def entries(self) -> list[tuple[str, int, Int64Array | range]]:
        """Return writer, sequence and keys of every last insert, the longest silent first."""
        return [(writer, *last) for writer, last in self._last.items()]

    def __len__(self) -> int:
        """Return how many writers are remembered."""
        return len(self._last)

    def latest(self, most: int) -> list[tuple[str, int, int | None]]:
        """Return writer, sequence and last key of the latest inserts, the latest first.

        The key is None where the insert was of no rows. Cost: O(most).
        """
        return [
            (writer, sequence, int(keys[-1]) if len(keys) else None)
            for writer, (sequence, keys) in islice(reversed(self._last.items()), most)
        ]


def _entry_bytes(writer: str, keys: Int64Array | range) -> int:
    return _BYTES_AN_ENTRY + sys.getsizeof(writer) + getattr(keys, "nbytes", 0)
