"""Endpoints of a shard: what the gateway of a cluster, and clients that do without it, ask."""

from __future__ import annotations

from replay_server.api.routes import Call, WireRoute
from replay_server.service import ReplayService
from replay_wire import endpoints
from replay_wire.errors import ErrorCode

__all__ = ["routes"]


async def shard_table(call: Call) -> tuple[int, object]:
    """Tell what a shard holds of a table: masses, sizes and counters of this moment."""
    return 200, call.service.shares.table(call.names["table"])


async def shard_insert(call: Call) -> tuple[int, object]:
    """Store rows on a shard, whose cluster has asked the limiter already."""
    return 200, await call.service.shares.insert(call.names["table"], call.message)


async def shard_draw(call: Call) -> tuple[int, object]:
    """Draw the items at points of a shard's mass of now, after the priorities that came along."""
    return 200, await call.service.shares.draw(call.names["table"], call.message, call.account)


async def shard_writers(call: Call) -> tuple[int, object]:
    """Tell the last sequences of writers, so that an insert is done once in a whole cluster."""
    return 200, call.service.shares.writers(call.names["table"], call.message)


async def shard_retract(call: Call) -> tuple[int, object]:
    """Delete the rows of inserts that another shard has done while this one was away."""
    return 200, await call.service.shares.retract(call.names["table"], call.message)


def routes(service: ReplayService) -> list[WireRoute]:
    """Return the routes of this module."""
    unknown, shape = ErrorCode.UNKNOWN_TABLE, ErrorCode.SCHEMA_MISMATCH
    priority, full = ErrorCode.BAD_PRIORITY, ErrorCode.STORAGE_FULL
    stale, limited = ErrorCode.STALE_SEQUENCE, ErrorCode.RATE_LIMITED
    away = ErrorCode.UNAVAILABLE
    return [
        WireRoute(endpoint, handler, service, tag="shards", errors=(unknown, *errors))
        for endpoint, handler, errors in (
            (endpoints.SHARD_DRAW, shard_draw, (shape, priority, away, full)),
            (
                endpoints.SHARD_INSERT,
                shard_insert,
                (shape, priority, stale, limited, away, full),
            ),
            (endpoints.SHARD_TABLE, shard_table, ()),
            (endpoints.SHARD_WRITERS, shard_writers, ()),
            (endpoints.SHARD_RETRACT, shard_retract, (full,)),
        )
    ]
