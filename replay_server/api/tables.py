"""Endpoints of tables and of the server itself."""

from __future__ import annotations

from replay_server import __version__
from replay_server.api.routes import Call, WireRoute
from replay_server.service import ReplayService
from replay_wire import endpoints
from replay_wire.endpoints import PROTOCOL_VERSION
from replay_wire.errors import ErrorCode
from replay_wire.messages import EmptyReply, HealthReply, InfoReply, TableList

__all__ = ["routes"]


async def create_table(call: Call) -> tuple[int, object]:
    """Make a table: 201 when new, 200 when one of an equal spec stands already.

    Without `columns` the first insert of at least one row fixes the signature.
    """
    document, is_new = await call.service.tables.create(call.names["table"], call.message)
    return 201 if is_new else 200, document


async def change_table(call: Call) -> tuple[int, object]:
    """Change sampler, rate limiter or `max_times_sampled` of a live table; priorities are kept.

    Maps are merged key by key; a changed `kind` replaces the whole map.
    """
    return 200, await call.service.tables.change(call.names["table"], call.message)


async def describe_table(call: Call) -> tuple[int, object]:
    """Tell a table's spec and its counters."""
    return 200, call.service.tables.describe(call.names["table"])


async def list_tables(call: Call) -> tuple[int, object]:
    """Tell every table's spec and counters, by name."""
    return 200, TableList(tables=call.service.tables.listed())


async def drop_table(call: Call) -> tuple[int, object]:
    """Delete a table. One made again under its name goes on with higher keys."""
    await call.service.tables.drop(call.names["table"])
    return 204, None


async def reset_table(call: Call) -> tuple[int, object]:
    """Empty a table; its signature, key counter, totals and writers' sequences stay."""
    await call.service.tables.reset(call.names["table"])
    return 200, EmptyReply()


async def info(call: Call) -> tuple[int, object]:
    """Tell the versions of server and protocol, and what requests may ask for."""
    return 200, InfoReply(
        version=__version__, protocol=PROTOCOL_VERSION, limits=call.service.limits, shards=[]
    )


async def healthz(call: Call) -> tuple[int, object]:
    """Tell that the process lives."""
    return 200, HealthReply(status="ok")


async def readyz(call: Call) -> tuple[int, object]:
    """Tell that the server is serving; 503 while it is shutting down."""
    call.service.tables.check_open()
    return 200, HealthReply(status="ok")


def routes(service: ReplayService) -> list[WireRoute]:
    """Return the routes of this module."""
    unknown, away = ErrorCode.UNKNOWN_TABLE, ErrorCode.UNAVAILABLE
    full = ErrorCode.STORAGE_FULL
    return [
        WireRoute(endpoint, handler, service, tag=tag, errors=errors)
        for endpoint, handler, tag, errors in (
            (endpoints.LIST_TABLES, list_tables, "tables", ()),
            (endpoints.CREATE_TABLE, create_table, "tables", (ErrorCode.TABLE_EXISTS, away, full)),
            (
                endpoints.CHANGE_TABLE,
                change_table,
                "tables",
                (unknown, ErrorCode.BAD_PRIORITY, full),
            ),
            (endpoints.DESCRIBE_TABLE, describe_table, "tables", (unknown,)),
            (endpoints.DROP_TABLE, drop_table, "tables", (unknown, full)),
            (endpoints.RESET_TABLE, reset_table, "tables", (unknown, full)),
            (endpoints.INFO, info, "server", ()),
            (endpoints.HEALTHZ, healthz, "server", ()),
            (endpoints.READYZ, readyz, "server", (away,)),
        )
    ]
