"""Exactly-once inserts: each writer's last sequence and what was answered to it."""

from __future__ import annotations

from replay_server.memory.arrays import Int64Array
from replay_server.memory.errors import StaleSequenceError

__all__ = ["WriterLedger"]


class WriterLedger:
    """The last insert of each writer."""

    def __init__(self, limit: int) -> None:
        """Remember up to `limit` writers; beyond, the one silent longest is forgotten."""
        self._limit = limit
        self._last: dict[str, tuple[int, Int64Array]] = {}

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
        self._remember(writer, sequence, keys)  # who repeats an insert is not silent
        return keys

    def record(self, writer: str, sequence: int, keys: Int64Array) -> None:
        """Remember an insert that was done; `keys` is kept."""
        self._remember(writer, sequence, keys)
        if len(self._last) > self._limit:
            del self._last[next(iter(self._last))]

    def _remember(self, writer: str, sequence: int, keys: Int64Array) -> None:
        self._last.pop(writer, None)  # to the end: a dict keeps the order of insertion
        self._last[writer] = (sequence, keys)
