"""Requests about rows: insert, update, delete and scan."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Final

from replay_server.admission import Admission, Gone
from replay_server.durability.keeper import Keeper, Room
from replay_server.errors import TooLargeError
from replay_server.memory.arrays import Columns
from replay_server.memory.table import Table
from replay_server.parts import decoded_update, wired
from replay_server.tables import Tables
from replay_server.traffic import Account, Traffic
from replay_server.waiting import Demand
from replay_wire.arrays import Array
from replay_wire.messages import (
    DeleteReply,
    InsertReply,
    InsertRequest,
    Limits,
    PriorityUpdate,
    ScanReply,
    ScanRequest,
    UpdateReply,
    WriterStamp,
)
from replay_wire.specs import MAX_KEY

__all__ = ["Rows"]

_HEARING_NOTHING: Final = nullcontext()


class Rows:
    """The rows of all tables."""

    def __init__(
        self,
        limits: Limits,
        tables: Tables,
        keeper: Keeper,
        admission: Admission,
        traffic: Traffic,
    ) -> None:
        """Change rows of `tables` within steps of `keeper`."""
        self._limits = limits
        self._tables = tables
        self._keeper = keeper
        self._admission = admission
        self._traffic = traffic

    async def insert(
        self,
        name: str,
        request: InsertRequest,
        gone: Gone | None = None,
        *,
        highest: float = 0.0,
        marks: Sequence[str] = (),
    ) -> InsertReply:
        """Store rows, once the table's limiter lets it or the request's timeout is over.

        Args:
            name: the table.
            request: the rows; its arrays must stay as they are until it is done.
            gone: tells when the client has gone; it is asked only while the request waits.
            highest: a priority stored elsewhere, which counts as stored here once the rows are in.
            marks: under what the writer's sequence is noted as well, as surely as the rows.

        Raises:
            RateLimitedError: the limiter still says no.
            UnknownTableError, StaleSequenceError, SignatureMismatchError, InvalidPriorityError,
            InvalidArgumentError, TooLargeError, InvalidSpecError, StorageFullError,
            UnavailableError: as their classes say.
            asyncio.CancelledError: the client has gone; nothing was stored.
        """
        served = self._tables.find(name)
        stamp = request.writer
        done = None if stamp is None else served.table.recall(stamp.id, stamp.sequence)
        if done is not None:  # whatever its content is this time
            if marks:
                with self._keeper.step((served.standing, Room(0))):
                    _note(served.table, marks, stamp)
            await self._keeper.settled()  # the first time may still be under way
            return InsertReply(keys=Array.from_numpy(done), duplicate=True)
        self._admission.check_wait(request.timeout)
        columns = {
            column: array.to_numpy(f"columns.{column}") for column, array in request.columns.items()
        }
        rows = max((len(column) for column in columns.values() if column.ndim), default=0)
        if rows > self._limits.max_rows_per_insert:
            raise TooLargeError("rows of an insert", self._limits.max_rows_per_insert, rows)
        priorities, streams = request.priorities, request.streams
        more = (
            None if priorities is None else priorities.to_numpy("priorities"),
            None if stamp is None else (stamp.id, stamp.sequence),
            None if streams is None else streams.to_numpy("streams"),
        )

        def attempt() -> InsertReply:
            if served.table.signature is None:
                self._tables.check_new_columns(served.table, columns)
            self._tables.check_growth(served, columns)
            hearing = served.table.hearing(highest) if highest else _HEARING_NOTHING
            with self._keeper.step((served.standing, _room_for(served.table, columns))), hearing:
                keys, duplicate = served.table.insert(columns, *more)
                _note(served.table, marks, stamp)
            return InsertReply(keys=Array.from_numpy(keys), duplicate=duplicate)

        def demand() -> Demand:
            is_held_back = partial(served.table.holds_back_insert, rows)
            writer = None if stamp is None else stamp.id
            is_all = stamp is None and not served.table.has_steps
            return Demand(("insert", rows), is_held_back, is_all, writer, inserts=True)

        reply = await self._admission.now_or_later([served], attempt, demand, request.timeout, gone)
        await self._keeper.settled()
        return reply

    async def update_priorities(self, name: str, request: PriorityUpdate) -> UpdateReply:
        """Set priorities.

        Raises:
            UnknownTableError, InvalidPriorityError, InvalidArgumentError, TooLargeError,
            StorageFullError: as their classes say.
        """
        served = self._tables.find(name)
        self._admission.check_keys(request.keys)
        keys, priorities = decoded_update(request, "")
        with self._keeper.step((served.standing, Room(keys.size, spreads=False))):
            updated, stale = served.table.update_priorities(keys, priorities)
        served.line.advance()
        await self._keeper.settled()
        return UpdateReply(updated=updated, stale=stale)

    async def delete(self, name: str, keys: Array) -> DeleteReply:
        """Delete rows.

        Raises:
            UnknownTableError, InvalidArgumentError, TooLargeError, StorageFullError: as their
            classes say.
        """
        served = self._tables.find(name)
        self._admission.check_keys(keys)
        named = keys.to_numpy("keys")
        with self._keeper.step((served.standing, Room(named.size))):
            deleted, stale = served.table.delete(named)
        served.line.advance()
        await self._keeper.settled()
        return DeleteReply(deleted=deleted, stale=stale)

    def scan(self, name: str, request: ScanRequest, account: Account | None = None) -> ScanReply:
        """Return rows as they were stored; no more at once than an answer may hold.

        Raises:
            UnknownTableError, SignatureMismatchError, TooLargeError, OverloadedError: as their
            classes say.
        """
        table = self._tables.find(name).table
        if request.limit > self._limits.max_scan_rows:
            raise TooLargeError("limit of a scan", self._limits.max_scan_rows, request.limit)
        names = [] if table.signature is None else table.signature.chosen(request.columns)
        stored = {} if table.signature is None else table.signature.columns
        row_bytes = sum(stored[name].nbytes for name in names)
        fitting = max(self._limits.max_reply_bytes // max(row_bytes, 1), 1)
        after = min(request.after, MAX_KEY)  # what lies above it is no key
        slots, more = table.scan(after, min(request.limit, fitting), request.order)
        (account or self._traffic.account()).take(len(slots) * row_bytes)
        keys, priorities = table.keys_at(slots)
        previous = table.previous_keys_at(slots)
        return ScanReply(
            keys=Array.from_numpy(keys),
            priorities=Array.from_numpy(priorities),
            columns=wired(table.rows_at(slots, names)),
            more=more,
            previous=None if previous is None else Array.from_numpy(previous),
        )


def _note(table: Table, marks: Sequence[str], stamp: WriterStamp | None) -> None:
    for mark in marks:
        assert stamp is not None
        table.note(mark, stamp.sequence)


def _room_for(table: Table, columns: Columns) -> Room:
    """Return how much an insert of columns may change; nothing where it will be refused."""
    rows = min((len(array) for array in columns.values() if array.ndim), default=0)
    if not 0 < rows <= table.capacity:
        return Room(0)
    return Room(rows, rows, sum(array.nbytes for array in columns.values()) // rows + 1)
