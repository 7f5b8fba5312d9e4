"""What a shard of a cluster is asked: its part of draws and inserts, and what its tables hold.

Limits of the table as a whole are for those to keep who know the whole; here nobody waits.
"""

from __future__ import annotations

import zlib
from typing import Final

import msgspec
import numpy as np

from replay_server.admission import Admission
from replay_server.durability.keeper import Keeper
from replay_server.gathers import Gathers
from replay_server.memory.errors import InvalidArgumentError
from replay_server.parts import Drawn, Part, decoded_update, wired
from replay_server.rows import Rows
from replay_server.tables import ServedTable, Tables
from replay_server.traffic import Account
from replay_wire.arrays import Array
from replay_wire.messages import Limits, SampleRequest
from replay_wire.sharding.messages import (
    RetractReply,
    RetractRequest,
    ShardDrawReply,
    ShardDrawRequest,
    ShardInsertReply,
    ShardInsertRequest,
    ShardReport,
    ShardTable,
    WritersReply,
    WritersRequest,
)

__all__ = ["Shares"]

_LEFT: Final = "\0left\0"  # what is noted of a writer who left a shard, in the ledger of writers


class Shares:
    """A server's shares of the tables of a cluster."""

    def __init__(
        self, limits: Limits, tables: Tables, keeper: Keeper, admission: Admission, rows: Rows
    ) -> None:
        """Change rows of `tables` within steps of `keeper`."""
        self._limits = limits
        self._tables = tables
        self._keeper = keeper
        self._admission = admission
        self._rows = rows
        self._gathers = Gathers()
        self._specs: dict[str, tuple[object, int]] = {}

    def table(self, name: str) -> ShardTable:
        """Return the spec as it stands, and a report. Raises UnknownTableError."""
        served = self._tables.find(name)
        return ShardTable(spec=served.spec.document(), report=self._report(served))

    async def insert(self, name: str, request: ShardInsertRequest) -> ShardInsertReply:
        """Store rows at once, or not. Raises what `Rows.insert` does."""
        served = self._tables.find(name)
        stamp = request.rows.writer
        reply = await self._rows.insert(
            name,
            msgspec.structs.replace(request.rows, timeout=0.0),
            highest=_news(served, request.highest, request.seen),
            marks=() if stamp is None else _marks(stamp.id, request.left),
        )
        return ShardInsertReply(
            keys=reply.keys, duplicate=reply.duplicate, report=self._report(served)
        )

    async def draw(self, name: str, request: ShardDrawRequest, account: Account) -> ShardDrawReply:
        """Draw the items at the targets, after an update.

        Raises:
            UnknownTableError, SignatureMismatchError, InvalidPriorityError, InvalidArgumentError,
            TooLargeError, UnavailableError, OverloadedError, StorageFullError: as their classes
            say; nothing has changed.
        """
        served = self._tables.find(name)
        targets = np.array(request.targets.to_numpy("targets"))  # kernels take no read-only views
        if targets.dtype != np.float64 or targets.ndim != 1:
            raise InvalidArgumentError("targets", "expected <f8 of shape [B]")
        if not ((targets >= 0.0) & (targets < 1.0)).all():
            raise InvalidArgumentError("targets", "expected numbers in [0, 1)")
        if request.update is not None:
            self._admission.check_keys(request.update.keys)
        part = Part(
            served.table,
            SampleRequest(
                batch_size=max(len(targets), 1),
                columns=request.columns,
                layout=request.layout,  # type: ignore[arg-type]
                update=request.update,
            ),
        )
        names = part.names(self._limits)
        update = None if request.update is None else decoded_update(request.update, "update.")
        with account.taking(part.reply_bytes):
            with self._keeper.step((served.standing, part.room)):
                draw = served.table.draw_at(targets, update)
                served.table.raise_highest(_news(served, request.highest, request.seen))
            is_drawn = len(draw.slots) == len(targets)
            asked = names if len(draw.slots) else []
            size = part.reply_bytes if asked else 0
            gathered = self._gathers.start(served.table, part.gathering(draw, asked), size)
        report = self._report(served, smallest=request.smallest)
        columns: Drawn = await gathered.columns()
        if part.takes_away:
            await self._keeper.settled()
        is_indexed = not isinstance(columns, dict)
        return ShardDrawReply(
            drawn=is_drawn,
            keys=Array.from_numpy(draw.keys),
            probabilities=Array.from_numpy(draw.probabilities),
            priorities=Array.from_numpy(draw.priorities),
            times_sampled=Array.from_numpy(draw.times_sampled),
            ages=Array.from_numpy(draw.ages),
            columns=wired(columns if isinstance(columns, dict) else columns.columns),
            rows=wired(columns.rows) if is_indexed and not isinstance(columns, dict) else None,
            updated=draw.updated,
            stale=draw.stale,
            report=report,
        )

    def writers(self, name: str, request: WritersRequest) -> WritersReply:
        """Return the last sequences of writers, and of those who left a shard for this one."""
        table = self._tables.find(name).table
        last = {writer: table.last_sequence(writer) for writer in request.ids}
        suffix = f"{_LEFT}{request.left}"
        left = {} if request.left is None else table.last_sequences(suffix)
        return WritersReply(
            last={writer: sequence for writer, sequence in last.items() if sequence is not None},
            left={writer.removesuffix(suffix): sequence for writer, sequence in left.items()},
        )

    async def retract(self, name: str, request: RetractRequest) -> RetractReply:
        """Delete the rows of inserts that are the last ones of their writers.

        Raises UnknownTableError, StorageFullError.
        """
        table = self._tables.find(name).table
        deleted = 0
        for writer, sequence in request.inserts.items():
            if table.last_sequence(writer) == sequence:
                keys = table.recall(writer, sequence)
                assert keys is not None
                deleted += (await self._rows.delete(name, Array.from_numpy(keys))).deleted
        return RetractReply(deleted=deleted)

    def _report(self, served: ServedTable, *, smallest: bool = False) -> ShardReport:
        table = served.table
        counted = table.limiter.counters()
        inserted, drawn = counted if len(counted) == 2 else (0, 0)
        least = table.smallest_mass if smallest and table.mass else None
        return ShardReport(
            mass=table.mass,
            smallest=least,
            size=table.size,
            inserted=inserted,
            drawn=drawn,
            inserted_total=table.inserted_total,
            highest=table.max_priority,
            spec=self._spec_number(served),
        )

    def _spec_number(self, served: ServedTable) -> int:
        known = self._specs.get(served.name)
        if known is None or known[0] is not served.changed:
            number = zlib.crc32(msgspec.json.encode(served.changed.document()))
            self._specs[served.name] = known = (served.changed, number)
        return known[1]


def _marks(writer: str, left: list[int]) -> list[str]:
    """Return under what it is noted that a writer comes from other shards."""
    return [f"{writer}{_LEFT}{shard}" for shard in dict.fromkeys(left)]


def _news(served: ServedTable, highest: float, seen: float) -> float:
    """Return the highest priority elsewhere; 0 where the table was emptied since it was told."""
    return highest if served.table.max_priority >= seen else 0.0
