"""Heads of requests end: in bytes and in time."""

import asyncio
import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from replay_server.http_protocol import MAX_HEAD_BYTES, BoundedHttpProtocol

PATIENCE_S = 20.0
HEAD = b"GET /%s HTTP/1.1\r\nHost: x\r\n"


async def echo(scope, receive, send):  # type: ignore[no-untyped-def]
    """Answer with the headers that came, once the body has."""
    assert scope["type"] == "http"
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/held":
        await held.wait()
    body = b"\n".join(name + b"=" + value for name, value in scope["headers"])
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Held:
    """What requests to /held wait for."""

    def __init__(self) -> None:
        self.released = threading.Event()

    async def wait(self) -> None:
        await asyncio.to_thread(self.released.wait, PATIENCE_S)


held = Held()


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(BoundedHttpProtocol, "head_patience_s", 0.2)
    config = uvicorn.Config(
        echo,
        http=BoundedHttpProtocol,
        lifespan="off",
        log_config=None,
        headers=[("x-replay-protocol", "1")],
        timeout_keep_alive=1,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(PATIENCE_S)


@pytest.fixture
def connection(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as opened:
        yield opened


def answer(connection: socket.socket) -> tuple[int, bytes]:
    reply = http.client.HTTPResponse(connection)
    reply.begin()
    assert reply.getheader("x-replay-protocol") == "1"
    return reply.status, reply.read()


def test_a_head_may_be_as_long_as_the_limit(connection: socket.socket):
    start = HEAD % b"" + b"x-long: "
    connection.sendall(start + b"a" * (MAX_HEAD_BYTES - len(start) - 4) + b"\r\n\r\n")

    assert answer(connection)[0] == 200


@pytest.mark.parametrize("unit", [b"a", b"x: y\r\n", b"a\r\nb: "], ids=["value", "many", "both"])
def test_a_head_that_is_too_long_is_431_and_the_end(connection: socket.socket, unit: bytes):
    connection.sendall(HEAD % b"" + b"x-long: " + unit * (2 * MAX_HEAD_BYTES // len(unit)))

    status, _ = answer(connection)

    assert status == 431


def test_a_long_path_is_a_long_head(connection: socket.socket):
    connection.sendall(HEAD % (b"a" * 2 * MAX_HEAD_BYTES))

    assert answer(connection)[0] == 431


def test_a_head_without_an_end_takes_no_memory(connection: socket.socket):
    connection.sendall(HEAD % b"" + b"x-long: ")
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < 100_000_000:
            sent += connection.send(b"a" * 100_000)

    assert sent < 50_000_000  # what lies in the buffers of two sockets


def test_bodies_are_no_heads(connection: socket.socket):
    body = b"x" * (10 * MAX_HEAD_BYTES)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)

    for _ in range(3):
        connection.sendall(head + body)
        assert answer(connection)[0] == 200


def test_a_head_that_is_too_slow_is_the_end(connection: socket.socket):
    connection.sendall(HEAD % b"")

    assert connection.recv(1) == b""


def test_trickling_does_not_help(connection: socket.socket):
    deadline = time.monotonic() + PATIENCE_S
    connection.settimeout(0.02)
    is_open = True
    while is_open and time.monotonic() < deadline:
        try:
            connection.sendall(b"G")
            is_open = connection.recv(1) != b""
        except TimeoutError:
            continue
        except ConnectionError:
            is_open = False

    assert not is_open


def test_who_never_says_anything_is_hung_up_on(connection: socket.socket):
    assert connection.recv(1) == b""


def test_a_request_that_is_being_answered_is_not_cut_off_by_the_next_ones_head(
    connection: socket.socket,
):
    held.released.clear()
    connection.sendall(HEAD % b"held" + b"\r\n")
    connection.sendall(HEAD % b"next")
    time.sleep(0.5)  # longer than a head may take
    held.released.set()

    assert answer(connection)[0] == 200


def test_a_header_after_the_body_is_none(connection: socket.socket):
    connection.sendall(
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        b"Trailer: authorization\r\n\r\n"
        b"1\r\na\r\n0\r\nAuthorization: Bearer late\r\n\r\n"
    )

    status, body = answer(connection)

    assert status == 200
    assert b"late" not in body
    assert b"transfer-encoding=chunked" in body
