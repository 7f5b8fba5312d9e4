"""The least that an application on uvicorn does: it answers every request with 2 bytes.

What our server takes beyond it is what FastAPI, the rules of connections and the protocol cost.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["BareClient", "app", "plain_asgi"]

_HEADERS = [(b"content-length", b"2")]


async def app(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    """Answer."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": b"{}"})


class BareClient:
    """A socket that sends one prepared GET and takes what comes; a context manager."""

    def __init__(self, port: int, path: str) -> None:
        """Connect to loopback, as soon as somebody listens there."""
        self._socket = _connected(port)
        self._request = f"GET {path} HTTP/1.1\r\nhost: replay\r\n\r\n".encode()

    def __enter__(self) -> BareClient:
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._socket.close()

    def exchange(self) -> None:
        """Send the request and take the whole answer."""
        self._socket.sendall(self._request)
        answer = self._socket.recv(1 << 16)
        while not _is_whole(answer):
            answer += self._socket.recv(1 << 16)
        assert answer.startswith(b"HTTP/1.1 200")


@contextmanager
def plain_asgi() -> Iterator[int]:
    """Serve it in a process of its own; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    options = ("--port", str(port), "--no-access-log", "--log-level", "warning")
    command = [sys.executable, "-m", "uvicorn", "benchmarks.plain_asgi:app", *options]
    process = subprocess.Popen(command)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = head.partition(b"content-length: ")[2].partition(b"\r")[0]
    return bool(end) and len(body) == int(length)


def _connected(port: int) -> socket.socket:
    for _ in range(200):
        try:
            connection = socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
    raise TimeoutError(f"nobody listens on port {port}")
