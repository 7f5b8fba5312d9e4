"""The tables of a server by name: made, changed, described, emptied and dropped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import msgspec

from replay_server.durability.keeper import Keeper, Room, StandingTable
from replay_server.errors import (
    StorageFullError,
    TooLargeError,
    UnavailableError,
    UnknownTableError,
)
from replay_server.histories import LookBook
from replay_server.memory.arrays import Columns
from replay_server.memory.footprint import bytes_for
from replay_server.memory.signature import Signature
from replay_server.memory.table import Table
from replay_server.memory_budget import MemoryBudget
from replay_server.remembered import Remembered
from replay_server.spec_changes import changed_spec, check_equal
from replay_server.table_factory import (
    check_column_names,
    check_feasible,
    columns_of,
    limiter_of,
    sampler_of,
    signature_of,
)
from replay_server.waiting import WaitingLine
from replay_wire.activity import TableActivityReply
from replay_wire.complaints import convert
from replay_wire.messages import Limits, TableChange, TableDocument, TableStats
from replay_wire.specs import RowItems, TableSpec

__all__ = ["ServedTable", "Tables"]

_REMEMBERED_STEP: Final = 1 << 18


@dataclass(eq=False)
class ServedTable:
    """A table that is kept.

    Attributes:
        standing: the table and what it is kept with.
        made: its spec as it was made.
        changed: its spec as it was changed.
        line: those who wait for it.
        remembered_bytes: what writers and streams may take before the budget is asked again.
        looks, closer_look: what was seen by those who watch it.
    """

    standing: StandingTable
    made: TableSpec
    changed: TableSpec
    line: WaitingLine = field(default_factory=WaitingLine)
    remembered_bytes: int = 0
    looks: LookBook = field(default_factory=LookBook)
    closer_look: Remembered[TableActivityReply] = field(default_factory=lambda: Remembered(1.0))

    @property
    def name(self) -> str:
        """The table's name."""
        return self.standing.name

    @property
    def table(self) -> Table:
        """The table."""
        return self.standing.table

    @property
    def spec(self) -> TableSpec:
        """The spec as it stands now, with the columns that the first insert fixed."""
        signature = self.table.signature
        if self.changed.columns is not None or signature is None:
            return self.changed
        return msgspec.structs.replace(self.changed, columns=columns_of(signature))


class Tables:
    """All tables of a server."""

    def __init__(
        self,
        limits: Limits,
        keeper: Keeper,
        standing: Iterable[StandingTable],
        budget: MemoryBudget,
    ) -> None:
        """Serve those that stand already, and those to come, which `keeper` makes."""
        self._limits = limits
        self._keeper = keeper
        self._budget = budget
        self._served: dict[str, ServedTable] = {}
        self._away: str | None = None
        self._closed = False
        budget.add(self._memory_bytes)
        self.take_over(standing)

    def find(self, name: str) -> ServedTable:
        """Return the table of a name. Raises UnknownTableError, UnavailableError."""
        if self._away is not None:
            raise UnavailableError(self._away)
        try:
            return self._served[name]
        except KeyError:
            raise UnknownTableError(name) from None

    async def create(self, name: str, spec: TableSpec) -> tuple[TableDocument, bool]:
        """Make a table, unless one of an equal spec stands; return it and whether it is new.

        Raises those of `declare`.
        """
        is_new = self.declare(name, spec)
        document = self.describe(name)
        await self._keeper.settled()
        return document, is_new

    def declare(self, name: str, spec: TableSpec) -> bool:
        """Make a table, unless one of an equal spec stands; return whether it is new.

        Raises:
            TableExistsError: one of another spec stands.
            InvalidSpecError: the spec can't be kept.
            TooLargeError: the table might come to take more memory than there is.
            StorageFullError: there is no room to keep it.
            UnavailableError: the server is shutting down.
        """
        self.check_open()
        served = self._served.get(name)
        if served is not None:
            check_equal(name, spec, served.made, served.spec)
            return False
        check_feasible(spec)
        if len(self._served) >= self._limits.max_tables:
            raise TooLargeError("tables", self._limits.max_tables, len(self._served) + 1)
        if spec.columns is not None and len(spec.columns) > self._limits.max_columns:
            raise TooLargeError("columns of a table", self._limits.max_columns, len(spec.columns))
        has_steps = not isinstance(spec.items, RowItems)
        signature = signature_of(spec)
        self._budget.check(self._memory_for(spec.capacity, signature, has_steps))
        description = {"made": spec.document(), "now": spec.document()}
        self._served[name] = ServedTable(self._keeper.make(name, description), spec, spec)
        return True

    async def change(self, name: str, change: TableChange) -> TableDocument:
        """Change sampler, limiter or limit of draws of a live table; raw priorities are kept.

        Raises:
            UnknownTableError: there is no such table.
            InvalidMessageError, InvalidSpecError, InvalidPriorityError: it can't be changed so.
        """
        served = self.find(name)
        spec = served.changed
        new = changed_spec(spec, change)
        check_feasible(new)
        description = {"made": served.made.document(), "now": new.document()}
        room = Room(places=served.table.rows)
        with self._keeper.step((served.standing, room), description=description):
            served.table.reconfigure(
                sampler=None if new.sampler == spec.sampler else sampler_of(new.sampler),
                limiter=None if change.rate_limiter is None else limiter_of(new),
                max_times_sampled=new.max_times_sampled,
            )
        served.changed = new
        document = self.describe(name)
        served.line.advance()
        await self._keeper.settled()
        return document

    def describe(self, name: str) -> TableDocument:
        """Return a table's document. Raises UnknownTableError."""
        served = self.find(name)
        table = served.table
        inserted = table.inserted_total
        stats = TableStats(
            size=table.size,
            rows=table.rows,
            inserted_total=inserted,
            sampled_total=table.sampled_total,
            updated_total=table.updated_total,
            stale_total=table.stale_total,
            deleted_total=table.deleted_total,
            bytes=table.nbytes,
            max_priority=table.max_priority,
            priority_sum=table.priority_sum,
            samples_per_insert=table.sampled_total / inserted if inserted else 0.0,
            sample_age=table.sample_ages.quantiles(),
        )
        return TableDocument(name=name, spec=served.spec.document(), stats=stats)

    async def drop(self, name: str) -> None:
        """Delete a table; those who wait before it get UnknownTableError.

        Raises UnknownTableError, StorageFullError.
        """
        served = self.find(name)
        self._keeper.drop(served.standing)
        del self._served[name]
        served.line.dismiss(UnknownTableError(name))
        await self._keeper.settled()

    async def reset(self, name: str) -> None:
        """Empty a table. Raises UnknownTableError, StorageFullError."""
        served = self.find(name)
        with self._keeper.step((served.standing, Room(places=served.table.rows))):
            served.table.reset()
        served.line.advance()
        await self._keeper.settled()

    # -- all of them ----------------------------------------------------------------------------

    @property
    def standing(self) -> list[StandingTable]:
        """The tables there are, by name."""
        return [self._served[name].standing for name in sorted(self._served)]

    @property
    def served(self) -> list[ServedTable]:
        """Every table, by name. Raises UnavailableError."""
        if self._away is not None:
            raise UnavailableError(self._away)
        return [self._served[name] for name in sorted(self._served)]

    def listed(self) -> list[TableDocument]:
        """Return every table's document, by name. Raises UnavailableError."""
        return [self.describe(served.name) for served in self.served]

    def take_over(self, tables: Iterable[StandingTable]) -> None:
        """Serve these tables instead of all others."""
        self._served = {
            each.name: ServedTable(
                each,
                convert(each.description["made"], TableSpec),
                convert(each.description["now"], TableSpec),
            )
            for each in tables
        }

    @contextmanager
    def away(self, doing: str) -> Iterator[None]:
        """Serve nobody within it, and send everyone who waits away with UnavailableError."""
        self._away = doing
        self._dismiss_all()
        try:
            yield
        finally:
            self._away = None

    def check_open(self) -> None:
        """Raise UnavailableError once the server is shutting down, or while it is away."""
        if self._closed:
            raise UnavailableError
        if self._away is not None:
            raise UnavailableError(self._away)

    def close(self) -> None:
        """Refuse new tables and send everyone who waits away with UnavailableError."""
        self._closed = True
        self._dismiss_all()

    def _dismiss_all(self) -> None:
        error = UnavailableError() if self._away is None else UnavailableError(self._away)
        for served in self._served.values():
            served.line.dismiss(error)

    # -- memory ---------------------------------------------------------------------------------

    def check_new_columns(self, table: Table, columns: Columns) -> None:
        """Refuse the columns of a first insert if no table could have them.

        Raises:
            InvalidSpecError, TooLargeError: as their classes say.
        """
        check_column_names(columns)
        if len(columns) > self._limits.max_columns:
            raise TooLargeError("columns of a table", self._limits.max_columns, len(columns))
        grown = self._memory_for(table.capacity, Signature.of(columns), table.has_steps)
        self._budget.check(grown - self._memory_for(table.capacity, None, table.has_steps))

    def check_growth(self, served: ServedTable, columns: Columns) -> None:
        """Refuse rows for whose compressed columns, writers and streams there might be no memory.

        Writers and streams are asked for in large steps: most inserts bring no new ones.

        Raises:
            StorageFullError: there would not be if columns did not shrink at all.
        """
        table, grown = served.table, 0
        if table.signature is not None and not self._keeper.mapped:
            packed = table.signature.packed
            grown = sum(columns[name].nbytes for name in packed if name in columns)
        is_remembering = table.remembered_bytes > served.remembered_bytes
        if not grown and not is_remembering:
            return
        try:
            self._budget.check(grown + (_REMEMBERED_STEP if is_remembering else 0))
        except TooLargeError as error:
            raise StorageFullError(str(error)) from error
        if is_remembering:
            served.remembered_bytes = table.remembered_bytes + _REMEMBERED_STEP

    def _memory_for(self, capacity: int, signature: Signature | None, has_steps: bool) -> int:
        """Return the memory that a table may come to take: rows that lie in files take none."""
        return bytes_for(capacity, signature, has_steps, rows_in_files=self._keeper.mapped)

    def _memory_bytes(self) -> int:
        tables = [served.table for served in self._served.values()]
        packed = 0 if self._keeper.mapped else sum(one.packed_bytes for one in tables)
        return packed + sum(
            self._memory_for(one.capacity, one.signature, one.has_steps) + one.remembered_bytes
            for one in tables
        )
