"""A connected socket whose waiting has limits: TCP, TLS or a Unix domain socket.

Waiting is the kernel's where it can be told for how long (Linux): one call instead of three for a
small answer, and one for a large one, in which Python's lock is let go once and not for every
piece. Elsewhere, and under TLS, sockets never block and `select` waits for them.
"""

import select
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from typing import Final, TypeAlias

import httpx

__all__ = ["Buffer", "StreamSocket"]

Buffer: TypeAlias = bytes | bytearray | memoryview

_MAX_BUFFERS_PER_CALL: Final = 1024  # IOV_MAX of Linux, macOS and the BSDs
_WAIT_ALL_FROM_BYTES: Final = 65536
_KERNEL_CAN_WAIT: Final = sys.platform == "linux"
_CAN_GATHER: Final = hasattr(socket.socket, "sendmsg")
_WOULD_BLOCK: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class StreamSocket:
    """Sends and receives with limits. One thread at a time."""

    def __init__(self, sock: socket.socket) -> None:
        """Take over a connected socket, owned and closed by this object from now on."""
        self._sock = sock
        self._is_tls = isinstance(sock, ssl.SSLSocket)
        self._can_gather = _CAN_GATHER and not self._is_tls
        self._kernel_waits = (
            _KERNEL_CAN_WAIT and isinstance(sock, socket.socket) and not self._is_tls
        )
        self._kernel_timeout_s: float | None = None
        self._send_flags = socket.MSG_DONTWAIT if self._kernel_waits else 0
        sock.setblocking(self._kernel_waits)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def has_something(self) -> bool:
        """Return whether something has come, or the other end has closed."""
        return _wait(self._sock, read=True, write=False, timeout_s=0)[0]

    def send(self, buffers: list[Buffer], patience_s: Callable[[], float | None]) -> bool:
        """Send buffers as if they were one; return False when an answer or a break came first.

        Args:
            buffers: sent from where they lie.
            patience_s: tells, whenever sending stands still, for how long it may.

        Raises:
            httpx.WriteTimeout: nothing could be sent for that long.
        """
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
                timeout_s = patience_s()
                readable, writable = _wait(
                    self._sock,
                    read=not self._is_tls or isinstance(blocked, ssl.SSLWantReadError),
                    write=not isinstance(blocked, ssl.SSLWantReadError),
                    timeout_s=timeout_s,
                )
                if not (readable or writable):
                    raise httpx.WriteTimeout(f"nothing could be sent for {timeout_s:g} s") from None
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

    def receive_into(self, target: memoryview, patience_s: Callable[[], float | None]) -> int:
        """Receive at least one byte into ``target``; return how many, or 0 at the end.

        Args:
            target: filled from its start, not always to its end.
            patience_s: tells, before each wait, how long it may take; 0 is too late.

        Raises:
            httpx.ReadTimeout: nothing came for that long.
            OSError: the connection broke.
        """
        timeout_s = patience_s()
        flags = 0
        if self._kernel_waits:
            if timeout_s != 0:
                self._set_kernel_timeout(timeout_s)
            flags = socket.MSG_WAITALL if len(target) >= _WAIT_ALL_FROM_BYTES else 0
        while timeout_s != 0:
            try:
                return self._sock.recv_into(target, 0, flags)
            except _WOULD_BLOCK as blocked:
                if self._kernel_waits or not self._wait_to_read(blocked, timeout_s):
                    raise httpx.ReadTimeout(f"nothing came for {timeout_s:g} s") from None
                timeout_s = patience_s()
        raise httpx.ReadTimeout("the time for the whole request is over")

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
