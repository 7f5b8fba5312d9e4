"""One request to an ASGI application and its answer, as a server without sockets would do it."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.types import ASGIApp

from tests.fuzz.answers import Answer
from tests.fuzz.requests import HANGS_UP_FLAG, Request

_PATIENCE_S: Final = 0.5


async def exchange(app: ASGIApp, request: Request, *, may_hang_up: bool = False) -> Answer | None:
    """Return the answer; None where the client has hung up before it came.

    Args:
        app: whom to ask.
        request: what.
        may_hang_up: whether a client with `HANGS_UP_FLAG` goes after half a second.
    """
    chunks, sent = request.chunks(), list[Any]()
    events = [
        {"type": "http.request", "body": chunk, "more_body": place < len(chunks) - 1}
        for place, chunk in enumerate(chunks)
    ]
    hangs_up = may_hang_up and bool(request.flags & HANGS_UP_FLAG)

    async def receive() -> dict[str, Any]:
        if events:
            return events.pop(0)
        if not hangs_up:
            await asyncio.Event().wait()
        await asyncio.sleep(_PATIENCE_S)
        return {"type": "http.disconnect"}

    async def send(event: Any) -> None:
        sent.append(event)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.endpoint.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "root_path": "",
        "query_string": request.query,
        "headers": request.headers(),
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    await app(scope, receive, send)
    if hangs_up and not sent:
        return None
    body = b"".join(bytes(event.get("body", b"")) for event in sent[1:])
    return Answer(sent[0]["status"], dict(sent[0]["headers"]), body)
