"""Where nobody is asked who they are: web pages of elsewhere, kept from changing anything.

Any page that is open in a browser on this machine can have the browser send a POST to a server on
loopback, which can't tell it from its owner's. But the browser says where it comes from. Programs
that are no browsers say nothing, and are let through.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from replay_server.api.bodies import send_answer
from replay_server.api.error_replies import problem
from replay_server.api.headers import RequestHeaders
from replay_server.api.routes import WireRoute
from replay_wire.endpoints import MediaType
from replay_wire.errors import ErrorCode

__all__ = ["refuse_other_sites"]

_SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
_OWN: Final = (b"same-origin", b"none")  # none: the person themselves, by the address bar


def refuse_other_sites(app: FastAPI) -> None:
    """Have the routes that may change something refuse what a browser sends for another site."""
    for route in app.router.routes:
        if isinstance(route, WireRoute) and route.wire.method not in _SAFE_METHODS:
            route.app = _OwnSiteOnly(route.app, route.wire.default)


class _OwnSiteOnly:
    """Lets requests through to a route unless another site's page makes them."""

    def __init__(self, app: ASGIApp, default: MediaType) -> None:
        self._app = app
        self._default = default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope["headers"]
        if not _is_from_elsewhere(headers):
            await self._app(scope, receive, send)
            return
        refused = problem(
            ErrorCode.FORBIDDEN, "this server takes no changes from a web page of another site"
        )
        await send_answer(send, RequestHeaders.of(headers), self._default, refused.status, refused)


def _is_from_elsewhere(headers: list[tuple[bytes, bytes]]) -> bool:
    site = origin = host = None
    for name, value in headers:
        if name == b"sec-fetch-site":
            site = value
        elif name == b"origin":
            origin = value
        elif name == b"host":
            host = value
    if site is not None:
        return site not in _OWN
    if origin is None:
        return False
    return urlsplit(origin.decode("latin-1")).netloc.encode("latin-1") != host
