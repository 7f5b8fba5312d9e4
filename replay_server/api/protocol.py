"""What holds for every answer, whoever gives it: the protocol's header, and HEAD as GET."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from replay_wire.endpoints import PROTOCOL_HEADER, PROTOCOL_VERSION

__all__ = ["ProtocolMiddleware"]

_HEADER: Final = (PROTOCOL_HEADER.encode(), str(PROTOCOL_VERSION).encode())


class ProtocolMiddleware:
    """Puts `x-replay-protocol` on every response; the HTTP server leaves a HEAD's body out."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an ASGI application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], _HEADER]
            await send(message)

        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send_with_header)
