"""An httpx transport for large binary bodies: neither joined when sent nor copied when read.

httpx's own transport reads a response in pieces of 64 KiB and joins them; on a batch of several
megabytes that costs more than the network. Here a request's body is a list of buffers sent from
where they lie, and a response's body is received into one buffer, aligned so that arrays can be
views of it: `response.extensions["replay_body"]`. `response.read()` works as ever, with a copy.
"""

import ssl
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Final

import httpx

from agent_client.transport.connection import Connection, RawResponse
from agent_client.transport.connection_pool import ConnectionPool, Origin
from agent_client.transport.stream_socket import Buffer
from agent_client.transport.timeouts import Timeouts

__all__ = [
    "BODY_EXTENSION",
    "DEADLINE_EXTENSION",
    "REPEATABLE_EXTENSION",
    "BufferStream",
    "ReplayTransport",
    "as_response",
    "request_head",
]

BODY_EXTENSION: Final = "replay_body"
DEADLINE_EXTENSION: Final = "replay_deadline"
REPEATABLE_EXTENSION: Final = "replay_repeatable"
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class BufferStream(httpx.SyncByteStream):
    """A body that is a list of buffers; they must stay as they are until it has been sent.

    Attributes:
        buffers: sent one after another.
        size: bytes in all, for the request's Content-Length.
    """

    def __init__(self, buffers: Sequence[Buffer]) -> None:
        """Keep the buffers, not copies of them."""
        self.buffers = list(buffers)
        self.size = sum(memoryview(buffer).nbytes for buffer in self.buffers)

    def __iter__(self) -> Iterator[bytes]:
        """Give the body to a transport that does not know this class."""
        return (bytes(buffer) for buffer in self.buffers)


class ReplayTransport(httpx.BaseTransport):
    """HTTP/1.1 over TCP, TLS or a Unix domain socket, with connections kept. Thread-safe."""

    def __init__(
        self,
        *,
        uds: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        max_connections: int = 100,
        idle_limit_s: float = 4.0,
        max_head_bytes: int = 65536,
        max_body_bytes: int = 1 << 32,
    ) -> None:
        """Make a transport; connections are made when needed.

        Args:
            uds: path of a Unix domain socket to use whatever host a URL names.
            ssl_context: for https; None trusts what the system trusts.
            max_connections: in use at once; a request beyond them waits for the pool timeout.
            idle_limit_s: how long a connection may lie idle and be used again. Keep it below the
                server's own limit (5 s is a usual one), or a request may cross its closing.
            max_head_bytes: longest response head.
            max_body_bytes: longest response body.
        """
        self._pool = ConnectionPool(
            uds=uds,
            ssl_context=ssl_context,
            max_connections=max_connections,
            idle_limit_s=idle_limit_s,
            max_head_bytes=max_head_bytes,
            max_body_bytes=max_body_bytes,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the response, its body received whole.

        A request that broke on a kept connection before any of its answer came is sent once more
        on a new one, where it cannot have been acted on (it had not been sent to its end) or may
        be acted on twice (`GET`, `HEAD`, `OPTIONS`, or the extension `replay_repeatable`). With
        the extension `replay_deadline`, a time of `time.monotonic`, it is done by then or fails.

        Raises:
            httpx.TransportError: by its subclasses, what went wrong.
        """
        timeouts = Timeouts(
            **request.extensions.get("timeout", {}),
            deadline=request.extensions.get(DEADLINE_EXTENSION),
        )
        repeatable = request.method in _SAFE_METHODS or bool(
            request.extensions.get(REPEATABLE_EXTENSION)
        )
        origin = Origin.of(request.url)
        raw = self.exchange(origin, request.method, _parts(request), timeouts, repeatable)
        return as_response(raw)

    def exchange(
        self,
        origin: Origin,
        method: str,
        parts: Iterable[list[Buffer]],
        timeouts: Timeouts,
        repeatable: bool,
    ) -> RawResponse:
        """Send a request that is bytes already and return the response, as `handle_request` does.

        Args:
            origin: where to.
            method: as in the head.
            parts: head and body, in lists of buffers; each list is sent together. A list of them
                can be sent once more, an iterator can't.
            timeouts: of its parts and in all.
            repeatable: whether it may be acted on twice.

        Raises:
            httpx.TransportError: by its subclasses, what went wrong.
        """
        connection = self._pool.take(origin, timeouts)
        try:
            try:
                return connection.exchange(method, parts, timeouts)
            except (httpx.NetworkError, httpx.RemoteProtocolError):
                if not isinstance(parts, list) or not _may_send_again(connection, repeatable):
                    raise
                connection = self._pool.replace(connection, origin, timeouts)
                return connection.exchange(method, parts, timeouts)
        finally:
            self._pool.give_back(origin, connection)

    def close(self) -> None:
        """Close the kept connections."""
        self._pool.close()

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Close the kept connections."""
        self.close()


def request_head(method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return request line and headers, with the empty line after them.

    Raises:
        httpx.LocalProtocolError: a line break in one of them would begin another.
    """
    lines = [b"%s %s HTTP/1.1" % (method.encode("ascii"), target)]
    lines += [b"%s: %s" % header for header in headers]
    head = b"\r\n".join((*lines, b"", b""))
    if head.count(b"\r") != len(headers) + 2 or head.count(b"\n") != len(headers) + 2:
        raise httpx.LocalProtocolError("a header holds a line break")
    return head


def as_response(raw: RawResponse) -> httpx.Response:
    """Return a response as httpx has it."""
    return httpx.Response(
        raw.head.status,
        headers=raw.head.headers,
        stream=_ReceivedStream(raw.body),
        extensions={
            "http_version": b"HTTP/1.1",
            "reason_phrase": raw.head.reason,
            BODY_EXTENSION: raw.body,
        },
    )


def _may_send_again(connection: Connection, repeatable: bool) -> bool:
    """Return whether a request whose exchange broke may go out on another connection."""
    if not connection.exchanges or connection.answer_begun:
        return False
    return repeatable or not connection.sent_all


def _parts(request: httpx.Request) -> Iterable[list[Buffer]]:
    """Return a request as lists of buffers, each list to be sent together.

    Raises:
        httpx.LocalProtocolError: a line break in a header would begin another.
    """
    head = request_head(request.method, request.url.raw_path, request.headers.raw)
    stream = request.stream
    if isinstance(stream, BufferStream):
        return [[head, *stream.buffers]]
    parts = _streamed_parts(request, head)
    return list(parts) if isinstance(stream, httpx.ByteStream) else parts


def _streamed_parts(request: httpx.Request, head: bytes) -> Iterator[list[Buffer]]:
    """Give a request whose body comes piece by piece, and only once."""
    stream = request.stream
    assert isinstance(stream, httpx.SyncByteStream)
    chunked = request.headers.get("transfer-encoding", "").lower() == "chunked"
    pending: list[Buffer] = [head]
    for chunk in stream:
        if chunked and chunk:
            yield [*pending, b"%x\r\n" % len(chunk), chunk, b"\r\n"]
        else:
            yield [*pending, chunk]
        pending = []
    if chunked:
        pending.append(b"0\r\n\r\n")
    if pending:
        yield pending


class _ReceivedStream(httpx.SyncByteStream):
    """A body that has been received already, copied only if somebody iterates over it."""

    def __init__(self, body: memoryview) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield bytes(self._body)
