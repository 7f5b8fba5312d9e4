"""Who keeps a server's tables: what the service asks of it, and the one that keeps nothing.

Whatever changes a table happens within a `step`; what changes it has done when the step is left is
kept, or, where it was refused, nothing has changed. `replay_server.durability.data_directory` has
the keeper that writes it down.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from replay_server.memory.arrays import Allocate, aligned_zeros
from replay_server.memory.changes import Changes
from replay_server.memory.table import Table

__all__ = ["Build", "Description", "Keeper", "MemoryKeeper", "Room", "StandingTable"]

Description: TypeAlias = dict[str, Any]
"""A table's spec as plain values; what they mean is the service's."""

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
    """

    name: str
    description: Description
    table: Table


@dataclass(frozen=True)
class Room:
    """How much a step may change in a table, at the most.

    Attributes:
        places: rows that come in, keys that are named, items that are drawn.
        rows: how many of them come in.
        row_bytes: bytes of each.
    """

    places: int
    rows: int = 0
    row_bytes: int = 0


class Keeper(Protocol):
    """Keeps tables.

    Attributes:
        floors: NAME -> key below which a table made under that name issues none.
        mapped: whether rows lie in files, so that they take no memory.
    """

    floors: dict[str, int]
    mapped: bool

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

    def close(self) -> None:
        """Make everything durable, and let go of the files."""


class MemoryKeeper:
    """Keeps tables for as long as the process lives."""

    mapped = False

    def __init__(self, build: Build) -> None:
        """Keep tables that `build` makes."""
        self.floors: dict[str, int] = {}
        self._build = build

    def make(self, name: str, description: Description) -> StandingTable:
        """Make a table."""
        table = self._build(description, aligned_zeros, Changes())
        table.raise_keys(self.floors.get(name, 0))
        return StandingTable(name, description, table)

    def drop(self, standing: StandingTable) -> None:
        """Remember how far its keys have come."""
        self.floors[standing.name] = standing.table.next_key

    def step(
        self,
        *standing: tuple[StandingTable, Room],
        description: Description | None = None,
    ) -> AbstractContextManager[None]:
        """Return a context in which nothing happens."""
        return _NO_STEP

    async def settled(self) -> None:
        """Return: there is nothing to wait for."""

    def close(self) -> None:
        """Nothing to let go of."""
