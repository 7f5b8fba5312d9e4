"""A table that is kept in a data directory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from replay_server.durability.files import Files
from replay_server.durability.keeper import Build, StandingTable
from replay_server.durability.memo import TableMemo, packed_numbers, packed_signature
from replay_server.durability.redo import Blobs, ChangeSet
from replay_server.durability.table_files import TableFiles
from replay_server.memory.table import Table

__all__ = ["KeptTable", "open_table"]


@dataclass(eq=False)
class KeptTable(StandingTable):
    """A table with its files.

    Attributes:
        uid: a number that no other table of the data directory ever had.
        arrays: its folder.
        changes: collects what a request changes in it.
        freed_for_good: of `table.freed`, as many as no failure of the machine can undo.
        knows_signature: whether the journal tells the columns.
        is_risky: whether the step under way stores rows where a failure of the machine may bring
            back others.
    """

    arrays: TableFiles
    uid: int
    changes: ChangeSet
    freed_for_good: int = field(init=False)
    knows_signature: bool = field(init=False)
    is_risky: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """What stands when it is made is in the record that tells of it."""
        self.knows_signature = self.table.signature is not None
        self.freed_for_good = self.table.freed

    def memo(self) -> TableMemo:
        """Return what makes the table up beside its arrays. Cost: O(writers + streams)."""
        return replace(super().memo(), uid=self.uid)

    def become(self, other: KeptTable) -> None:
        """Take over another one's table and files, and let go of the own ones."""
        self.arrays.close()
        self.description, self.table = other.description, other.table
        self.arrays, self.changes = other.arrays, other.changes
        self.knows_signature = other.knows_signature
        self.freed_for_good = other.freed_for_good

    def encode_step(self, blobs: Blobs) -> dict[str, Any]:
        """Return what the request under way has changed, as values that MessagePack takes."""
        part = self.changes.encode(self.arrays.index, blobs)
        part["uid"] = self.uid
        part["numbers"] = packed_numbers(self.table.numbers)
        if not self.knows_signature and self.table.signature is not None:
            part["columns"] = packed_signature(self.table.signature)
            self.knows_signature = True
        return part


def open_table(
    folder: Path,
    files: Files,
    build: Build,
    memo: TableMemo,
    *,
    synced: bool,
) -> tuple[Table, TableFiles, ChangeSet]:
    """Return an empty table whose rows are in the columns of a folder, and its files and changes.

    Raises:
        DataDirectoryError: a column's file is missing or damaged.
    """
    own = TableFiles(folder, files, synced=synced, existing=True)
    changes = ChangeSet(own)
    table = build(memo.description, own.allocate, changes)
    if memo.signature is not None and table.signature is None:
        table.fix_signature(memo.signature)
    return table, own, changes
