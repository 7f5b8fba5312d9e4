"""The rows themselves: one array of slots a column, or a log for those that are compressed.

A row is written once and never changed. Its slot is its key modulo the number of slots, of which
there are a few more than `capacity`: a row that has just gone stays readable until as many rows
more have come in, so that a reader need not hurry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from replay_server.memory.arrays import Allocate, AnyArray, Columns, Int64Array
from replay_server.memory.changes import Changes
from replay_server.memory.compressed_column import CompressedColumn, PackedRows
from replay_server.memory.segment_log import Segment
from replay_server.memory.signature import Signature

__all__ = ["RingStorage", "StoredRows"]


@dataclass(frozen=True)
class StoredRows:
    """Rows that are about to get their slots.

    Attributes:
        plain: NAME -> [N, ...], columns that are stored as they are.
        packed: NAME -> rows of the others, in their logs already.
    """

    plain: Columns
    packed: Mapping[str, PackedRows]


class RingStorage:
    """Columns [slots, *shape].

    Attributes:
        signature: what the columns are.
        slots: rows that have a place.
        compressed: those of them that are.
        overwriting: each hears of slots [N] before rows are stored there, while it reads rows that
            may lie there. They come and go on any thread.
    """

    def __init__(
        self,
        signature: Signature,
        slots: int,
        allocate: Allocate,
        changes: Changes | None = None,
    ) -> None:
        """Take the arrays for `slots` rows from `allocate`; `changes` hears of the compressed."""
        self.signature = signature
        self.slots = slots
        self.overwriting: set[Callable[[Int64Array], None]] = set()
        self._columns: dict[str, AnyArray] = {}
        self.compressed: dict[str, CompressedColumn] = {}
        self._retired = np.empty(0, np.int64)
        changes = changes or Changes()
        for name, column in signature.columns.items():
            if column.is_packed:
                self.compressed[name] = CompressedColumn(name, column, slots, allocate, changes)
            else:
                shape = (slots, *column.shape)
                self._columns[name] = allocate(f"column/{name}", shape, column.dtype)

    @property
    def packed_bytes(self) -> int:
        """Bytes that compressed rows take; what was retired is not read any more."""
        self._let_retired_go()
        return sum(column.nbytes for column in self.compressed.values())

    @property
    def segments(self) -> dict[str, Segment]:
        """The segments of compressed columns by name, as they are now."""
        return {
            name: segment
            for column in self.compressed.values()
            for name, segment in column.segments().items()
        }

    def pack(self, columns: Columns) -> StoredRows:
        """Append arrays [N, ...] of compressed columns to their logs, before N slots are theirs.

        The columns must have been checked against the signature.

        Raises StorageFullError, MemoryError; nothing has changed then.
        """
        self._let_retired_go()
        plain = {name: array for name, array in columns.items() if name in self._columns}
        packed: dict[str, PackedRows] = {}
        try:
            for name, column in self.compressed.items():
                packed[name] = column.pack(columns[name])
        except BaseException:
            for name, rows in packed.items():
                self.compressed[name].discard(rows)
            raise
        return StoredRows(plain, packed)

    def place(self, slots: Int64Array, packed: Mapping[str, PackedRows]) -> None:
        """Let distinct slots [N] lead to packed rows."""
        for name, rows in packed.items():
            self.compressed[name].place(slots, rows)

    def write(self, slots: Int64Array, columns: Columns) -> None:
        """Copy arrays [N, ...] to slots [N]; of one slot given twice the last row stays.

        The columns are those that are not compressed.

        Cost: one copy; slots that follow one another, as keys in a ring do, are copied in one
        piece, or in two around the end.
        """
        if not len(slots):
            return
        for hear in tuple(self.overwriting):
            hear(slots)
        first, count = int(slots[0]), len(slots)
        in_a_row = bool((slots == (first + np.arange(count)) % self.slots).all())
        before_end = min(count, self.slots - first)
        for name, source in columns.items():
            target = self._columns[name]
            if in_a_row:
                target[first : first + before_end] = source[:before_end]
                target[: count - before_end] = source[before_end:]
            else:
                target[slots] = source

    def gather(self, slots: Int64Array, names: Sequence[str]) -> dict[str, AnyArray]:
        """Return the rows at slots [...] as new arrays [..., *shape]; every slot must exist.

        Cost: one copy of what is returned; a compressed row is unpacked once.
        """
        # mode="clip" writes straight into the result, where "raise" would go by a copy.
        return {
            name: np.take(self._columns[name], slots, axis=0, mode="clip")
            if name in self._columns
            else self.compressed[name].gather(slots)
            for name in names
        }

    def retire(self, slots: Int64Array) -> None:
        """Let the rows at distinct slots [N] go, which stay readable until the next change.

        A draw takes rows away before they are gathered. Those that are overwritten need not be told
        of. Only compressed columns give space back.
        """
        if self.compressed:
            self._let_retired_go()
            self._retired = slots

    def clear(self) -> None:
        """Let all rows go."""
        self._retired = np.empty(0, np.int64)
        for column in self.compressed.values():
            column.clear()

    def recover(self, live: Int64Array) -> None:
        """Go on with the rows at the slots `live` [N], from arrays that have been filled."""
        for column in self.compressed.values():
            column.recover(live)

    def _let_retired_go(self) -> None:
        if len(self._retired):
            for column in self.compressed.values():
                column.let_go(self._retired)
            self._retired = np.empty(0, np.int64)
