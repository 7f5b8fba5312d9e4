"""Endpoints for those who watch: what goes on in all shards together, by the gateway's own looks.

Counters are sums, from which the gateway finds rates as a server does. Who waits for the limiter of
a cluster's table waits at a gateway or in a client, which the shards don't see: the verdict goes by
rates alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from replay_server.api.routes import Call
from replay_server.cluster.handling import Gateway, GatewayRoute, good
from replay_server.cluster.tables import age_scale, joined_ages
from replay_server.histograms import joined, scaled
from replay_server.histories import Look, LookBook, Pace
from replay_server.verdicts import Facts, verdict
from replay_wire import endpoints
from replay_wire.activity import (
    ActivityReply,
    Durability,
    Memory,
    Side,
    TableActivity,
    TableActivityReply,
)
from replay_wire.errors import ErrorCode
from replay_wire.sharding.cluster import look
from replay_wire.sharding.limiting import surplus_share
from replay_wire.specs import RateLimiter, SampleToInsertRatioLimiter

__all__ = ["routes"]

_SUMMED: Final = (
    "capacity", "size", "rows", "bytes", "inserted_total", "sampled_total", "updated_total",
    "stale_total",
)  # fmt: skip
_MOST_WRITERS: Final = 32


@dataclass
class _Watched:
    """A table that somebody watches: its looks, and where its limiter stands."""

    looks: LookBook
    position: float | None = None


class _Handlers:
    """The endpoints of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._watched: dict[str, _Watched] = {}

    async def activity(self, call: Call) -> tuple[int, object]:
        """Tell what goes on in every table of the cluster; to be asked every second or so."""
        replies = good(await self._gateway.ask_live(call, endpoints.ACTIVITY))
        shares: dict[str, list[TableActivity]] = {}
        for reply in replies:
            for share in reply.tables:
                shares.setdefault(share.name, []).append(share)
        self._watched = {name: each for name, each in self._watched.items() if name in shares}
        tables = [await self._whole(call, shares[name]) for name in sorted(shares)]
        return 200, ActivityReply(
            tables=tables,
            memory=_memory([reply.memory for reply in replies]),
            durability=_durability([reply.durability for reply in replies]),
        )

    async def table_activity(self, call: Call) -> tuple[int, object]:
        """Take a closer look at a table of the cluster: its last minutes, priorities, writers."""
        name = call.names["table"]
        found = await self._gateway.ask_live(call, endpoints.TABLE_ACTIVITY, name)
        replies: list[TableActivityReply] = good(found, missing=ErrorCode.UNKNOWN_TABLE)
        table = await self._whole(call, [reply.table for reply in replies])
        factor = age_scale(self._gateway)
        writers = [writer for reply in replies for writer in reply.writers]
        writers.sort(key=lambda writer: (writer.rows_since is None, writer.rows_since or 0))
        return 200, TableActivityReply(
            table=table,
            history=self._watched[name].looks.history(time.monotonic()),
            priorities=joined([reply.priorities for reply in replies]),
            ages=scaled(joined([reply.ages for reply in replies]), factor),
            age_quantiles=joined_ages(
                [(reply.age_quantiles, reply.table.sampled_total) for reply in replies], factor
            ),
            writers=writers[:_MOST_WRITERS],
            writers_total=sum(reply.writers_total for reply in replies),
        )

    async def _whole(self, call: Call, shares: list[TableActivity]) -> TableActivity:
        """Return what goes on in a table, from what goes on in its shares, and note the look."""
        name = shares[0].name
        sums: dict[str, int] = {key: sum(getattr(s, key) for s in shares) for key in _SUMMED}
        limiter: Any = msgspec.convert(shares[0].rate_limiter, RateLimiter)
        now = Look(
            at_s=time.monotonic(),
            inserted=sums["inserted_total"],
            drawn=sums["sampled_total"],
            inserts_held_s=0.0,
            draws_held_s=0.0,
            inserts_refused=0.0,
            draws_refused=0.0,
            size=sums["size"],
        )
        watched = self._watched.setdefault(name, _Watched(LookBook()))
        pace = watched.looks.pace(now)
        watched.looks.add(now)
        inserts, draws = _side(pace.inserts), _side(pace.draws)
        facts = Facts(limiter, sums["size"], sums["inserted_total"], inserts, draws)
        return TableActivity(
            name=name,
            items=shares[0].items,
            sampler=shares[0].sampler,
            rate_limiter=shares[0].rate_limiter,
            samples_per_insert=pace.samples_per_insert,
            writers_at_work=None,  # one that inserts into two shards would count twice
            limiter_position=await self._position(call, name, limiter),
            inserts=inserts,
            draws=draws,
            verdict=verdict(facts),
            **sums,
        )

    async def _position(self, call: Call, name: str, limiter: object) -> float | None:
        if not isinstance(limiter, SampleToInsertRatioLimiter):
            return None
        cluster = self._gateway.cluster
        view = await self._gateway.run(call, look(cluster, name))
        return surplus_share(limiter, view.counts(cluster.members.live))


def _side(pace: Pace) -> Side:
    return Side(
        per_second=pace.per_second,
        waiting=0,
        held_share=0.0,
        wait_share=0.0,
        held_seconds_total=0.0,
        refused_total=0,
    )


def _memory(parts: Sequence[Memory]) -> Memory:
    resident = [part.resident for part in parts]
    return Memory(
        taken=sum(part.taken for part in parts),
        limit=sum(part.limit for part in parts),
        resident=None if None in resident else sum(each or 0 for each in resident),
    )


def _durability(parts: Sequence[Durability]) -> Durability:
    """Return the weakest of the shards' durabilities, and the longest lag."""
    order = ("memory", "process", "power")
    lags = [part.lag_seconds for part in parts if part.lag_seconds is not None]
    return Durability(
        survives=min((part.survives for part in parts), key=order.index),
        lag_seconds=max(lags, default=None),
    )


def routes(gateway: Gateway) -> list[GatewayRoute]:
    """Return the routes of this module."""
    handlers = _Handlers(gateway)
    return [
        GatewayRoute(endpoints.ACTIVITY, handlers.activity, gateway, tag="server"),
        GatewayRoute(
            endpoints.TABLE_ACTIVITY,
            handlers.table_activity,
            gateway,
            tag="tables",
            errors=(ErrorCode.UNKNOWN_TABLE,),
        ),
    ]
