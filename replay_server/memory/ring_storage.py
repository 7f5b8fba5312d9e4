"""The rows themselves: one array of slots a column.

A row is written once and never changed. Its slot is its key modulo the number of slots, of which
there are a few more than `capacity`: a row that has just gone stays readable until as many rows
more have come in, so that a reader need not hurry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from replay_server.memory.arrays import Allocate, AnyArray, Columns, Int64Array
from replay_server.memory.signature import Signature

__all__ = ["RingStorage"]


class RingStorage:
    """Columns [slots, *shape].

    Attributes:
        signature: what the columns are.
        slots: rows that have a place.
        overwriting: hears of slots [N] before rows are stored there, while somebody reads rows
            that may lie there.
    """

    def __init__(self, signature: Signature, slots: int, allocate: Allocate) -> None:
        """Take the arrays for `slots` rows from `allocate`."""
        self.signature = signature
        self.slots = slots
        self.overwriting: Callable[[Int64Array], None] | None = None
        self._columns: dict[str, AnyArray] = {
            name: allocate(f"column/{name}", (slots, *column.shape), column.dtype)
            for name, column in signature.columns.items()
        }

    def write(self, slots: Int64Array, columns: Columns) -> None:
        """Copy arrays [N, ...] to slots [N]; of one slot given twice the last row stays.

        The columns must have been checked against the signature. Cost: one copy; slots that follow
        one another, as keys in a ring do, are copied in one piece, or in two around the end.
        """
        if not len(slots):
            return
        if self.overwriting is not None:
            self.overwriting(slots)
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

        Cost: one copy of what is returned.
        """
        # mode="clip" writes straight into the result, where "raise" would go by a copy.
        return {name: np.take(self._columns[name], slots, axis=0, mode="clip") for name in names}
