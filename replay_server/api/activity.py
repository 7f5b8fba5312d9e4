"""Endpoints for those who watch: what goes on in the server, and in a table."""

from __future__ import annotations

from replay_server.api.routes import Call, WireRoute
from replay_server.service import ReplayService
from replay_wire import endpoints
from replay_wire.errors import ErrorCode

__all__ = ["routes"]


async def activity(call: Call) -> tuple[int, object]:
    """Tell what goes on in every table: rates, who waits, and a verdict in plain words.

    To be asked every second or so: rates are those since it was asked some seconds before.
    """
    return 200, call.service.activity.overview()


async def table_activity(call: Call) -> tuple[int, object]:
    """Take a closer look at a table: its last minutes, priorities, sample ages and writers."""
    return 200, call.service.activity.closer_look(call.names["table"])


def routes(service: ReplayService) -> list[WireRoute]:
    """Return the routes of this module."""
    away = ErrorCode.UNAVAILABLE
    return [
        WireRoute(endpoints.ACTIVITY, activity, service, tag="server", errors=(away,)),
        WireRoute(
            endpoints.TABLE_ACTIVITY,
            table_activity,
            service,
            tag="tables",
            errors=(ErrorCode.UNKNOWN_TABLE, away),
        ),
    ]
