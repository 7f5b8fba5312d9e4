"""How many slots and bytes a table takes, known before any of it is taken."""

from __future__ import annotations

from typing import Final

from replay_server.memory.compressed_column import BYTES_A_PACKED_ROW, dictionary_bytes
from replay_server.memory.episodes import BYTES_A_STEP
from replay_server.memory.row_index import BYTES_A_SLOT
from replay_server.memory.sample_ages import BYTES_OF_AGES
from replay_server.memory.signature import Signature
from replay_server.memory.tree_layout import node_count

__all__ = ["bytes_for", "slots_for"]

_MOST_SLACK: Final = 4096
_TREES: Final = 2  # of sums, and of minima once weights are normalized over the table


def slots_for(capacity: int) -> int:
    """Return the number of slots: a few more than rows, for readers that take their time."""
    return capacity + min(max(capacity // 64, 1), _MOST_SLACK)


def bytes_for(
    capacity: int,
    signature: Signature | None,
    has_steps: bool = False,
    *,
    rows_in_files: bool = False,
) -> int:
    """Return the bytes that a table may come to take; without its rows if they are not known.

    What compressed columns hold comes on top of that as it grows, but for one row, which a draw has
    to unpack; rows in files take no memory.
    """
    slots = slots_for(capacity)
    slot_bytes = BYTES_A_SLOT + (BYTES_A_STEP if has_steps else 0)
    unpacking = 0
    if signature is not None:
        packed = signature.packed.values()
        slot_bytes += 0 if rows_in_files else signature.row_bytes
        slot_bytes += BYTES_A_PACKED_ROW * len(packed)
        unpacking = sum(dictionary_bytes(column) + column.nbytes for column in packed)
    trees = _TREES * 8 * node_count(slots)
    return slots * slot_bytes + unpacking + trees + BYTES_OF_AGES
