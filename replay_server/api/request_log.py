"""Every request named, counted and timed, and told of in the log where that is asked for.

This stands before everything else that is done with a request, whatever becomes of it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from time import perf_counter
from typing import Any, Final
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from replay_server.metrics.request_counts import CLIENT_GONE, OTHER, RequestCounts
from replay_server.request_ids import REQUEST_ID_HEADER, RequestIds, current_request_id

__all__ = ["RequestLog"]

logger = logging.getLogger("replay_server.access")

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestLog:
    """Lets requests pass, and takes note of them."""

    def __init__(self, app: ASGIApp, counts: RequestCounts) -> None:
        """Stand before an ASGI application."""
        self._app = app
        self._counts = counts
        self._ids = RequestIds()
        self._tells = logger.isEnabledFor(logging.DEBUG)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; its answer bears its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        request_id = self._ids.id_of(scope["headers"])
        current_request_id.set(request_id)  # the context is this request's own
        status: int = CLIENT_GONE
        counts = self._counts
        counts.under_way += 1

        def send_named(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (REQUEST_ID_HEADER, request_id)]
            return send(message)

        try:
            await self._app(scope, receive, send_named)
        finally:
            counts.under_way -= 1
            seconds = perf_counter() - began
            method = scope["method"]
            route = getattr(scope.get("route"), "path", OTHER)
            counts.add((method if method in _METHODS else OTHER, route, status), seconds)
            if self._tells:
                _tell(scope, status, seconds)


def _tell(scope: Scope, status: int, seconds: float) -> None:
    """Log a request without its query: people put secrets there."""
    client = scope.get("client") or ("a socket file", 0)
    facts: dict[str, Any] = {
        "client": client[0],
        "method": scope["method"],
        "path": quote(scope["path"]),
        "status": status or None,
        "duration_ms": round(seconds * 1000, 3),
    }
    logger.debug(
        '%s "%s %s HTTP/%s" %s in %.3f ms',
        *(facts["client"], facts["method"], facts["path"], scope["http_version"]),
        *(status or "gone", facts["duration_ms"]),
        extra=facts,
    )
