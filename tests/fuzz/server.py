"""A whole server but for its sockets, and what has to hold of it whatever it is fed."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final
from zlib import crc32

import msgspec

from replay_server.api.app import create_app
from replay_server.settings import ServerSettings
from replay_wire.endpoints import MIXED_SAMPLE
from replay_wire.messages import Limits
from tests.fuzz.answers import Answer
from tests.fuzz.growth import check_growth, peak_kib
from tests.fuzz.instant_loop import InstantLoop
from tests.fuzz.requests import Request, parse
from tests.fuzz.standing import PARAMETERS, Standing
from tests.fuzz.tables import SPECS

_BODY_BYTES: Final = 4096
_LOOKED_AT_WHOLE: Final = 16  # one in so many inputs


class _Narrow(ServerSettings):
    """Limits so narrow that inputs come to them."""

    @property
    def limits(self) -> Limits:
        return msgspec.structs.replace(
            super().limits,
            max_draws_per_request=64,
            max_scan_rows=64,
            max_columns=8,
            max_writers_per_table=4,
            max_parameters=2,
        )


class _Foreseen(logging.Handler):
    """Keeps the error that nobody foresaw, so that a failure can be told with its cause."""

    error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.error = record.exc_info[1]


class Server:
    """The server, with the tables of `tests.fuzz.tables`."""

    def __init__(self) -> None:
        self._app = create_app(_Narrow(max_body_bytes=_BODY_BYTES, memory_limit_bytes=1 << 20))
        self._documented = {
            (method.upper(), path): {int(status) for status in operation["responses"]}
            for path, item in self._app.openapi()["paths"].items()
            for method, operation in item.items()
        }
        self._standing = Standing(self._app.state.service)
        self._loop = InstantLoop()
        self._log = _Foreseen()
        logger = logging.getLogger("replay_server")
        logger.addHandler(self._log)
        logger.propagate = False
        self.requests = self.refused = 0

    def close(self) -> None:
        """Let go of the loop."""
        self._loop.close()
        logging.getLogger("replay_server").removeHandler(self._log)

    def feed(self, data: bytes) -> list[int]:
        """Send an input's requests one after another; return their statuses.

        Raises:
            AssertionError: something that has to hold does not.
            Exception: the server let one out.
        """
        peak = peak_kib()
        requests = parse(data)
        is_sampled = crc32(data) % _LOOKED_AT_WHOLE == 0
        try:
            return self._loop.run_until_complete(self._all(requests, is_sampled))
        finally:
            self._standing.lay_out()
            check_growth(peak)

    def _named_by(self, request: Request) -> set[str]:
        """Return the names of what a request is about."""
        path = request.endpoint.path
        if "/parameters" in path:
            return {PARAMETERS}
        if "{table}" in path:
            return {request.name}
        return {name for name in SPECS if name.encode() in request.body}

    async def _all(self, requests: list[Request], is_sampled: bool) -> list[int]:
        return [await self._one(request, is_sampled) for request in requests]

    async def _one(self, request: Request, is_sampled: bool) -> int:
        endpoint, standing = request.endpoint, self._standing
        self._log.error = None
        answer = await self._exchange(request)
        told = f"{answer.status} of {endpoint.method} {request.path}: {answer.body[:300]!r}"
        assert self._log.error is None, f"{told}: {self._log.error!r}"
        is_nowhere = request.name.count("/") and "{" in endpoint.path
        documented = {404, 405} if is_nowhere else self._documented[endpoint.method, endpoint.path]
        assert answer.status in documented, told
        answer.check(endpoint)
        self.requests += 1
        self.refused += answer.is_refusal
        is_mixed = endpoint is MIXED_SAMPLE and not answer.is_refusal  # however it told their names
        looked_at = standing.names() if is_mixed or is_sampled else self._named_by(request)
        for name in looked_at:
            before = standing.fingerprint(name)
            if standing.look(name) != before:
                assert not answer.is_refusal, f"a refused request changed {name}: {told}"
                standing.check(name)
        return answer.status

    async def _exchange(self, request: Request) -> Answer:
        chunks, sent = request.chunks(), list[Any]()
        events = [
            {"type": "http.request", "body": chunk, "more_body": place < len(chunks) - 1}
            for place, chunk in enumerate(chunks)
        ]

        async def receive() -> dict[str, Any]:
            if events:
                return events.pop(0)
            await asyncio.Event().wait()
            raise AssertionError

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
        await self._app(scope, receive, send)
        body = b"".join(bytes(event.get("body", b"")) for event in sent[1:])
        return Answer(sent[0]["status"], dict(sent[0]["headers"]), body)
