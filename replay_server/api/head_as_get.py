"""HEAD answered wherever GET is; the HTTP server leaves the body out."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["HeadAsGetMiddleware", "is_head"]

_MARK = "replay_server.head"


def is_head(scope: Scope) -> bool:
    """Return whether what comes as a GET was a HEAD, whose answer's body nobody gets."""
    return _MARK in scope


class HeadAsGetMiddleware:
    """Lets a GET's route answer a HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an ASGI application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        as_get = {**scope, "method": "GET", _MARK: True}
        await self._app(as_get, receive, send)
        scope["route"] = as_get.get("route")
