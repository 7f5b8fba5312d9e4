"""The gateway: an application that speaks the protocol for a whole cluster."""

from __future__ import annotations

import ssl
from typing import TypeAlias

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from replay_server.api.error_replies import problem, retry_after
from replay_server.cluster.shards import ShardDirectory
from replay_wire.endpoints import PROTOCOL_HEADER, PROTOCOL_VERSION, MediaType
from replay_wire.errors import ErrorCode

__all__ = ["create_gateway_app"]

Headers: TypeAlias = dict[str, str]


def create_gateway_app(
    directory: ShardDirectory,
    *,
    token: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> ASGIApp:
    """Return the application that answers for the shards of a directory.

    Args:
        directory: the shards, which may change at any time.
        token: an admin's, where the shards ask for tokens: with it the gateway gives new shards the
            tables. Requests of clients go on with the tokens that they bear.
        ssl_context: whom to trust of shards whose URL begins with https.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        found = problem(
            ErrorCode.UNAVAILABLE,
            f"the gateway to {len(directory.current())} shards does not answer yet",
        )
        headers: Headers = {
            name.decode(): value.decode() for name, value in retry_after(found.status)
        }
        headers[PROTOCOL_HEADER] = str(PROTOCOL_VERSION)
        answer = JSONResponse(found.document(), found.status, headers, MediaType.PROBLEM_JSON.value)
        await answer(scope, receive, send)

    return app
