"""Who keeps a server's tables: what the service asks of it, and the one that keeps nothing.

Whatever changes a table happens within a `step`; what changes it has done when the step is left is
kept, or, where it was refused, nothing has changed. `replay_server.durability.data_directory` has
the keeper that writes it down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from replay_server.durability.errors import DataDirectoryError
from replay_server.durability.floors import Floors, floor_of, raise_floor
from replay_server.durability.journal import Journal
from replay_server.durability.layout import Layout
from replay_server.durability.memo import Description, TableMemo
from replay_server.durability.table_arrays import TableArrays
from replay_server.durability.table_files import column_path, index_path, read_npy
from replay_server.memory.arrays import Allocate
from replay_server.memory.changes import Changes
from replay_server.memory.errors import InconsistentStateError
from replay_server.memory.table import Table

__all__ = [
    "Build",
    "Keeper",
    "MemoryKeeper",
    "Room",
    "StandingTable",
    "restore_table",
]

Build: TypeAlias = Callable[[Description, Allocate, Changes], Table]
"""Makes the empty table that a description asks for."""

_NO_STEP: Final = nullcontext()


@dataclass(eq=False)
class StandingTable:
    """A table that stands.

    Attributes:
        name: its name.
        description: its spec as it stands.
        table: the table.
        arrays: those that make it up.
    """

    name: str
    description: Description
    table: Table
    arrays: TableArrays

    def memo(self) -> TableMemo:
        """Return what makes the table up beside its arrays. Cost: O(writers + streams)."""
        table = self.table
        return TableMemo(0, self.name, self.description, table.signature, table.state)


@dataclass(frozen=True)
class Room:
    """How much a step may change in a table, at the most.

    Attributes:
        places: rows that come in, keys that are named, items that are drawn.
        rows: how many of them come in.
        row_bytes: bytes of each.
        spreads: whether a change at a place may touch all the rows around it that an item needs.
    """

    places: int
    rows: int = 0
    row_bytes: int = 0
    spreads: bool = True


class Keeper(Protocol):
    """Keeps tables.

    Attributes:
        floors: below which keys tables made from now on issue none.
        mapped: whether rows lie in files, so that they take no memory.
        durability: what they survive: "memory" (nothing), "process" or "power".
    """

    floors: Floors
    mapped: bool
    durability: str

    @property
    def lag_s(self) -> float | None:
        """For how many seconds something has not been on the disk; None if nobody sees to it."""

    @property
    def journal(self) -> Journal | None:
        """What changes are written to; None where nothing is."""

    def make(self, name: str, description: Description) -> StandingTable:
        """Make a table and keep it. Raises StorageFullError."""

    def drop(self, standing: StandingTable) -> None:
        """Keep a table no more. Raises StorageFullError; then it stays."""

    def step(
        self,
        *standing: tuple[StandingTable, Room],
        description: Description | None = None,
    ) -> AbstractContextManager[None]:
        """Return what a request's changes of some tables are made in.

        What raises within it has changed nothing. Entering it raises StorageFullError where there
        is no room to keep so much.

        Args:
            standing: the tables that may change, and how much.
            description: of the one table, from now on.
        """

    async def settled(self) -> None:
        """Return when all steps so far are kept as it was promised. Raises StorageFullError."""

    def prepare(self, memo: TableMemo, folder: Path) -> StandingTable:
        """Return the table of a checkpoint, not yet kept. May take long; for any thread.

        Args:
            memo: what makes it up beside its arrays.
            folder: where its arrays are, as `TableFiles` has them.

        Raises:
            StorageFullError: there is no room for it.
            DataDirectoryError: the checkpoint is damaged.
        """

    def replace_all(self, tables: Sequence[StandingTable]) -> None:
        """Keep prepared tables instead of all that are kept. Raises StorageFullError."""

    def discard(self, tables: Sequence[StandingTable]) -> None:
        """Let go of prepared tables that are not to be kept after all."""

    def close(self) -> None:
        """Make everything durable, and let go of the files."""


class MemoryKeeper:
    """Keeps tables for as long as the process lives."""

    mapped = False
    durability = "memory"
    lag_s: float | None = None
    journal: Journal | None = None

    def __init__(self, build: Build, layout: Layout | None = None) -> None:
        """Keep tables that `build` makes; `layout`, of a directory of checkpoints, is closed."""
        self._layout = layout
        self.floors: Floors = {}
        self._build = build
        self._standing: list[StandingTable] = []

    def make(self, name: str, description: Description) -> StandingTable:
        """Make a table."""
        arrays = TableArrays()
        table = self._build(description, arrays.allocate, Changes())
        table.raise_keys(floor_of(self.floors, name))
        standing = StandingTable(name, description, table, arrays)
        self._standing.append(standing)
        return standing

    def drop(self, standing: StandingTable) -> None:
        """Remember how far its keys have come."""
        raise_floor(self.floors, standing.name, standing.table.next_key)
        self._standing.remove(standing)

    def step(
        self,
        *standing: tuple[StandingTable, Room],
        description: Description | None = None,
    ) -> AbstractContextManager[None]:
        """Return a context in which nothing happens."""
        return _NO_STEP

    async def settled(self) -> None:
        """Return: there is nothing to wait for."""

    def prepare(self, memo: TableMemo, folder: Path) -> StandingTable:
        """Read a table into memory."""
        arrays = TableArrays()
        table = self._build(memo.description, arrays.allocate, Changes())
        if memo.signature is not None and table.signature is None:
            table.fix_signature(memo.signature)
        for name, array in arrays.index.items():
            read_npy(index_path(folder, name), array)
        for name, array in arrays.columns.items():
            read_npy(column_path(folder, name), array)
        restore_table(table, memo, folder)
        for name, segment in table.segments.items():
            read_npy(column_path(folder, name), segment.array, segment.used)
        return StandingTable(memo.name, memo.description, table, arrays)

    def replace_all(self, tables: Sequence[StandingTable]) -> None:
        """Let these tables stand."""
        for each in self._standing:
            raise_floor(self.floors, each.name, each.table.next_key)
        for each in tables:
            each.table.raise_keys(floor_of(self.floors, each.name))
        self._standing = list(tables)

    def discard(self, tables: Sequence[StandingTable]) -> None:
        """Nothing to let go of."""

    def close(self) -> None:
        """Let go of the directory."""
        if self._layout is not None:
            self._layout.close()


def restore_table(table: Table, memo: TableMemo, folder: Path) -> None:
    """Let a table whose arrays are filled go on from a memo.

    Raises:
        DataDirectoryError: the two contradict each other.
    """
    try:
        table.restore(memo.state)
    except InconsistentStateError as error:
        raise DataDirectoryError(folder, f"{error}; take another checkpoint or a copy") from error
