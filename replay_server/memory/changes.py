"""Who hears of every change of what a table keeps, so that it can be kept past the process.

The parts of a table tell it which places of which array they have changed, at once; the values are
read from the arrays when the request is done. What follows from the rest (masses, orders) is not
told. `Changes` itself forgets all it hears: a table in memory only. `replay_server.durability`
has one that writes it down.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from replay_server.memory.arrays import Int64Array, UInt8Array

if TYPE_CHECKING:
    from replay_server.memory.ring_storage import RingStorage, StoredRows

__all__ = ["Changes"]


class Changes:
    """Hears of changes and forgets them."""

    def touched(self, names: Sequence[str], places: Int64Array) -> None:
        """Hear that arrays of these names have changed at places [N]; one may be given twice."""

    def filled(self, name: str, value: int) -> None:
        """Hear that an array holds `value` everywhere, before what `touched` tells."""

    def inserted_by(self, writer: str, sequence: int, keys: Int64Array | range) -> None:
        """Hear of a writer's last insert and the keys that it was answered."""

    def noted(self, mark: str, sequence: int) -> None:
        """Hear of a sequence that was noted among those of the writers."""

    def streams_ended_at(self, writer: str | None, streams: Int64Array, keys: Int64Array) -> None:
        """Hear of the last keys [N] of a writer's streams [N]; -1 where the episode is over."""

    def write_rows(self, storage: RingStorage, slots: Int64Array, rows: StoredRows) -> None:
        """Store rows; one that writes things down may do so before or after."""
        storage.place(slots, rows.packed)
        storage.write(slots, rows.plain)

    def write_bytes(self, segment: str, array: UInt8Array, first: int, content: memoryview) -> None:
        """Store bytes of a segment from a place on, which no row that is there leads to yet."""
        array[first : first + len(content)] = np.frombuffer(content, np.uint8)

    def released(self, segment: str) -> None:
        """Hear that nothing leads to a segment any more."""
