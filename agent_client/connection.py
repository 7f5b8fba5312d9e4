"""One HTTP/1.1 connection: a socket, what it has received, and one exchange at a time.

A body of known length is received into one buffer made for it, so a large batch is copied once
only, by the kernel. Waiting is the kernel's where it can be told for how long (Linux): one call
instead of three for a small answer, and one for a large one, in which Python's lock is let go once
and not for every piece. Elsewhere, and under TLS, sockets never block and `select` waits for them.
Next: `agent_client.transport`, which keeps connections and speaks httpx.
"""

import select
import socket
import ssl
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NoReturn, TypeAlias

import httpx
import numpy as np

from agent_client.response_head import ResponseHead, parse_chunk_size, parse_response_head

__all__ = ["Buffer", "Connection", "RawResponse", "Timeouts", "aligned_buffer"]

Buffer: TypeAlias = bytes | bytearray | memoryview

ALIGNMENT: Final = 64
_SCRATCH_BYTES: Final = 16384
_MAX_LINE_BYTES: Final = 4096
_MAX_BUFFERS_PER_CALL: Final = 1024  # IOV_MAX of Linux, macOS and the BSDs
_WAIT_ALL_FROM_BYTES: Final = 65536
_KERNEL_CAN_WAIT: Final = sys.platform == "linux"
_CAN_GATHER: Final = hasattr(socket.socket, "sendmsg")
_WOULD_BLOCK: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that each part of an exchange may bring nothing; None waits for ever."""

    connect: float | None = None
    read: float | None = None
    write: float | None = None
    pool: float | None = None


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A response's head and whole body; the body is writable and starts on a 64-byte boundary."""

    head: ResponseHead
    body: memoryview


class Connection:
    """A connected socket. One thread at a time; after an error only `close` is of use.

    Attributes:
        exchanges: how many requests have been answered here.
        sent_all: whether the whole of the last request went to the kernel: if not, no server can
            have acted on it.
        answer_begun: whether any byte of the last answer has come.
        reusable: whether another request may follow.
    """

    def __init__(self, sock: socket.socket, max_head_bytes: int, max_body_bytes: int) -> None:
        """Take over a connected socket.

        Args:
            sock: TCP, TLS or Unix; owned and closed by this object from now on.
            max_head_bytes: longest response head, and longest trailer of a chunked body.
            max_body_bytes: longest response body.
        """
        self.exchanges = 0
        self.sent_all = False
        self.answer_begun = False
        self.reusable = True
        self._sock = sock
        self._is_tls = isinstance(sock, ssl.SSLSocket)
        self._can_gather = _CAN_GATHER and not self._is_tls
        self._kernel_waits = (
            _KERNEL_CAN_WAIT and isinstance(sock, socket.socket) and not self._is_tls
        )
        self._kernel_timeout_s: float | None = None
        self._send_flags = socket.MSG_DONTWAIT if self._kernel_waits else 0
        sock.setblocking(self._kernel_waits)
        self._max_head_bytes = max_head_bytes
        self._max_body_bytes = max_body_bytes
        self._scratch = memoryview(bytearray(_SCRATCH_BYTES))
        self._received = bytearray()

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def is_stale(self) -> bool:
        """Return whether the idle connection has been closed, or spoken on, by the server."""
        return _wait(self._sock, read=True, write=False, timeout_s=0)[0]

    def exchange(
        self, method: str, parts: Iterable[list[Buffer]], timeouts: Timeouts
    ) -> RawResponse:
        """Send a request and return the whole response.

        A response that comes before the request has all been sent ends the sending: the server
        has decided (413, say), and the connection is not reusable.

        Args:
            method: decides whether a body follows the head.
            parts: the request, head first, in lists of buffers; each list is sent together.
            timeouts: `read` and `write` count.

        Raises:
            httpx.ReadTimeout, httpx.WriteTimeout: nothing moved for that long.
            httpx.ReadError, httpx.WriteError: the connection broke.
            httpx.RemoteProtocolError: it was closed too early, or the answer is not HTTP/1.1.
        """
        self.sent_all = False
        self.answer_begun = False
        self.reusable = False
        for buffers in parts:
            if not self._send(buffers, timeouts.write):
                break
        else:
            self.sent_all = True
        head = self._read_head(timeouts.read)
        if not head.has_body(method):
            body = memoryview(bytearray())
            framed = True
        elif head.is_chunked:
            body = self._read_chunks(timeouts.read)
            framed = True
        elif head.content_length is not None:
            body = self._read_sized(head.content_length, timeouts.read)
            framed = True
        else:
            body = self._read_until_closed(timeouts.read)
            framed = False
        self.exchanges += 1
        self.reusable = framed and head.keep_alive and self.sent_all and not self._received
        return RawResponse(head, body)

    def _send(self, buffers: list[Buffer], timeout_s: float | None) -> bool:
        """Send buffers as if they were one; return False when an answer or a break came first."""
        pending = [memoryview(buffer).cast("B") for buffer in buffers if len(buffer)]
        first = 0
        while first < len(pending):
            try:
                if self._can_gather and first + 1 < len(pending):
                    sent = self._sock.sendmsg(
                        pending[first : first + _MAX_BUFFERS_PER_CALL], (), self._send_flags
                    )
                else:
                    sent = self._sock.send(pending[first], self._send_flags)
            except _WOULD_BLOCK as blocked:
                readable, writable = _wait(
                    self._sock,
                    read=not self._is_tls or isinstance(blocked, ssl.SSLWantReadError),
                    write=not isinstance(blocked, ssl.SSLWantReadError),
                    timeout_s=timeout_s,
                )
                if not (readable or writable):
                    raise httpx.WriteTimeout(f"nothing could be sent for {timeout_s} s") from None
                if readable and not self._is_tls:
                    return False
            except OSError:
                return False
            else:
                while first < len(pending) and sent >= len(pending[first]):
                    sent -= len(pending[first])
                    first += 1
                if sent:
                    pending[first] = pending[first][sent:]
        return True

    def _read_head(self, timeout_s: float | None) -> ResponseHead:
        """Return the head of the final response; interim ones (1xx) are passed over."""
        while True:
            head = parse_response_head(self._read_to(b"\r\n\r\n", self._max_head_bytes, timeout_s))
            if head.status == 101:
                raise httpx.RemoteProtocolError("the server switched protocols unasked")
            if head.status >= 200:
                return head

    def _read_sized(self, size: int, timeout_s: float | None) -> memoryview:
        self._check_size(size)
        body = aligned_buffer(size)
        filled = min(size, len(self._received))
        if filled:
            body[:filled] = self._received[:filled]
            del self._received[:filled]
        while filled < size:
            filled += self._receive_into(body[filled:], timeout_s) or self._cut_short()
        return body

    def _read_chunks(self, timeout_s: float | None) -> memoryview:
        body = bytearray()
        while size := parse_chunk_size(self._read_to(b"\r\n", _MAX_LINE_BYTES, timeout_s)):
            self._check_size(len(body) + size)
            body += self._read_sized(size, timeout_s)
            if self._read_to(b"\r\n", _MAX_LINE_BYTES, timeout_s):
                raise httpx.RemoteProtocolError("a chunk is longer than it said")
        trailer_bytes = 0
        while trailer := self._read_to(b"\r\n", _MAX_LINE_BYTES, timeout_s):
            trailer_bytes += len(trailer)
            if trailer_bytes > self._max_head_bytes:
                raise httpx.RemoteProtocolError("the trailer is too long")
        return _aligned_copy(body)

    def _read_until_closed(self, timeout_s: float | None) -> memoryview:
        body = self._received
        self._received = bytearray()
        while received := self._receive_into(self._scratch, timeout_s):
            self._check_size(len(body) + received)
            body += self._scratch[:received]
        return _aligned_copy(body)

    def _read_to(self, end: bytes, max_bytes: int, timeout_s: float | None) -> bytes:
        """Return what comes before ``end``, and take both off what has been received."""
        searched = 0
        while (found := self._received.find(end, searched)) < 0:
            if len(self._received) > max_bytes:
                raise httpx.RemoteProtocolError(f"no end of line or head within {max_bytes} bytes")
            searched = max(0, len(self._received) - len(end) + 1)
            received = self._receive_into(self._scratch, timeout_s) or self._cut_short()
            self._received += self._scratch[:received]
        taken = bytes(self._received[:found])
        del self._received[: found + len(end)]
        return taken

    def _receive_into(self, target: memoryview, timeout_s: float | None) -> int:
        """Receive at least one byte into ``target``; return how many, or 0 at the end."""
        flags = 0
        if self._kernel_waits:
            self._set_kernel_timeout(timeout_s)
            flags = socket.MSG_WAITALL if len(target) >= _WAIT_ALL_FROM_BYTES else 0
        while True:
            try:
                received = self._sock.recv_into(target, 0, flags)
            except _WOULD_BLOCK as blocked:
                if self._kernel_waits or not self._wait_to_read(blocked, timeout_s):
                    raise httpx.ReadTimeout(f"nothing came for {timeout_s} s") from None
            except OSError as error:
                raise self._broken(error) from error
            else:
                if received:
                    self.answer_begun = True
                return received

    def _wait_to_read(self, blocked: OSError, timeout_s: float | None) -> bool:
        """Wait for what a receive that would have blocked wants; return false after the time."""
        wants_write = isinstance(blocked, ssl.SSLWantWriteError)
        return any(_wait(self._sock, read=not wants_write, write=wants_write, timeout_s=timeout_s))

    def _set_kernel_timeout(self, timeout_s: float | None) -> None:
        if timeout_s != self._kernel_timeout_s:
            seconds, rest = divmod(max(timeout_s, 1e-6) if timeout_s is not None else 0.0, 1)
            timeval = struct.pack("ll", int(seconds), int(rest * 1e6))
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
            self._kernel_timeout_s = timeout_s

    def _broken(self, error: OSError) -> httpx.TransportError:
        if self.sent_all:
            return httpx.ReadError(f"the connection broke before the answer was there: {error}")
        return httpx.WriteError(f"the connection broke before the request was sent: {error}")

    def _cut_short(self) -> NoReturn:
        if not self.sent_all:
            raise httpx.WriteError("the server closed the connection while the request was sent")
        if not self.answer_begun:
            raise httpx.RemoteProtocolError("the server closed the connection without an answer")
        raise httpx.RemoteProtocolError("the server closed the connection amid its answer")

    def _check_size(self, size: int) -> None:
        if size > self._max_body_bytes:
            raise httpx.RemoteProtocolError(
                f"a body of {size} bytes is beyond the limit of {self._max_body_bytes}"
            )


def aligned_buffer(size: int) -> memoryview:
    """Return ``size`` writable bytes, of any content, that start on a 64-byte boundary."""
    memory = np.empty(size + ALIGNMENT - 1, np.uint8)
    start = -memory.__array_interface__["data"][0] % ALIGNMENT
    return memory[start : start + size].data


def _aligned_copy(body: bytearray) -> memoryview:
    copy = aligned_buffer(len(body))
    copy[:] = body
    return copy


def _wait(
    sock: socket.socket, *, read: bool, write: bool, timeout_s: float | None
) -> tuple[bool, bool]:
    """Wait until the socket can be read or written as asked; return which; neither: timed out.

    An error or an end on the socket counts as both of what was asked.
    """
    if not hasattr(select, "poll"):
        watched = [sock]
        readable, writable, failed = select.select(
            watched if read else [], watched if write else [], watched, timeout_s
        )
        return bool(read and (readable or failed)), bool(write and (writable or failed))
    poll = select.poll()
    poll.register(sock, (select.POLLIN if read else 0) | (select.POLLOUT if write else 0))
    events = poll.poll(None if timeout_s is None else max(0, timeout_s) * 1000)
    if not events:
        return False, False
    happened = events[0][1]
    ended = bool(happened & (select.POLLERR | select.POLLHUP | select.POLLNVAL))
    return (
        read and (ended or bool(happened & select.POLLIN)),
        write and (ended or bool(happened & select.POLLOUT)),
    )
