"""A client written from docs/protocol.md alone: http.client, msgpack and json only."""

import http.client
import json
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import unquote

import msgpack
import numpy as np

MSGPACK = "application/msgpack"
JSON = "application/json"
PROBLEM = "application/problem+json"
SMALL_BODY_BYTES = 10_000  # of `small_server_url`
SMALL_MEMORY_BYTES = 1_000_000
# Longer than any test takes: who waits so long was not woken. Under a mutation somebody will.
LONG_S = float(os.environ.get("TESTS_PATIENCE_S", "60"))


def array(dtype: str, values: Any, shape: Sequence[int] | None = None) -> dict[str, Any]:
    """An ARRAY for a MessagePack body."""
    elements = np.asarray(values, dtype)
    return {
        "dtype": dtype,
        "shape": list(elements.shape if shape is None else shape),
        "data": elements.tobytes(),
    }


def nested(dtype: str, values: Any) -> dict[str, Any]:
    """An ARRAY for a JSON body."""
    return {"dtype": dtype, "shape": list(np.shape(values)), "data": values}


def values_of(wired: Mapping[str, Any]) -> np.ndarray:
    """What an ARRAY of either form holds."""
    data = wired["data"]
    flat = np.frombuffer(data, wired["dtype"]) if isinstance(data, bytes) else np.asarray(data)
    return flat.reshape(wired["shape"])


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def document(self) -> Any:
        if self.form == MSGPACK:
            return msgpack.unpackb(self.body)
        assert self.form in (JSON, PROBLEM), self.form
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem, after checking what holds for every problem."""
        problem = self.document
        assert problem["status"] == self.status
        assert problem["type"]
        assert problem["title"]
        assert 0 < len(problem["detail"]) <= 400
        code: str = problem["code"]
        return code

    def array(self, name: str) -> np.ndarray:
        return values_of(self.document[name])

    def column(self, name: str) -> np.ndarray:
        return values_of(self.document["columns"][name])


class _UnixConnection(http.client.HTTPConnection):
    """A connection to a socket file, whose path is the percent-encoded host."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(unquote(self.host))


class Peer:
    """One connection, kept alive."""

    def __init__(self, url: str) -> None:
        scheme, _, self.address = url.partition("://")
        kind = _UnixConnection if scheme == "http+unix" else http.client.HTTPConnection
        self._connection = kind(self.address, timeout=2 * LONG_S)

    @property
    def local_port(self) -> int:
        """The port of this end, which tells one connection from another."""
        port: int = self._connection.sock.getsockname()[1]
        return port

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(
        self, method: str, path: str, body: bytes | None = None, **headers: str | None
    ) -> Answer:
        """Send bytes as they are; `content_type="..."` is the header Content-Type."""
        connection = self._connection
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            if value:
                connection.putheader(name.replace("_", "-"), value)
        if body is not None or method in ("POST", "PUT", "PATCH"):
            connection.putheader("content-length", str(len(body or b"")))
        connection.endheaders(body)
        reply = connection.getresponse()
        names = [name.lower() for name, _ in reply.getheaders()]
        assert len(names) == len(set(names))
        assert reply.getheader("x-replay-protocol") == "1"
        return Answer(
            reply.status,
            {name.lower(): value for name, value in reply.getheaders()},
            reply.read(),
        )

    def msgpack(self, method: str, path: str, document: Any, **headers: str | None) -> Answer:
        body = msgpack.packb(document)
        return self.send(method, path, body, **{"content_type": MSGPACK, **headers})

    def json(self, method: str, path: str, document: Any, **headers: str | None) -> Answer:
        body = json.dumps(document).encode()
        return self.send(method, path, body, **{"content_type": JSON, "accept": JSON, **headers})

    def get(self, path: str, **headers: str | None) -> Answer:
        return self.send("GET", path, **headers)

    def settle(self) -> None:
        """Return when the server has dealt with whatever was sent to it before."""
        for _ in range(5):  # its event loop comes round several times
            assert self.get("/healthz").status == 200


class TablePeer:
    """A table of the test's own, and the verbs on it; `x` is a column of int64 numbers."""

    def __init__(self, peer: Peer, name: str) -> None:
        self.peer = peer
        self.name = name
        self.path = f"/v1/tables/{name}"

    def put(self, **spec: Any) -> Answer:
        return self.peer.msgpack("PUT", self.path, {"capacity": 100, **spec})

    def make(self, **spec: Any) -> Self:
        assert self.put(**spec).status == 201
        return self

    def post(self, verb: str, document: Any, **headers: str | None) -> Answer:
        return self.peer.msgpack("POST", f"{self.path}/{verb}", document, **headers)

    def insert(self, numbers: Sequence[int], priorities: Any = None, **more: Any) -> Answer:
        document = {"columns": {"x": array("<i8", numbers)}, **more}
        if priorities is not None:
            document["priorities"] = array("<f8", priorities)
        return self.post("insert", document)

    def fill(self, numbers: Sequence[int], priorities: Any = None) -> list[int]:
        """Insert and return the keys."""
        answer = self.insert(numbers, priorities)
        assert answer.status == 200
        keys: list[int] = answer.array("keys").tolist()
        return keys

    def sample(self, batch_size: int, **more: Any) -> Answer:
        return self.post("sample", {"batch_size": batch_size, **more})

    def update(self, keys: Sequence[int], priorities: Sequence[float]) -> Answer:
        return self.post(
            "update-priorities",
            {"keys": array("<i8", keys), "priorities": array("<f8", priorities)},
        )

    def delete(self, keys: Sequence[int]) -> Answer:
        return self.post("delete", {"keys": array("<i8", keys)})

    def scan(self, **more: Any) -> Answer:
        return self.post("scan", more)

    def contents(self) -> dict[int, tuple[int, float]]:
        """Key -> (x, priority) of all rows."""
        answer = self.scan()
        assert answer.document["more"] is False
        if not answer.document["columns"]:
            return {}
        rows = zip(
            answer.array("keys"), answer.column("x"), answer.array("priorities"), strict=True
        )
        return {int(key): (int(x), float(priority)) for key, x, priority in rows}

    def stats(self) -> dict[str, Any]:
        answer = self.peer.get(self.path)
        assert answer.status == 200
        stats: dict[str, Any] = answer.document["stats"]
        return stats

    def wait_for_sample(self, batch_size: int, timeout_s: float = LONG_S) -> "WaitingRequest":
        return self.wait_for("sample", {"batch_size": batch_size, "timeout": timeout_s})

    def wait_for_insert(self, numbers: Sequence[int], **more: Any) -> "WaitingRequest":
        document = {"columns": {"x": array("<i8", numbers)}, "timeout": LONG_S, **more}
        return self.wait_for("insert", document)

    def wait_for(self, verb: str, document: Any) -> "WaitingRequest":
        return WaitingRequest(self.peer, f"{self.path}/{verb}", document)


class WaitingRequest:
    """A request on a connection of its own that has reached the server and waits there."""

    def __init__(
        self, peer: Peer, path: str, document: Any, method: str = "POST", **headers: str
    ) -> None:
        body = b"" if document is None else msgpack.packb(document)
        host, _, port = peer.address.rpartition(":")
        self._socket = socket.create_connection((host.strip("[]"), int(port)), timeout=2 * LONG_S)
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        self._began = time.monotonic()
        self._socket.sendall(head.encode() + body)
        peer.settle()

    def answer(self) -> Answer:
        reply = http.client.HTTPResponse(self._socket)
        reply.begin()
        assert time.monotonic() - self._began < LONG_S  # it was woken: its time was not over
        headers = {name.lower(): value for name, value in reply.getheaders()}
        assert headers["x-replay-protocol"] == "1"
        answer = Answer(reply.status, headers, reply.read())
        self.hang_up()
        return answer

    def hang_up(self) -> None:
        self._socket.close()
