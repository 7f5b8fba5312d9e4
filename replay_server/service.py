"""The service: tables by name, and the verbs of the protocol on them.

Everything that changes a table runs to its end on the event loop's thread, so that each request is
one step in one order: that is the table's lock. A request that the limiter holds back waits in the
table's line. Messages come in decoded and go out as messages: HTTP is `replay_server.api`'s.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from replay_server.errors import (
    TableExistsError,
    TooLargeError,
    UnavailableError,
    UnknownTableError,
)
from replay_server.memory.arrays import AnyArray, Columns
from replay_server.memory.draws import Draw
from replay_server.memory.errors import InvalidArgumentError, RateLimitedError
from replay_server.memory.footprint import bytes_for
from replay_server.memory.signature import Signature
from replay_server.memory.table import Table
from replay_server.table_factory import (
    build_table,
    check_column_names,
    columns_of,
    signature_of,
)
from replay_server.waiting import WaitingLine
from replay_wire.arrays import Array
from replay_wire.messages import (
    DeleteReply,
    InsertReply,
    InsertRequest,
    Limits,
    PriorityUpdate,
    SampleReply,
    SampleRequest,
    ScanReply,
    ScanRequest,
    TableDocument,
    TableStats,
    UpdateReply,
)
from replay_wire.specs import MAX_KEY, TableSpec

__all__ = ["Gone", "ReplayService"]

Gone = Callable[[], Awaitable[None]]
"""Makes an awaitable that is done when the client has gone."""


@dataclass
class _Entry:
    """A table with its name, its spec as it was made, and the line before it."""

    name: str
    made: TableSpec
    table: Table
    line: WaitingLine = field(default_factory=WaitingLine)

    @property
    def spec(self) -> TableSpec:
        """The spec as it stands now, with the columns that the first insert fixed."""
        signature = self.table.signature
        if self.made.columns is not None or signature is None:
            return self.made
        return msgspec.structs.replace(self.made, columns=columns_of(signature))


class ReplayService:
    """All tables of a server.

    Attributes:
        limits: what requests may ask for.
    """

    def __init__(self, limits: Limits) -> None:
        """Start without tables."""
        self.limits = limits
        self._entries: dict[str, _Entry] = {}
        self._next_keys: dict[str, int] = {}
        self._closed = False

    # -- tables ---------------------------------------------------------------------------------

    def create_table(self, name: str, spec: TableSpec) -> tuple[TableDocument, bool]:
        """Make a table, unless one of an equal spec stands; return it and whether it is new.

        Raises:
            TableExistsError: one of another spec stands.
            InvalidSpecError: the spec can't be kept.
            TooLargeError: the table might come to take more memory than there is.
            UnavailableError: the server is shutting down.
        """
        self.check_open()
        standing = self._entries.get(name)
        if standing is not None:
            _check_equal(name, spec, standing)
            return self.describe_table(name), False
        if spec.columns is not None and len(spec.columns) > self.limits.max_columns:
            raise TooLargeError("columns of a table", self.limits.max_columns, len(spec.columns))
        self._check_memory(bytes_for(spec.capacity, signature_of(spec)))
        first_key = self._next_keys.get(name, 0)
        table = build_table(spec, first_key, self.limits.max_writers_per_table)
        self._entries[name] = _Entry(name, spec, table)
        return self.describe_table(name), True

    def describe_table(self, name: str) -> TableDocument:
        """Return a table's document. Raises UnknownTableError."""
        entry = self._entry(name)
        table = entry.table
        inserted = table.inserted_total
        stats = TableStats(
            size=table.size,
            rows=table.size,
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
        """Return every table's document, by name."""
        return [self.describe_table(name) for name in sorted(self._entries)]

    def drop_table(self, name: str) -> None:
        """Delete a table; those who wait before it get UnknownTableError. Raises the same."""
        entry = self._entry(name)
        del self._entries[name]
        self._next_keys[name] = entry.table.next_key
        entry.line.dismiss(UnknownTableError(name))

    def reset_table(self, name: str) -> None:
        """Empty a table. Raises UnknownTableError."""
        self._entry(name).table.reset()

    # -- rows -----------------------------------------------------------------------------------

    def insert(self, name: str, request: InsertRequest) -> InsertReply:
        """Store rows.

        Raises:
            UnknownTableError, StaleSequenceError, SignatureMismatchError, InvalidPriorityError,
            InvalidArgumentError, TooLargeError, InvalidSpecError: as their classes say.
        """
        entry = self._entry(name)
        stamp = request.writer
        done = None if stamp is None else entry.table.recall(stamp.id, stamp.sequence)
        if done is not None:  # whatever its content is this time
            return InsertReply(keys=Array.from_numpy(done), duplicate=True)
        self._check_wait(request.timeout)
        if request.streams is not None:
            raise InvalidArgumentError("streams", "only tables of steps have streams")
        columns = {
            column: array.to_numpy(f"columns.{column}") for column, array in request.columns.items()
        }
        priorities = (
            None if request.priorities is None else request.priorities.to_numpy("priorities")
        )
        if entry.table.signature is None:
            self._check_new_columns(entry.table, columns)
        keys, duplicate = entry.table.insert(
            columns, priorities, None if stamp is None else (stamp.id, stamp.sequence)
        )
        if not duplicate:
            entry.line.advance()
        return InsertReply(keys=Array.from_numpy(keys), duplicate=duplicate)

    async def sample(
        self, name: str, request: SampleRequest, gone: Gone | None = None
    ) -> SampleReply:
        """Draw, once the table's limiter lets it or the request's timeout is over.

        Args:
            name: the table.
            request: what to draw.
            gone: tells when the client has gone; it is asked only while the request waits.

        Raises:
            RateLimitedError: the limiter still says no.
            UnknownTableError, NothingToDrawError, SignatureMismatchError, InvalidPriorityError,
            InvalidArgumentError, TooLargeError, UnavailableError: as their classes say.
            asyncio.CancelledError: the client has gone; nothing was drawn.
        """
        entry = self._entry(name)
        self._check_wait(request.timeout)
        if request.layout == "indexed":
            raise InvalidArgumentError("layout", "only tables of steps have an indexed layout")
        draws = request.batch_size * request.batches
        if draws > self.limits.max_draws_per_request:
            raise TooLargeError("batch_size * batches", self.limits.max_draws_per_request, draws)
        self._check_columns(entry.table, request.columns, draws)
        update = request.update
        pairs = None if update is None else _pairs(update, "update.")

        def attempt() -> SampleReply:
            names = self._check_columns(entry.table, request.columns, draws)
            draw = entry.table.draw(
                request.batch_size,
                request.batches,
                beta=request.beta,
                normalize=request.normalize,
                update=pairs,
            )
            return _sample_reply(draw, entry.table.gather(draw.slots, names))

        try:
            return attempt()
        except RateLimitedError:
            if not request.timeout:
                raise
            self.check_open()
            return await entry.line.run(attempt, request.timeout, None if gone is None else gone())

    def update_priorities(self, name: str, request: PriorityUpdate) -> UpdateReply:
        """Set priorities. Raises UnknownTableError, InvalidPriorityError, InvalidArgumentError."""
        entry = self._entry(name)
        updated, stale = entry.table.update_priorities(*_pairs(request, ""))
        entry.line.advance()
        return UpdateReply(updated=updated, stale=stale)

    def delete(self, name: str, keys: Array) -> DeleteReply:
        """Delete rows. Raises UnknownTableError, InvalidArgumentError."""
        deleted, stale = self._entry(name).table.delete(keys.to_numpy("keys"))
        return DeleteReply(deleted=deleted, stale=stale)

    def scan(self, name: str, request: ScanRequest) -> ScanReply:
        """Return rows as they were stored; no more at once than an answer may hold.

        Raises:
            UnknownTableError, SignatureMismatchError, TooLargeError: as their classes say.
        """
        table = self._entry(name).table
        if request.limit > self.limits.max_scan_rows:
            raise TooLargeError("limit of a scan", self.limits.max_scan_rows, request.limit)
        names = [] if table.signature is None else table.signature.chosen(request.columns)
        row_bytes = _bytes_of(table, names)
        fitting = max(self.limits.max_reply_bytes // max(row_bytes, 1), 1)
        after = min(request.after, MAX_KEY)  # what lies above it is no key
        slots, more = table.scan(after, min(request.limit, fitting), request.order)
        keys, priorities = table.keys_at(slots)
        return ScanReply(
            keys=Array.from_numpy(keys),
            priorities=Array.from_numpy(priorities),
            columns=_wired(table.gather(slots, names)),
            more=more,
        )

    # -- life -----------------------------------------------------------------------------------

    def check_open(self) -> None:
        """Raise UnavailableError once the server is shutting down."""
        if self._closed:
            raise UnavailableError

    def close(self) -> None:
        """Refuse new tables and send everyone who waits away with UnavailableError."""
        self._closed = True
        for entry in self._entries.values():
            entry.line.dismiss(UnavailableError())

    # -- checks ---------------------------------------------------------------------------------

    def _entry(self, name: str) -> _Entry:
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownTableError(name) from None

    def _check_wait(self, timeout_s: float) -> None:
        if timeout_s > self.limits.max_wait_seconds:
            raise TooLargeError("timeout in seconds", self.limits.max_wait_seconds, timeout_s)

    def _check_memory(self, more_bytes: int) -> None:
        used = sum(entry.table.nbytes for entry in self._entries.values())
        if used + more_bytes > self.limits.memory_limit_bytes:
            raise TooLargeError(
                "bytes of all tables", self.limits.memory_limit_bytes, f"{used} + {more_bytes}"
            )

    def _check_new_columns(self, table: Table, columns: Columns) -> None:
        """Refuse the columns of a first insert if no table could have them."""
        check_column_names(columns)
        if len(columns) > self.limits.max_columns:
            raise TooLargeError("columns of a table", self.limits.max_columns, len(columns))
        grown = bytes_for(table.capacity, Signature.of(columns))
        self._check_memory(grown - table.nbytes)

    def _check_columns(self, table: Table, wanted: list[str] | None, draws: int) -> list[str]:
        """Return the names of the columns to draw, after refusing an answer beyond the limit."""
        names = [] if table.signature is None else table.signature.chosen(wanted)
        total = draws * _bytes_of(table, names)
        if total > self.limits.max_reply_bytes:
            raise TooLargeError("bytes of an answer", self.limits.max_reply_bytes, total)
        return names


def _check_equal(name: str, spec: TableSpec, standing: _Entry) -> None:
    """Raise TableExistsError unless a spec equals that of the table that stands."""
    if spec in (standing.made, standing.spec):
        return
    now = standing.spec
    for key in spec.__struct_fields__:
        asked, stands = getattr(spec, key), getattr(now, key)
        if asked != stands and not (key == "columns" and asked is None):
            difference = f"{key} is {msgspec.to_builtins(stands)}, not {msgspec.to_builtins(asked)}"
            raise TableExistsError(name, difference[:200])


def _pairs(update: PriorityUpdate, where: str) -> tuple[AnyArray, AnyArray]:
    return update.keys.to_numpy(f"{where}keys"), update.priorities.to_numpy(f"{where}priorities")


def _bytes_of(table: Table, names: list[str]) -> int:
    return sum(table.signature.columns[name].nbytes for name in names) if table.signature else 0


def _wired(columns: dict[str, AnyArray]) -> dict[str, Array]:
    return {name: Array.from_numpy(array) for name, array in columns.items()}


def _sample_reply(draw: Draw, columns: dict[str, AnyArray]) -> SampleReply:
    return SampleReply(
        keys=Array.from_numpy(draw.keys),
        probabilities=Array.from_numpy(draw.probabilities),
        weights=Array.from_numpy(draw.weights),
        priorities=Array.from_numpy(draw.priorities),
        times_sampled=Array.from_numpy(draw.times_sampled),
        ages=Array.from_numpy(draw.ages),
        columns=_wired(columns),
        size=draw.size,
        updated=draw.updated,
        stale=draw.stale,
    )
