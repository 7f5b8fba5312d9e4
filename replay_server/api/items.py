"""Endpoints of rows and items: insert, sample, update, delete, scan."""

from __future__ import annotations

from replay_server.api.routes import Call, WireRoute
from replay_server.service import ReplayService
from replay_wire import endpoints
from replay_wire.errors import ErrorCode

__all__ = ["routes"]


async def insert(call: Call) -> tuple[int, object]:
    """Store rows; where the table is full the oldest go.

    Keys come back in the order of the rows. With `writer` the insert happens exactly once however
    often it is sent.
    """
    return 200, await call.service.rows.insert(call.names["table"], call.message, call.gone)


async def sample(call: Call) -> tuple[int, object]:
    """Draw batches of items, after applying the priorities that came along.

    With `timeout` the request waits until the rate limiter lets it draw.
    """
    return 200, await call.service.draws.sample(
        call.names["table"], call.message, call.gone, call.account
    )


async def sample_mixed(call: Call) -> tuple[int, object]:
    """Draw from several tables in one answer: all parts in their order, or none."""
    return 200, await call.service.draws.sample_mixed(call.message, call.gone, call.account)


async def update_priorities(call: Call) -> tuple[int, object]:
    """Set raw priorities by key. Keys that are gone are counted as stale and do no harm."""
    return 200, await call.service.rows.update_priorities(call.names["table"], call.message)


async def delete_rows(call: Call) -> tuple[int, object]:
    """Delete rows by key."""
    return 200, await call.service.rows.delete(call.names["table"], call.message.keys)


async def scan(call: Call) -> tuple[int, object]:
    """Read rows as they were stored, by key or by priority: for export, inspection and tests."""
    return 200, call.service.rows.scan(call.names["table"], call.message, call.account)


def routes(service: ReplayService) -> list[WireRoute]:
    """Return the routes of this module, the busiest first."""
    unknown, shape = ErrorCode.UNKNOWN_TABLE, ErrorCode.SCHEMA_MISMATCH
    priority = ErrorCode.BAD_PRIORITY
    full = ErrorCode.STORAGE_FULL
    waits = (ErrorCode.RATE_LIMITED, ErrorCode.UNAVAILABLE, full)
    limited = (ErrorCode.NOTHING_TO_DRAW, *waits)
    return [
        WireRoute(endpoint, handler, service, tag="rows", errors=(unknown, *errors))
        for endpoint, handler, errors in (
            (endpoints.SAMPLE, sample, (shape, priority, *limited)),
            (endpoints.INSERT, insert, (shape, priority, ErrorCode.STALE_SEQUENCE, *waits)),
            (endpoints.MIXED_SAMPLE, sample_mixed, (shape, priority, *limited)),
            (endpoints.UPDATE_PRIORITIES, update_priorities, (priority, full)),
            (endpoints.DELETE_ROWS, delete_rows, (full,)),
            (endpoints.SCAN, scan, (shape,)),
        )
    ]
