"""A look into a table from outside of its verbs, for those who watch. Nothing here changes it."""

from __future__ import annotations

import numpy as np

from replay_server.memory.arrays import Float64Array
from replay_server.memory.footprint import bytes_for
from replay_server.memory.ranked_occupancy import RankedOccupancy
from replay_server.memory.table import Table
from replay_server.memory.writers import WriterLedger

__all__ = ["drawable_mass", "full_bytes", "lately_inserted", "some_priorities", "writers_of"]


def full_bytes(table: Table) -> int:
    """Return `Table.nbytes`, and what streams that have ended left may count, too. Cost: O(1)."""
    full = bytes_for(table.capacity, table.signature, table.has_steps)
    return full + table.packed_bytes + table.remembered_bytes


def some_priorities(table: Table, about: int) -> Float64Array:
    """Return raw priorities [n] of items: of all, or of every k-th where they are more.

    Cost: O(about), with some ns for each row that was deleted, or each slot that a remover other
    than `fifo` has left empty.
    """
    occupancy, index = table._occupancy, table._index
    first, stop = 0, index.slots
    if not isinstance(occupancy, RankedOccupancy):  # rows lie one behind the other, by key
        oldest = occupancy.oldest_slots(-1, 1)
        first, stop = int(index.keys[oldest].sum()), occupancy.next_key if len(oldest) else 0
    slots = np.arange(first, stop, max(1, -(-table.rows // about))) % index.slots
    slots = slots[index.holds_rows(slots)]
    return index.priorities[slots[occupancy.are_items(slots)]]


def writers_of(table: Table) -> WriterLedger:
    """Return what a table remembers of those who insert."""
    return table._writers


def lately_inserted(table: Table, rows: int, most: int) -> set[str]:
    """Return who inserted one of the last `rows` rows; of the `most` last writers only.

    Cost: O(most). Keys have to grow in the order of insertion: the remover is `fifo`.
    """
    since = table.next_key - rows
    return {
        writer for writer, _, key in table._writers.latest(most) if key is not None and key >= since
    }


def drawable_mass(table: Table) -> float:
    """Return the sum of the masses of what can be drawn, as the tree has it. Cost: O(1)."""
    return table._priorities.tree.total
