"""The service: tables by name, and the verbs of the protocol on them.

Everything that changes a table runs to its end on the event loop's thread, so that each request is
one step in one order: that is the table's lock. A request that the limiter holds back waits in the
table's line. Messages come in decoded and go out as messages: HTTP is `replay_server.api`'s.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from replay_server.durability.keeper import Keeper, Room, StandingTable
from replay_server.durability.parameter_shelf import MemoryShelf, Shelf
from replay_server.errors import (
    OverloadedError,
    TableExistsError,
    TooLargeError,
    UnavailableError,
    UnknownTableError,
)
from replay_server.memory.arrays import Columns
from replay_server.memory.drawing import Undo
from replay_server.memory.draws import Draw
from replay_server.memory.errors import RateLimitedError
from replay_server.memory.footprint import bytes_for
from replay_server.memory.signature import Signature
from replay_server.memory.table import Table
from replay_server.parameters import ParameterStore
from replay_server.parts import Part, decoded_update, wired
from replay_server.table_factory import (
    check_column_names,
    check_feasible,
    columns_of,
    limiter_of,
    sampler_of,
    signature_of,
)
from replay_server.traffic import Account, Traffic
from replay_server.waiting import Demand, WaitingLine, wait_in_line
from replay_wire.arrays import Array
from replay_wire.complaints import convert
from replay_wire.messages import (
    DeleteReply,
    InsertReply,
    InsertRequest,
    Limits,
    MixedSampleReply,
    MixedSampleRequest,
    PriorityUpdate,
    SampleReply,
    SampleRequest,
    ScanReply,
    ScanRequest,
    TableChange,
    TableDocument,
    TableStats,
    UpdateReply,
)
from replay_wire.specs import MAX_KEY, RowItems, TableSpec, check_resource_name

__all__ = ["Gone", "ReplayService"]

Reply = TypeVar("Reply")
Gone = Callable[[], Awaitable[None]]
"""Makes an awaitable that is done when the client has gone."""


_IMPLIED: Final = ("sampler", "max_times_sampled")
_BYTES_A_KEY: Final = 8


@dataclass(eq=False)
class _Entry:
    """A table that is kept, its spec as it was made and as it was changed, and its line."""

    standing: StandingTable
    made: TableSpec
    changed: TableSpec
    line: WaitingLine = field(default_factory=WaitingLine)

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


class ReplayService:
    """All tables of a server.

    Attributes:
        limits: what requests may ask for.
        parameters: what actors act with.
        traffic: bytes of requests and answers under way.
    """

    def __init__(
        self,
        limits: Limits,
        keeper: Keeper,
        standing: Iterable[StandingTable],
        shelf: Shelf | None = None,
    ) -> None:
        """Serve the tables that stand already, and those to come, which `keeper` makes.

        Parameters lie on `shelf`; without one they are in memory.
        """
        self.limits = limits
        self.parameters = ParameterStore(shelf or MemoryShelf(self._check_memory), limits)
        self.traffic = Traffic(limits.max_bytes_under_way)
        self._keeper = keeper
        self._entries: dict[str, _Entry] = {}
        self._away: str | None = None
        self._waiting = 0
        self._closed = False
        self.take_over(standing)

    # -- tables ---------------------------------------------------------------------------------

    async def create_table(self, name: str, spec: TableSpec) -> tuple[TableDocument, bool]:
        """Make a table, unless one of an equal spec stands; return it and whether it is new.

        Raises those of `declare_table`.
        """
        is_new = self.declare_table(name, spec)
        document = self.describe_table(name)
        await self._keeper.settled()
        return document, is_new

    def declare_table(self, name: str, spec: TableSpec) -> bool:
        """Make a table, unless one of an equal spec stands; return whether it is new.

        Raises:
            TableExistsError: one of another spec stands.
            InvalidSpecError: the spec can't be kept.
            TooLargeError: the table might come to take more memory than there is.
            StorageFullError: there is no room to keep it.
            UnavailableError: the server is shutting down.
        """
        self.check_open()
        entry = self._entries.get(name)
        if entry is not None:
            _check_equal(name, spec, entry)
            return False
        check_feasible(spec)
        if len(self._entries) >= self.limits.max_tables:
            raise TooLargeError("tables", self.limits.max_tables, len(self._entries) + 1)
        if spec.columns is not None and len(spec.columns) > self.limits.max_columns:
            raise TooLargeError("columns of a table", self.limits.max_columns, len(spec.columns))
        has_steps = not isinstance(spec.items, RowItems)
        signature = signature_of(spec)
        self._check_memory(self._memory_for(spec.capacity, signature, has_steps))
        description = {"made": spec.document(), "now": spec.document()}
        self._entries[name] = _Entry(self._keeper.make(name, description), spec, spec)
        return True

    async def change_table(self, name: str, change: TableChange) -> TableDocument:
        """Change sampler, limiter or limit of draws of a live table; raw priorities are kept.

        Raises:
            UnknownTableError: there is no such table.
            InvalidMessageError, InvalidSpecError, InvalidPriorityError: it can't be changed so.
        """
        entry = self._entry(name)
        spec = entry.changed
        values = msgspec.to_builtins(spec)
        wanted = {
            key: _merged(values[key], getattr(change, key))
            for key in ("sampler", "rate_limiter", "max_times_sampled")
            if getattr(change, key) is not None
        }
        values = {key: value for key, value in values.items() if key not in wanted}
        if wanted.get("rate_limiter", {}).get("kind") == "queue":  # implies the others
            values = {key: value for key, value in values.items() if key not in _IMPLIED}
        new = convert({**values, **wanted}, TableSpec)
        check_feasible(new)
        description = {"made": entry.made.document(), "now": new.document()}
        room = Room(places=entry.table.rows)
        with self._keeper.step((entry.standing, room), description=description):
            entry.table.reconfigure(
                sampler=None if new.sampler == spec.sampler else sampler_of(new.sampler),
                limiter=limiter_of(new.rate_limiter) if "rate_limiter" in wanted else None,
                max_times_sampled=new.max_times_sampled,
            )
        entry.changed = new
        document = self.describe_table(name)
        entry.line.advance()
        await self._keeper.settled()
        return document

    def describe_table(self, name: str) -> TableDocument:
        """Return a table's document. Raises UnknownTableError."""
        entry = self._entry(name)
        table = entry.table
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
        return TableDocument(name=name, spec=entry.spec.document(), stats=stats)

    def list_tables(self) -> list[TableDocument]:
        """Return every table's document, by name. Raises UnavailableError."""
        if self._away is not None:
            raise UnavailableError(self._away)
        return [self.describe_table(name) for name in sorted(self._entries)]

    async def drop_table(self, name: str) -> None:
        """Delete a table; those who wait before it get UnknownTableError.

        Raises UnknownTableError, StorageFullError.
        """
        entry = self._entry(name)
        self._keeper.drop(entry.standing)
        del self._entries[name]
        entry.line.dismiss(UnknownTableError(name))
        await self._keeper.settled()

    async def reset_table(self, name: str) -> None:
        """Empty a table. Raises UnknownTableError, StorageFullError."""
        entry = self._entry(name)
        with self._keeper.step((entry.standing, Room(places=entry.table.rows))):
            entry.table.reset()
        entry.line.advance()
        await self._keeper.settled()

    # -- rows -----------------------------------------------------------------------------------

    async def insert(
        self, name: str, request: InsertRequest, gone: Gone | None = None
    ) -> InsertReply:
        """Store rows, once the table's limiter lets it or the request's timeout is over.

        Args:
            name: the table.
            request: the rows; its arrays must stay as they are until it is done.
            gone: tells when the client has gone; it is asked only while the request waits.

        Raises:
            RateLimitedError: the limiter still says no.
            UnknownTableError, StaleSequenceError, SignatureMismatchError, InvalidPriorityError,
            InvalidArgumentError, TooLargeError, InvalidSpecError, UnavailableError: as their
            classes say.
            asyncio.CancelledError: the client has gone; nothing was stored.
        """
        entry = self._entry(name)
        stamp = request.writer
        done = None if stamp is None else entry.table.recall(stamp.id, stamp.sequence)
        if done is not None:  # whatever its content is this time
            await self._keeper.settled()  # the first time may still be under way
            return InsertReply(keys=Array.from_numpy(done), duplicate=True)
        self._check_wait(request.timeout)
        columns = {
            column: array.to_numpy(f"columns.{column}") for column, array in request.columns.items()
        }
        rows = max((len(column) for column in columns.values() if column.ndim), default=0)
        if rows > self.limits.max_rows_per_insert:
            raise TooLargeError("rows of an insert", self.limits.max_rows_per_insert, rows)
        priorities, streams = request.priorities, request.streams
        more = (
            None if priorities is None else priorities.to_numpy("priorities"),
            None if stamp is None else (stamp.id, stamp.sequence),
            None if streams is None else streams.to_numpy("streams"),
        )

        def attempt() -> InsertReply:
            if entry.table.signature is None:
                self._check_new_columns(entry.table, columns)
            with self._keeper.step((entry.standing, _room_for(entry.table, columns))):
                keys, duplicate = entry.table.insert(columns, *more)
            return InsertReply(keys=Array.from_numpy(keys), duplicate=duplicate)

        def demand() -> Demand:
            is_held_back = partial(entry.table.holds_back_insert, rows)
            writer = None if stamp is None else stamp.id
            is_all = stamp is None and not entry.table.has_steps
            return Demand(("insert", rows), is_held_back, is_all, writer)

        reply = await self._now_or_later([entry], attempt, demand, request.timeout, gone)
        await self._keeper.settled()
        return reply

    async def sample(
        self,
        name: str,
        request: SampleRequest,
        gone: Gone | None = None,
        account: Account | None = None,
    ) -> SampleReply:
        """Draw, once the table's limiter lets it or the request's timeout is over.

        Args:
            name: the table.
            request: what to draw.
            gone: tells when the client has gone; it is asked only while the request waits.
            account: takes the bytes of the columns before they are drawn.

        Raises:
            RateLimitedError: the limiter still says no.
            UnknownTableError, NothingToDrawError, SignatureMismatchError, InvalidPriorityError,
            InvalidArgumentError, TooLargeError, UnavailableError, OverloadedError: as their
            classes say.
            asyncio.CancelledError: the client has gone; nothing was drawn.
        """
        entry = self._entry(name)
        self._check_wait(request.timeout)
        self._check_update(request)
        part = Part(entry.table, request)
        account = account or self.traffic.account()

        def attempt() -> SampleReply:
            names = part.names(self.limits)
            with account.taking(part.reply_bytes):
                with self._keeper.step((entry.standing, part.room)):
                    draw = entry.table.draw(**part.arguments)
                return part.reply(draw, names)

        reply = await self._now_or_later([entry], attempt, part.demand, request.timeout, gone)
        if part.takes_away:
            await self._keeper.settled()
        return reply

    async def sample_mixed(
        self,
        request: MixedSampleRequest,
        gone: Gone | None = None,
        account: Account | None = None,
    ) -> MixedSampleReply:
        """Draw from several tables in their order, all parts or none.

        Arguments and errors are those of `sample`; the longest timeout holds for all.
        """
        for place, asked in enumerate(request.parts):
            check_resource_name(asked.table, f"parts[{place}].table")
        entries = [self._entry(part.table) for part in request.parts]
        parts = [
            Part(entry.table, part) for entry, part in zip(entries, request.parts, strict=True)
        ]
        timeout = max(part.timeout for part in request.parts)
        self._check_wait(timeout)
        for asked in request.parts:
            self._check_update(asked)
        account = account or self.traffic.account()

        def attempt() -> MixedSampleReply:
            every_names = [part.names(self.limits) for part in parts]
            with (
                account.taking(self._checked_sum(parts)),
                self._keeper.step(*_rooms(distinct, parts)),
            ):
                return draw_all(every_names)

        def draw_all(every_names: list[list[str]]) -> MixedSampleReply:
            undo = Undo()
            draws: list[Draw] = []
            try:
                for part in parts:
                    draws.append(part.table.try_draw(**part.arguments, undo=undo))  # noqa: PERF401
                replies = [
                    part.reply(draw, names)
                    for part, draw, names in zip(parts, draws, every_names, strict=True)
                ]
            except BaseException:
                undo.roll_back()
                raise
            for part, draw in zip(parts, draws, strict=True):
                part.table.settle(draw)
            return MixedSampleReply(parts=replies)

        distinct = list({entry.name: entry for entry in entries}.values())

        def demand() -> Demand:
            demands = [part.demand() for part in parts]
            names = (part.table for part in request.parts)
            return Demand(
                tuple(zip(names, (each.of for each in demands), strict=True)),
                lambda: any(each.is_held_back() for each in demands),
                is_all=all(each.is_all for each in demands),
            )

        reply = await self._now_or_later(distinct, attempt, demand, timeout, gone)
        if any(part.takes_away for part in parts):
            await self._keeper.settled()
        return reply

    async def update_priorities(self, name: str, request: PriorityUpdate) -> UpdateReply:
        """Set priorities.

        Raises:
            UnknownTableError, InvalidPriorityError, InvalidArgumentError, TooLargeError,
            StorageFullError: as their classes say.
        """
        entry = self._entry(name)
        self._check_keys(request.keys)
        keys, priorities = decoded_update(request, "")
        with self._keeper.step((entry.standing, Room(keys.size, spreads=False))):
            updated, stale = entry.table.update_priorities(keys, priorities)
        entry.line.advance()
        await self._keeper.settled()
        return UpdateReply(updated=updated, stale=stale)

    async def delete(self, name: str, keys: Array) -> DeleteReply:
        """Delete rows.

        Raises:
            UnknownTableError, InvalidArgumentError, TooLargeError, StorageFullError: as their
            classes say.
        """
        entry = self._entry(name)
        self._check_keys(keys)
        named = keys.to_numpy("keys")
        with self._keeper.step((entry.standing, Room(named.size))):
            deleted, stale = entry.table.delete(named)
        entry.line.advance()
        await self._keeper.settled()
        return DeleteReply(deleted=deleted, stale=stale)

    def scan(self, name: str, request: ScanRequest, account: Account | None = None) -> ScanReply:
        """Return rows as they were stored; no more at once than an answer may hold.

        Raises:
            UnknownTableError, SignatureMismatchError, TooLargeError, OverloadedError: as their
            classes say.
        """
        table = self._entry(name).table
        if request.limit > self.limits.max_scan_rows:
            raise TooLargeError("limit of a scan", self.limits.max_scan_rows, request.limit)
        names = [] if table.signature is None else table.signature.chosen(request.columns)
        stored = {} if table.signature is None else table.signature.columns
        row_bytes = sum(stored[name].nbytes for name in names)
        fitting = max(self.limits.max_reply_bytes // max(row_bytes, 1), 1)
        after = min(request.after, MAX_KEY)  # what lies above it is no key
        slots, more = table.scan(after, min(request.limit, fitting), request.order)
        (account or self.traffic.account()).take(len(slots) * row_bytes)
        keys, priorities = table.keys_at(slots)
        return ScanReply(
            keys=Array.from_numpy(keys),
            priorities=Array.from_numpy(priorities),
            columns=wired(table.rows_at(slots, names)),
            more=more,
        )

    # -- life -----------------------------------------------------------------------------------

    @property
    def standing(self) -> list[StandingTable]:
        """The tables there are, by name."""
        return [self._entries[name].standing for name in sorted(self._entries)]

    def take_over(self, tables: Iterable[StandingTable]) -> None:
        """Serve these tables instead of all others."""
        self._entries = {
            each.name: _Entry(
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
        self.parameters.close()
        self._dismiss_all()

    def _dismiss_all(self) -> None:
        error = UnavailableError() if self._away is None else UnavailableError(self._away)
        for entry in self._entries.values():
            entry.line.dismiss(error)

    def settle(self) -> None:
        """Make everything durable, once no request is under way any more."""
        self.parameters.settle()
        self._keeper.close()

    # -- checks ---------------------------------------------------------------------------------

    def _entry(self, name: str) -> _Entry:
        if self._away is not None:
            raise UnavailableError(self._away)
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownTableError(name) from None

    def _check_wait(self, timeout_s: float) -> None:
        if timeout_s > self.limits.max_wait_seconds:
            raise TooLargeError("timeout in seconds", self.limits.max_wait_seconds, timeout_s)

    def _checked_sum(self, parts: list[Part]) -> int:
        """Return the bytes of an answer; refuse parts that are together more than it may hold."""
        draws = sum(part.request.batch_size * part.request.batches for part in parts)
        if draws > self.limits.max_draws_per_request:
            most = self.limits.max_draws_per_request
            raise TooLargeError("batch_size * batches of all parts", most, draws)
        reply_bytes = sum(part.reply_bytes for part in parts)
        if reply_bytes > self.limits.max_reply_bytes:
            raise TooLargeError("bytes of an answer", self.limits.max_reply_bytes, reply_bytes)
        return reply_bytes

    def _check_update(self, request: SampleRequest) -> None:
        if request.update is not None:
            self._check_keys(request.update.keys)

    def _check_keys(self, keys: Array) -> None:
        """Refuse more keys than one request may bring, by the bytes that they take."""
        count = keys.data.nbytes // _BYTES_A_KEY
        if count > self.limits.max_keys_per_request:
            raise TooLargeError("keys of a request", self.limits.max_keys_per_request, count)

    def _memory_for(self, capacity: int, signature: Signature | None, has_steps: bool) -> int:
        """Return the memory that a table may come to take: rows that lie in files take none."""
        return bytes_for(capacity, None if self._keeper.mapped else signature, has_steps)

    def _check_memory(self, more_bytes: int) -> None:
        tables = [entry.table for entry in self._entries.values()]
        used = sum(self._memory_for(one.capacity, one.signature, one.has_steps) for one in tables)
        used += self.parameters.memory_bytes
        if used + more_bytes > self.limits.memory_limit_bytes:
            most = self.limits.memory_limit_bytes
            raise TooLargeError(
                "bytes of all tables and parameters", most, f"{used} + {more_bytes}"
            )

    def _check_new_columns(self, table: Table, columns: Columns) -> None:
        """Refuse the columns of a first insert if no table could have them."""
        check_column_names(columns)
        if len(columns) > self.limits.max_columns:
            raise TooLargeError("columns of a table", self.limits.max_columns, len(columns))
        grown = self._memory_for(table.capacity, Signature.of(columns), table.has_steps)
        self._check_memory(grown - self._memory_for(table.capacity, None, table.has_steps))

    async def _now_or_later(
        self,
        entries: list[_Entry],
        attempt: Callable[[], Reply],
        demand: Callable[[], Demand],
        timeout_s: float,
        gone: Gone | None,
    ) -> Reply:
        """Return what `attempt` returns, at once or when the limiters of the tables let it.

        Raises:
            RateLimitedError: they did not within the time.
            UnavailableError: the server is shutting down, so that nobody can wait.
            OverloadedError: too many wait already.
        """
        lines = [entry.line for entry in entries]
        try:
            reply = attempt()
        except RateLimitedError:
            if not timeout_s:
                raise
            self.check_open()
            if self._waiting >= self.limits.max_waiting_requests:
                raise OverloadedError(f"{self._waiting} requests wait already") from None
            self._waiting += 1
            try:
                watch = None if gone is None else gone()
                return await wait_in_line(lines, attempt, demand(), timeout_s, watch)
            finally:
                self._waiting -= 1
        for line in lines:
            if len(line):
                line.advance(demand().writer)
        return reply


def _check_equal(name: str, spec: TableSpec, standing: _Entry) -> None:
    """Raise TableExistsError unless a spec equals that of the table that stands."""
    now = standing.spec
    made = msgspec.structs.replace(standing.made, columns=now.columns)
    asked = spec
    if spec.columns is None:
        asked = msgspec.structs.replace(spec, columns=now.columns)
    if asked in (made, now):
        return
    for key in asked.__struct_fields__:
        wanted, stands = msgspec.to_builtins((getattr(asked, key), getattr(now, key)))
        if wanted != stands:
            raise TableExistsError(name, f"{key} is {stands}, not {wanted}"[:200])


def _rooms(entries: list[_Entry], parts: list[Part]) -> list[tuple[StandingTable, Room]]:
    """Return how much the parts of a mixed draw may change in each of the tables."""
    return [
        (
            entry.standing,
            Room(
                sum(one.room.places for one in parts if one.table is entry.table),
                spreads=entry.table.takes_away,
            ),
        )
        for entry in entries
    ]


def _room_for(table: Table, columns: Columns) -> Room:
    """Return how much an insert of columns may change; nothing where it will be refused."""
    rows = min((len(array) for array in columns.values() if array.ndim), default=0)
    if not 0 < rows <= table.capacity:
        return Room(0)
    return Room(rows, rows, sum(array.nbytes for array in columns.values()) // rows + 1)


def _merged(standing: Any, change: Any) -> Any:
    """Return a changed value of a spec: merged key by key, unless its kind changes."""
    if not isinstance(standing, dict):
        return change
    if change.get("kind", standing["kind"]) != standing["kind"]:
        return change
    return {**standing, **change}
