"""Requests to draw, from one table or from several at once."""

from __future__ import annotations

from replay_server.admission import Admission, Gone
from replay_server.durability.keeper import Keeper, Room, StandingTable
from replay_server.errors import TooLargeError
from replay_server.gathers import Gathered, Gathers
from replay_server.memory.drawing import Undo
from replay_server.memory.draws import Draw
from replay_server.parts import Drawn, Part
from replay_server.tables import ServedTable, Tables
from replay_server.traffic import Account, Traffic
from replay_server.waiting import Demand
from replay_wire.messages import (
    Limits,
    MixedSampleReply,
    MixedSampleRequest,
    SampleReply,
    SampleRequest,
)
from replay_wire.specs import check_resource_name

__all__ = ["Draws"]


class Draws:
    """Draws from all tables."""

    def __init__(
        self,
        limits: Limits,
        tables: Tables,
        keeper: Keeper,
        admission: Admission,
        traffic: Traffic,
    ) -> None:
        """Draw from `tables` within steps of `keeper`."""
        self._limits = limits
        self._tables = tables
        self._keeper = keeper
        self._admission = admission
        self._traffic = traffic
        self._gathers = Gathers()

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
        served = self._tables.find(name)
        self._admission.check_wait(request.timeout)
        self._check_update(request)
        part = Part(served.table, request)
        account = account or self._traffic.account()

        def attempt() -> tuple[Draw, Gathered[Drawn]]:
            names = part.names(self._limits)
            with account.taking(part.reply_bytes):
                with self._keeper.step((served.standing, part.room)):
                    draw = served.table.draw(**part.arguments)
                return draw, self._start(part, draw, names)

        draw, gathered = await self._admission.now_or_later(
            [served], attempt, part.demand, request.timeout, gone
        )
        reply = part.reply(draw, await gathered.columns())
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
        served = [self._tables.find(part.table) for part in request.parts]
        parts = [
            Part(served.table, part) for served, part in zip(served, request.parts, strict=True)
        ]
        timeout = max(part.timeout for part in request.parts)
        self._admission.check_wait(timeout)
        for asked in request.parts:
            self._check_update(asked)
        account = account or self._traffic.account()

        def attempt() -> list[tuple[Draw, Gathered[Drawn]]]:
            every_names = [part.names(self._limits) for part in parts]
            with (
                account.taking(self._checked_sum(parts)),
                self._keeper.step(*_rooms(distinct, parts)),
            ):
                return draw_all(every_names)

        def draw_all(every_names: list[list[str]]) -> list[tuple[Draw, Gathered[Drawn]]]:
            undo = Undo()
            draws: list[Draw] = []
            try:
                for part in parts:
                    draws.append(part.table.try_draw(**part.arguments, undo=undo))  # noqa: PERF401
                started = [
                    (draw, self._start(part, draw, names))
                    for part, draw, names in zip(parts, draws, every_names, strict=True)
                ]
            except BaseException:
                undo.roll_back()
                raise
            for part, draw in zip(parts, draws, strict=True):
                part.table.settle(draw)
            return started

        distinct = list({served.name: served for served in served}.values())

        def demand() -> Demand:
            demands = [part.demand() for part in parts]
            names = (part.table for part in request.parts)
            return Demand(
                tuple(zip(names, (each.of for each in demands), strict=True)),
                lambda: any(each.is_held_back() for each in demands),
                is_all=all(each.is_all for each in demands),
            )

        started = await self._admission.now_or_later(distinct, attempt, demand, timeout, gone)
        replies = [
            part.reply(draw, await gathered.columns())
            for part, (draw, gathered) in zip(parts, started, strict=True)
        ]
        if any(part.takes_away for part in parts):
            await self._keeper.settled()
        return MixedSampleReply(parts=replies)

    def _start(self, part: Part, draw: Draw, names: list[str]) -> Gathered[Drawn]:
        """Begin with the copies of what was drawn for a part."""
        return self._gathers.start(part.table, part.gathering(draw, names), part.reply_bytes)

    def _checked_sum(self, parts: list[Part]) -> int:
        """Return the bytes of an answer; refuse parts that are together more than it may hold."""
        draws = sum(part.request.batch_size * part.request.batches for part in parts)
        if draws > self._limits.max_draws_per_request:
            most = self._limits.max_draws_per_request
            raise TooLargeError("batch_size * batches of all parts", most, draws)
        reply_bytes = sum(part.reply_bytes for part in parts)
        if reply_bytes > self._limits.max_reply_bytes:
            raise TooLargeError("bytes of an answer", self._limits.max_reply_bytes, reply_bytes)
        return reply_bytes

    def _check_update(self, request: SampleRequest) -> None:
        if request.update is not None:
            self._admission.check_keys(request.update.keys)


def _rooms(served: list[ServedTable], parts: list[Part]) -> list[tuple[StandingTable, Room]]:
    """Return how much the parts of a mixed draw may change in each of the tables."""
    return [
        (
            served.standing,
            Room(
                sum(one.room.places for one in parts if one.table is served.table),
                spreads=served.table.takes_away,
            ),
        )
        for served in served
    ]
