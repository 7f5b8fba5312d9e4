"""Limits of the machine: what no program over a socket can beat.

A process that answers over a raw socket as many bytes as it is asked for, and nothing else: its
round trip of a few bytes is the floor of every request, its megabytes are the loopback's bandwidth.
"""

from __future__ import annotations

import multiprocessing
import socket
import struct

from agent_client.closing import Closing

__all__ = ["RawServer"]

_ASK = struct.Struct("<QQ")


class RawServer(Closing):
    """The raw process; a context manager. For one thread."""

    def __init__(self, unix_path: str | None = None) -> None:
        """Start it.

        Args:
            unix_path: a Unix domain socket instead of loopback TCP.
        """
        if unix_path is None:
            listener = socket.create_server(("127.0.0.1", 0))
        else:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(unix_path)
            listener.listen()
        self._process = multiprocessing.get_context("fork").Process(
            target=_serve, args=(listener,), daemon=True
        )
        self._process.start()
        self._socket = socket.socket(listener.family)
        self._socket.connect(listener.getsockname())
        if unix_path is None:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.close()
        self._buffer = bytearray(1)

    def close(self) -> None:
        """End the process."""
        self._socket.close()
        self._process.join(5)

    def exchange(self, sent_bytes: int, received_bytes: int) -> None:
        """Send so many bytes and receive so many, into a buffer that is kept."""
        size = max(sent_bytes, received_bytes)
        if len(self._buffer) < size:
            self._buffer = bytearray(size)
        view = memoryview(self._buffer)
        self._socket.sendmsg([_ASK.pack(sent_bytes, received_bytes)])
        if sent_bytes:
            self._socket.sendall(view[:sent_bytes])
        got = 0
        while got < received_bytes:
            got += self._socket.recv_into(view[got:received_bytes], 0, socket.MSG_WAITALL)


def _serve(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    if listener.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = bytearray(1 << 25)
    view = memoryview(buffer)
    while ask := connection.recv(_ASK.size, socket.MSG_WAITALL):
        coming, wanted = _ASK.unpack(ask)
        got = 0
        while got < coming:
            got += connection.recv_into(view[got:coming], 0, socket.MSG_WAITALL)
        connection.sendall(view[:wanted])
