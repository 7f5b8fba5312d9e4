"""Connections from a gateway to one shard: HTTP/1.1 with bodies of known length, kept alive.

A body is received straight into the one buffer that its length asks for, on a 64-byte boundary, and
what is sent goes out as the buffers that it is made of: that is what a gateway does all day.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import unquote, urlsplit

import numpy as np

from replay_wire.codec import ALIGNMENT, Buffer

__all__ = ["Answer", "LinkError", "ShardLink"]

_UNIX: Final = "http+unix"
_HEAD_BYTES: Final = 1 << 16
_CONNECT_S: Final = 0.5
_IDLE_S: Final = 60.0  # a server closes a connection that rests for longer
_MOST_IDLE: Final = 64
_MOST_BODY_BYTES: Final = 1 << 36


class LinkError(Exception):
    """No answer came.

    Attributes:
        may_have_happened: false where the request can't have been acted on.
    """

    def __init__(self, reason: str, *, may_have_happened: bool) -> None:
        """Keep the facts."""
        self.may_have_happened = may_have_happened
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers by name in lower case, and the body, which is the caller's own."""

    status: int
    headers: dict[bytes, bytes]
    body: memoryview


class ShardLink:
    """The connections to one server."""

    def __init__(self, url: str, ssl_context: ssl.SSLContext | None = None) -> None:
        """Open none yet.

        Args:
            url: `http://host:port`, `https://host:port` or `http+unix://%2Fpath`.
            ssl_context: whom to trust of https; None trusts whom the system trusts.

        Raises:
            ValueError: the URL is none of these.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https", _UNIX) or not parts.netloc:
            raise ValueError(f"expected a server's URL such as http://127.0.0.1:8000, got {url!r}")
        self.url = url
        self._path = unquote(parts.netloc) if parts.scheme == _UNIX else None
        self._host, self._port = parts.hostname or "localhost", parts.port
        self._tls = (ssl_context or True) if parts.scheme == "https" else None
        host = "localhost" if self._path else parts.netloc
        self._host_line = b"host: %s\r\n" % host.encode("idna" if host.isascii() else "utf-8")
        self._idle: list[_Connection] = []

    async def exchange(
        self, method: str, path: str, headers: bytes, body: list[Buffer] | None
    ) -> Answer:
        """Send a request and return its answer.

        Args:
            method: of HTTP.
            path: with its query.
            headers: further lines, each with its end.
            body: its buffers, which must stay as they are until the answer; None for no body.

        Raises:
            LinkError: none came.
        """
        head = b"%s %s HTTP/1.1\r\n%s%s" % (
            method.encode(),
            path.encode(),
            self._host_line,
            headers,
        )
        if body is not None:
            size = sum(memoryview(part).nbytes for part in body)
            head += b"content-length: %d\r\n" % size
        connection = await self._connection()
        try:
            answer = await connection.exchange([head + b"\r\n", *(body or ())])
        except BaseException:
            connection.abort()
            raise
        if connection.is_usable and len(self._idle) < _MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.abort()
        return answer

    def close(self) -> None:
        """Close the connections that rest."""
        while self._idle:
            self._idle.pop().abort()

    async def _connection(self) -> _Connection:
        now = time.monotonic()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable and now - connection.rests_since < _IDLE_S:
                return connection
            connection.abort()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_S):
                if self._path is not None:
                    _, made = await loop.create_unix_connection(_Connection, self._path)
                else:
                    port = self._port or (443 if self._tls else 80)
                    _, made = await loop.create_connection(
                        _Connection, self._host, port, ssl=self._tls
                    )
        except (OSError, TimeoutError) as error:
            reason = f"{self.url} can't be reached: {type(error).__name__} {error}"
            raise LinkError(reason, may_have_happened=False) from error
        return made


class _Connection(asyncio.BufferedProtocol):
    """One connection, with one request at a time."""

    def __init__(self) -> None:
        self.rests_since = 0.0
        self.is_usable = True
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._head = bytearray(_HEAD_BYTES)
        self._head_size = 0
        self._begin()

    def _begin(self) -> None:
        self._head_size = 0
        self._body: memoryview | None = None
        self._received = 0
        self._status = 0
        self._headers: dict[bytes, bytes] = {}

    async def exchange(self, buffers: list[Buffer]) -> Answer:
        """Send buffers and return what comes. Raises LinkError."""
        transport = self._transport
        if transport is None or transport.is_closing():
            raise LinkError("the connection is closed", may_have_happened=False)
        self._begin()
        self._answer = asyncio.get_running_loop().create_future()
        transport.writelines(buffers)
        return await self._answer

    def abort(self) -> None:
        """Close at once."""
        self.is_usable = False
        if self._transport is not None:
            self._transport.abort()

    # -- what asyncio calls -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=1 << 30)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_usable = False
        self._fail(f"the connection ended: {exc or 'the shard closed it'}")

    def eof_received(self) -> bool:
        return False

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._body is not None and self._received < len(self._body):
            return self._body[self._received :]
        return memoryview(self._head)[self._head_size :]

    def buffer_updated(self, nbytes: int) -> None:
        if self._body is not None:
            self._received += nbytes
            self._finish_if_whole()
            return
        self._head_size += nbytes
        end = self._head.find(b"\r\n\r\n", 0, self._head_size)
        if end < 0:
            if self._head_size == _HEAD_BYTES:
                self._fail("the head of its answer is too long")
                self.abort()
            return
        try:
            length = self._read_head(bytes(self._head[:end]))
        except ValueError as error:
            self._fail(f"its answer is no HTTP: {error}")
            self.abort()
            return
        self._body = _aligned(length)
        rest = self._head[end + 4 : self._head_size]
        if len(rest) > length:
            self._fail("there is more than its answer")
            self.abort()
            return
        self._body[: len(rest)] = rest
        self._received = len(rest)
        self._finish_if_whole()

    def _read_head(self, head: bytes) -> int:
        first, *lines = head.split(b"\r\n")
        self._status = int(first.split(b" ", 2)[1])
        for line in lines:
            name, _, value = line.partition(b":")
            self._headers[name.strip().lower()] = value.strip()
        if self._headers.get(b"connection", b"").lower() == b"close":
            self.is_usable = False
        if self._status in (204, 304):
            return 0
        length = int(self._headers[b"content-length"]) if b"content-length" in self._headers else -1
        if not 0 <= length <= _MOST_BODY_BYTES:
            raise ValueError("no Content-Length")
        return length

    def _finish_if_whole(self) -> None:
        body, answer = self._body, self._answer
        assert body is not None
        if self._received == len(body) and answer is not None:
            self._answer = None
            self.rests_since = time.monotonic()
            if not answer.done():
                answer.set_result(Answer(self._status, self._headers, body))
            self._head_size = 0
            self._body = None

    def _fail(self, reason: str) -> None:
        answer, self._answer = self._answer, None
        self.is_usable = False
        if answer is not None and not answer.done():
            answer.set_exception(LinkError(reason, may_have_happened=True))


def _aligned(size: int) -> memoryview:
    """Return a writable buffer whose first byte lies on a 64-byte boundary."""
    whole = np.empty(size + ALIGNMENT, np.uint8)
    start = -whole.__array_interface__["data"][0] % ALIGNMENT
    return whole[start : start + size].data
