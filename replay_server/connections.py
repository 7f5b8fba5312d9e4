"""Connections that can't hold the server up, whoever is at their other end.

uvicorn reads and writes; what it lets anybody do, these refuse: to be more connections than there
may be, to let a request arrive, an answer wait or a connection idle for ever, and to send headers,
trailers or requests ahead without end. One set of rules holds for both of uvicorn's parsers.

A connection is in one of three phases, each with its time: idle (nothing has begun), arriving (a
request is not whole yet), answering (no limit here: what may take long is for the service to say).
`Connection.cut_if_late` is asked for every connection about twice a second; a request costs two
looks at the clock. Beside its phase, an answer that the client does not take has a time of its own.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING, Any, Final, cast

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from replay_server.api.error_replies import problem, retry_after
from replay_server.api.request_log import RequestLog
from replay_server.metrics.request_counts import RequestCounts
from replay_wire.endpoints import MediaType
from replay_wire.errors import ErrorCode
from replay_wire.json_codec import encode_json
from replay_wire.messages import Limits

if TYPE_CHECKING:
    from uvicorn.protocols.http.flow_control import FlowControl
    from uvicorn.server import ServerState

__all__ = ["Connection", "HeadLimit", "LimitedConfig"]

logger = logging.getLogger(__name__)

_IDLE: Final = "idle"
_ARRIVING: Final = "arriving"
_ANSWERING: Final = "answering"
_FAREWELL_S: Final = 2.0  # for a client to read why it is sent away
_MOST_FAREWELLS: Final = 256
_ONE_READ: Final = 1 << 18  # what a transport hands over at a time

if TYPE_CHECKING:

    class _Base(asyncio.Protocol):
        """What the rules rely on in uvicorn's protocols."""

        config: uvicorn.Config
        transport: asyncio.Transport
        server_state: ServerState
        loop: asyncio.AbstractEventLoop
        flow: FlowControl
        cycle: Any

        def on_response_complete(self) -> None: ...
else:
    _Base = object


class Connection(_Base):
    """The rules, to be mixed into one of uvicorn's protocols, with a `LimitedConfig`."""

    _phase = _IDLE
    _since = 0.0
    _taking_since: float | None = None
    _unparsed_bytes = 0
    _is_refused = False
    _farewells = 0  # of all connections

    @property
    def limits(self) -> Limits:
        """What a connection may ask for."""
        return cast("LimitedConfig", self.config).limits

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection in, or refuse it where there are too many."""
        self._since = self.loop.time()
        most = self.limits.max_connections
        if len(self.server_state.connections) < most:
            super().connection_made(transport)
            return
        self.transport = cast("asyncio.Transport", transport)
        detail = f"there are {most} connections already, as many as there may be; try again later"
        self._refuse(ErrorCode.UNAVAILABLE, detail)

    def data_received(self, data: bytes) -> None:
        """Take bytes in, as long as they get a request any further."""
        self._unparsed_bytes += len(data)
        super().data_received(data)
        self._note_progress()
        if self._unparsed_bytes > self.limits.max_header_bytes:
            self._refuse_head()
        self._settle()

    def on_response_complete(self) -> None:
        """Go on to the next request; uvicorn calls it when it has handed an answer over."""
        super().on_response_complete()
        if not self.flow.write_paused:
            self._taking_since = None
        self._settle()

    def pause_writing(self) -> None:
        """Take note that the client does not take its answer as fast as it is made."""
        super().pause_writing()
        if self._taking_since is None:
            self._taking_since = self.loop.time()

    def resume_writing(self) -> None:
        """Take note that it has taken what there was."""
        super().resume_writing()
        if self.cycle is None or self.cycle.response_complete:
            self._taking_since = None

    def send_400_response(self, message: str) -> None:
        """Answer what is no HTTP, where uvicorn says so."""
        self._refuse(ErrorCode.MALFORMED, f"expected an HTTP/1.1 request: {message}")

    def cut_if_late(self, now: float) -> None:
        """Close the connection if its time is over.

        Args:
            now: the loop's time.
        """
        limits, spent = self.limits, now - self._since
        if (
            self._taking_since is not None
            and now - self._taking_since > limits.answer_timeout_seconds
        ) or (self._phase == _IDLE and spent > limits.keep_alive_seconds):
            self.transport.abort()  # and with it go the buffers of the answer
        elif self._phase == _ARRIVING and spent > limits.request_timeout_seconds:
            seconds = f"{limits.request_timeout_seconds:g} seconds"
            self._refuse(
                ErrorCode.REQUEST_TIMEOUT, f"the request did not arrive whole within {seconds}"
            )

    def _settle(self) -> None:
        """Find out in which phase the connection is now."""
        phase = _ANSWERING if self._is_owed else _ARRIVING if self._is_arriving else _IDLE
        if phase != self._phase:
            self._phase, self._since = phase, self.loop.time()

    def _note_progress(self) -> None:
        """Set `_unparsed_bytes` to 0 if the bytes that came got a request any further."""
        raise NotImplementedError

    @property
    def _is_owed(self) -> bool:
        """Whether a request that has arrived is not answered yet."""
        cycle = self.cycle
        return cycle is not None and not (cycle.response_complete or cycle.more_body)

    @property
    def _is_arriving(self) -> bool:
        """Whether a request, or what is left of one that was answered early, is under way."""
        raise NotImplementedError

    def _refuse_head(self) -> None:
        detail = _too_many_header_bytes(self.limits.max_header_bytes)
        self._refuse(ErrorCode.TOO_LARGE, detail)

    def _refuse(self, code: ErrorCode, detail: str) -> None:
        """Close, after a problem has been sent if it can't be taken for another answer."""
        if self._is_refused:
            return
        self._is_refused = True
        transport, cycle = self.transport, self.cycle
        is_answering = cycle is not None and cycle.response_started and not cycle.response_complete
        if transport.is_closing() or self._is_owed or is_answering:
            transport.abort()
            return
        logger.info("a connection is closed: %s", detail)
        cast("LimitedConfig", self.config).requests.refused_connections[code] += 1
        transport.write(_last_answer(code, detail, self.server_state.default_headers))
        if Connection._farewells < _MOST_FAREWELLS:
            Connection._farewells += 1
            transport.set_protocol(_Farewell(self, transport))
        else:
            transport.close()


class _Farewell(asyncio.Protocol):
    """Lets a client read why it was sent away, though it may still be sending: for a moment."""

    def __init__(self, connection: Connection, transport: asyncio.Transport) -> None:
        self._connection = connection
        self._transport = transport
        self._end = connection.loop.call_later(_FAREWELL_S, transport.abort)
        transport.resume_reading()
        if transport.can_write_eof():
            transport.write_eof()

    def data_received(self, data: bytes) -> None:
        """Let bytes go."""

    def eof_received(self) -> None:
        """Close: the client has read all it wants to."""

    def connection_lost(self, exc: Exception | None) -> None:
        Connection._farewells -= 1
        self._end.cancel()
        self._connection.connection_lost(exc)


class HeadLimit:
    """Refuses requests whose head is larger than it may be, however it came."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        """Stand before an ASGI application; `limit` is in bytes."""
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on unless its head is too large."""
        if scope["type"] != "http" or _head_bytes(scope) <= self._limit:
            await self._app(scope, receive, send)
            return
        detail = _too_many_header_bytes(self._limit)
        found = problem(ErrorCode.TOO_LARGE, detail, limit=self._limit)
        body = encode_json(found)
        headers = _problem_headers(body)
        await send({"type": "http.response.start", "status": found.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _head_bytes(scope: Scope) -> int:
    size: int = len(scope["raw_path"]) + len(scope["query_string"])
    for name, value in scope["headers"]:
        size += len(name) + len(value) + 4
    return size


class H11Connection(Connection, H11Protocol):
    """The rules for uvicorn's parser in Python, which bounds chunks and trailers by itself."""

    def _note_progress(self) -> None:
        state = self.conn.their_state
        if state is not h11.IDLE or not self.conn.trailing_data[0]:
            self._unparsed_bytes = 0

    @property
    def _is_arriving(self) -> bool:
        state = self.conn.their_state
        return state is h11.SEND_BODY or (state is h11.IDLE and bool(self.conn.trailing_data[0]))


class LimitedConfig(uvicorn.Config):
    """uvicorn's configuration with these connections.

    Attributes:
        limits: what a connection may ask for.
        requests: counts them.
    """

    def __init__(
        self, app: ASGIApp, limits: Limits, requests: RequestCounts, **options: Any
    ) -> None:
        """Configure uvicorn to serve an application within limits; `options` are its own."""
        self.limits = limits
        self.requests = requests
        super().__init__(
            RequestLog(HeadLimit(app, limits.max_header_bytes), requests),
            http=_connection_class(),
            h11_max_incomplete_event_size=limits.max_header_bytes + _ONE_READ,
            timeout_keep_alive=math.ceil(limits.keep_alive_seconds),
            **options,
        )

    def turn_away(self) -> bytes:
        """Return what a client is told for whose connection no file is left, and count it."""
        self.requests.refused_connections[ErrorCode.UNAVAILABLE] += 1
        detail = "as many files and connections are open as the system allows; try again later"
        return _last_answer(ErrorCode.UNAVAILABLE, detail, self.encoded_headers)


def _connection_class() -> type[asyncio.Protocol]:
    """Return the rules for uvicorn's faster parser where it is installed, else for the other."""
    try:
        from replay_server.fast_connections import HttpToolsConnection
    except ImportError:
        return H11Connection
    return HttpToolsConnection


def _too_many_header_bytes(most: int) -> str:
    return f"bytes of headers: at most {most} (GET /v1/info tells the limits)"


def _last_answer(code: ErrorCode, detail: str, defaults: list[tuple[bytes, bytes]]) -> bytes:
    """Return a whole HTTP answer that bears a problem and ends its connection."""
    found = problem(code, detail)
    body = encode_json(found)
    headers = [*defaults, *retry_after(found.status), *_problem_headers(body)]
    lines = [f"HTTP/1.1 {found.status} {found.title}".encode()]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join((*lines, b"connection: close", b"", body))


def _problem_headers(body: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", MediaType.PROBLEM_JSON.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
