"""An HTTP peer on a real socket that does, connection by connection, what a test tells it."""

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from replay_wire.codec import encode
from replay_wire.endpoints import PROTOCOL_HEADER

_PATIENCE_S = 20.0


@dataclass
class ReceivedRequest:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket, requests: list[ReceivedRequest]) -> None:
        self.sock = sock
        self._requests = requests
        self._pending = b""

    def read_head(self) -> ReceivedRequest | None:
        """Return the next request without reading its body; None at the end."""
        while b"\r\n\r\n" not in self._pending:
            received = self.sock.recv(65536)
            if not received:
                return None
            self._pending += received
        head, _, self._pending = self._pending.partition(b"\r\n\r\n")
        request_line, *lines = head.decode().split("\r\n")
        method, target, _ = request_line.split(" ")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }
        request = ReceivedRequest(method, target, headers, b"")
        self._requests.append(request)
        return request

    def read_request(self) -> ReceivedRequest | None:
        """Return the next request with its body; None at the end."""
        request = self.read_head()
        if request is None:
            return None
        request.body = self.read_body(request)
        return request

    def read_body(self, request: ReceivedRequest) -> bytes:
        """Return the body of a request whose head has been read."""
        if request.headers.get("transfer-encoding") == "chunked":
            return self._read_chunks()
        return self._read_exactly(int(request.headers.get("content-length", "0")))

    def send(self, *parts: bytes) -> None:
        """Send parts one after another."""
        for part in parts:
            self.sock.sendall(part)

    def wait_closed(self) -> None:
        """Return when the client has closed its end."""
        while self.sock.recv(65536):
            pass

    def waits_for_end(self, timeout_s: float) -> bool:
        """Return whether the client closes its end, or sends more, within the time."""
        with selectors.DefaultSelector() as selector:  # `select` takes no file above number 1023
            selector.register(self.sock, selectors.EVENT_READ)
            return bool(selector.select(timeout_s))

    def reset(self) -> None:
        """Break the connection off with a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _read_exactly(self, size: int) -> bytes:
        parts, missing = [self._pending[:size]], size - len(self._pending)
        self._pending = self._pending[size:]
        while missing > 0:
            part = self.sock.recv(min(missing, 1 << 20))
            if not part:
                raise ConnectionError("the client closed amid its request")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _read_line(self) -> bytes:
        line = b""
        while not line.endswith(b"\r\n"):
            line += self._read_exactly(1)
        return line[:-2]

    def _read_chunks(self) -> bytes:
        body = b""
        while size := int(self._read_line(), 16):
            body += self._read_exactly(size)
            self._read_line()
        self._read_line()
        return body


Script = Callable[[Peer], None]


@dataclass
class ScriptedServer:
    """Runs the n-th script on the n-th connection; the last one on all that follow.

    Attributes:
        scripts: what to do on each connection; it is closed when its script returns.
        requests: all that came, in order.
        connections: how many came.
        uds: path of a socket file to listen on instead of a port.
        port: to listen on; 0 takes a free one.
        wrap: applied to each accepted socket (TLS).
    """

    scripts: list[Script]
    uds: Path | None = None
    port: int = 0
    wrap: Callable[[socket.socket], socket.socket] | None = None
    requests: list[ReceivedRequest] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        if self.uds is not None:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(self.uds))
            self._listener.listen()
        else:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self.port = self._listener.getsockname()[1]
            self.url = f"http://127.0.0.1:{self.port}"
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(_PATIENCE_S)
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(_PATIENCE_S)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            script = self.scripts[min(self.connections, len(self.scripts) - 1)]
            self.connections += 1
            self._open.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock, script), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, script: Script) -> None:
        sock.settimeout(_PATIENCE_S)
        try:
            if self.wrap is not None:
                sock = self.wrap(sock)
            script(Peer(sock, self.requests))
        except (ConnectionError, TimeoutError):
            pass  # the client has gone, or the test is over
        except OSError:
            if sock.fileno() >= 0:
                raise
        finally:
            sock.close()


def http_response(body: bytes = b"", status: int = 200, **headers: str) -> bytes:
    """Return a response of known length; header names bear `_` for `-`."""
    headers = {"content_length": str(len(body)), **headers}
    lines = [f"HTTP/1.1 {status} Whatever"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def replay_response(message: Any, status: int = 200, **headers: str) -> bytes:
    """Return a message as a replay server sends it."""
    headers = {PROTOCOL_HEADER: "1", "content_type": "application/msgpack", **headers}
    return http_response(b"".join(encode(message)), status, **headers)


def problem_response(code: str, status: int, facts: Any = None, **headers: str) -> bytes:
    """Return a refusal as a replay server sends it."""
    document = {
        "type": "about:blank",
        "title": code,
        "status": status,
        "detail": "no",
        "code": code,
    }
    return replay_response({**document, **(facts or {})}, status, **headers)


def drop(peer: Peer) -> None:
    """Read a request and close without an answer."""
    peer.read_request()


def answer_all(response: bytes | Callable[[ReceivedRequest], bytes]) -> Script:
    """Return a script that answers every request of its connection."""

    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            peer.send(response if isinstance(response, bytes) else response(request))

    return script
