"""A look into a table from outside of its verbs, for those who watch. Nothing here changes it."""

from __future__ import annotations

from replay_server.memory.arrays import Float64Array
from replay_server.memory.footprint import bytes_for
from replay_server.memory.table import Table
from replay_server.memory.writers import WriterLedger

__all__ = ["drawable_mass", "full_bytes", "some_priorities", "writers_of"]


def full_bytes(table: Table) -> int:
    """Return `Table.nbytes`, and what streams that have ended left may count, too. Cost: O(1)."""
    full = bytes_for(table.capacity, table.signature, table.has_steps)
    return full + table.packed_bytes + table.remembered_bytes


def some_priorities(table: Table, most: int) -> Float64Array:
    """Return raw priorities [n] of items, n <= most: of all, or of every k-th by key.

    Cost: O(capacity), some ms a million; and O(most).
    """
    occupancy = table._occupancy
    slots = occupancy.live_slots(-1)
    slots = slots[:: max(1, -(-len(slots) // most))]
    return table._index.priorities[slots[occupancy.are_items(slots)]]


def writers_of(table: Table) -> WriterLedger:
    """Return what a table remembers of those who insert."""
    return table._writers


def drawable_mass(table: Table) -> float:
    """Return the sum of the masses of what can be drawn, as the tree has it. Cost: O(1)."""
    return table._priorities.tree.total
