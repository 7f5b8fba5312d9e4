"""The gateway: an application that speaks the protocol for a whole cluster."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from replay_server import __version__
from replay_server.api import docs_page, page
from replay_server.api.app import answer_http_error, describe
from replay_server.api.cross_site import refuse_other_sites
from replay_server.api.direct_app import DirectApp
from replay_server.api.head_as_get import HeadAsGetMiddleware
from replay_server.cluster import activity, checkpoints, parameters, rows, state, tables
from replay_server.cluster.handling import Gateway
from replay_server.cluster.shards import ShardDirectory
from replay_wire.endpoints import CLUSTER_HEADER, PROTOCOL_HEADER, PROTOCOL_VERSION

__all__ = ["create_gateway_app"]

_DESCRIPTION: Final = """\
Experience replay as a service, over many servers: tables whose rows lie on shards.

Bodies are MessagePack or JSON, by `Content-Type` and `Accept`. Errors are RFC 9457 problems with a
`code`.
"""


def create_gateway_app(
    directory: ShardDirectory,
    *,
    token: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> ASGIApp:
    """Return the application that answers for the shards of a directory.

    It keeps nothing that another gateway would need: there may be as many as wanted.

    Args:
        directory: the shards, which may change at any time.
        token: an admin's, where the shards ask for tokens: with it the gateway gives new shards the
            tables. Requests of clients go on with the tokens that they bear.
        ssl_context: whom to trust of shards whose URL begins with https.
    """
    gateway = Gateway(directory, token, ssl_context)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        gateway.membership.close()

    app = DirectApp(
        [
            *rows.routes(gateway),
            *tables.routes(gateway),
            *parameters.routes(gateway),
            *checkpoints.routes(gateway),
            *state.routes(gateway),
            *activity.routes(gateway),
        ],
        title="replay-server cluster",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.tokens = None
    app.router.routes += [*docs_page.routes(), *page.routes()]
    app.add_middleware(HeadAsGetMiddleware)
    app.add_exception_handler(HTTPException, answer_http_error)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    refuse_other_sites(app)
    return _Introduced(app, directory)


class _Introduced:
    """Says with every answer that this is a cluster, and of which version of the protocol."""

    def __init__(self, app: ASGIApp, directory: ShardDirectory) -> None:
        self._app = app
        self._directory = directory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def introduced(event: MutableMapping[str, Any]) -> None:
            if event["type"] == "http.response.start":
                event["headers"] = [
                    *(pair for pair in event.get("headers", ()) if pair[0] not in _OURS),
                    (PROTOCOL_HEADER.encode(), str(PROTOCOL_VERSION).encode()),
                    (CLUSTER_HEADER.encode(), str(self._directory.version).encode()),
                ]
            await send(event)

        await self._app(scope, receive, introduced)


_OURS: Final = (PROTOCOL_HEADER.encode(), CLUSTER_HEADER.encode())
