"""One HTTP/1.1 connection: a socket, what it has received, and one exchange at a time.

A body of known length is received into one buffer made for it, so a large batch is copied once
only, by the kernel. Below: `stream_socket`, which waits; above: `connection_pool`, which keeps
connections, and `replay_transport`, which speaks httpx.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NoReturn

import httpx
import numpy as np

from agent_client.transport.response_head import ResponseHead, parse_chunk_size, parse_response_head
from agent_client.transport.stream_socket import Buffer, StreamSocket
from agent_client.transport.timeouts import Timeouts

__all__ = ["Connection", "RawResponse", "aligned_buffer"]

ALIGNMENT: Final = 64
_SCRATCH_BYTES: Final = 16384
_MAX_LINE_BYTES: Final = 4096


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
        self._socket = StreamSocket(sock)
        self._max_head_bytes = max_head_bytes
        self._max_body_bytes = max_body_bytes
        self._scratch = memoryview(bytearray(_SCRATCH_BYTES))
        self._received = bytearray()
        self._timeouts = Timeouts()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def is_stale(self) -> bool:
        """Return whether the idle connection has been closed, or spoken on, by the server."""
        return self._socket.has_something()

    def exchange(
        self, method: str, parts: Iterable[list[Buffer]], timeouts: Timeouts
    ) -> RawResponse:
        """Send a request and return the whole response.

        A response that comes before the request has all been sent ends the sending: the server
        has decided (413, say), and the connection is not reusable.

        Args:
            method: decides whether a body follows the head.
            parts: the request, head first, in lists of buffers; each list is sent together.
            timeouts: `read`, `write` and `deadline` count.

        Raises:
            httpx.ReadTimeout, httpx.WriteTimeout: nothing moved for that long, or the deadline
                has passed.
            httpx.ReadError, httpx.WriteError: the connection broke.
            httpx.RemoteProtocolError: it was closed too early, or the answer is not HTTP/1.1.
        """
        self.sent_all = False
        self.answer_begun = False
        self.reusable = False
        self._timeouts = timeouts
        for buffers in parts:
            if not self._socket.send(buffers, timeouts.write_s):
                break
        else:
            self.sent_all = True
        head = self._read_head()
        if not head.has_body(method):
            body = memoryview(bytearray())
            framed = True
        elif head.is_chunked:
            body = self._read_chunks()
            framed = True
        elif head.content_length is not None:
            body = self._read_sized(head.content_length)
            framed = True
        else:
            body = self._read_until_closed()
            framed = False
        self.exchanges += 1
        self.reusable = framed and head.keep_alive and self.sent_all and not self._received
        return RawResponse(head, body)

    def _read_head(self) -> ResponseHead:
        """Return the head of the final response; interim ones (1xx) are passed over."""
        while True:
            head = parse_response_head(self._read_to(b"\r\n\r\n", self._max_head_bytes))
            if head.status == 101:
                raise httpx.RemoteProtocolError("the server switched protocols unasked")
            if head.status >= 200:
                return head

    def _read_sized(self, size: int) -> memoryview:
        self._check_size(size)
        body = aligned_buffer(size)
        filled = min(size, len(self._received))
        if filled:
            body[:filled] = self._received[:filled]
            del self._received[:filled]
        while filled < size:
            filled += self._receive_into(body[filled:]) or self._cut_short()
        return body

    def _read_chunks(self) -> memoryview:
        body = bytearray()
        while size := parse_chunk_size(self._read_to(b"\r\n", _MAX_LINE_BYTES)):
            self._check_size(len(body) + size)
            body += self._read_sized(size)
            if self._read_to(b"\r\n", _MAX_LINE_BYTES):
                raise httpx.RemoteProtocolError("a chunk is longer than it said")
        trailer_bytes = 0
        while trailer := self._read_to(b"\r\n", _MAX_LINE_BYTES):
            trailer_bytes += len(trailer)
            if trailer_bytes > self._max_head_bytes:
                raise httpx.RemoteProtocolError("the trailer is too long")
        return _aligned_copy(body)

    def _read_until_closed(self) -> memoryview:
        body = self._received
        self._received = bytearray()
        while received := self._receive_into(self._scratch):
            self._check_size(len(body) + received)
            body += self._scratch[:received]
        return _aligned_copy(body)

    def _read_to(self, end: bytes, max_bytes: int) -> bytes:
        """Return what comes before ``end``, and take both off what has been received."""
        searched = 0
        while (found := self._received.find(end, searched)) < 0:
            if len(self._received) > max_bytes:
                raise httpx.RemoteProtocolError(f"no end of line or head within {max_bytes} bytes")
            searched = max(0, len(self._received) - len(end) + 1)
            received = self._receive_into(self._scratch) or self._cut_short()
            self._received += self._scratch[:received]
        taken = bytes(self._received[:found])
        del self._received[: found + len(end)]
        return taken

    def _receive_into(self, target: memoryview) -> int:
        """Receive at least one byte into ``target``; return how many, or 0 at the end."""
        try:
            received = self._socket.receive_into(target, self._timeouts.read_s)
        except OSError as error:
            raise self._broken(error) from error
        if received:
            self.answer_begun = True
        return received

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
