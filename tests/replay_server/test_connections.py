"""Whoever is at the other end of a connection can't hold the server up, whatever parses for it."""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.peer import Peer, TablePeer, array
from tests.server_process import ServerProcess

MOST_CONNECTIONS = 20
TIMEOUT_S = 1
PATIENCE_S = 20.0
MEGABYTE = 1 << 20


@pytest.fixture(scope="module", params=[True, False], ids=["httptools", "h11"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    server = ServerProcess(
        "--port=0",
        f"--max-connections={MOST_CONNECTIONS}",
        f"--request-timeout={TIMEOUT_S}",
        f"--answer-timeout={TIMEOUT_S}",
        fast=request.param,
    )
    yield server.url
    assert server.stop() == 0


@pytest.fixture
def peer(url: str) -> Iterator[Peer]:
    with Peer(url) as connection:
        yield connection


def connect(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)


def answer_on(connection: socket.socket) -> tuple[int, dict[str, Any], dict[str, str]]:
    """The status, the problem and the headers of an answer; the connection is closed after it."""
    reply = http.client.HTTPResponse(connection)
    reply.begin()
    headers = {name.lower(): value for name, value in reply.getheaders()}
    assert headers["x-replay-protocol"] == "1"
    return reply.status, json.loads(reply.read()), headers


def is_closed(connection: socket.socket) -> bool:
    """Whether the server closes the connection, after whatever it still sends."""
    try:
        with contextlib.suppress(ConnectionError):
            while connection.recv(1 << 16):
                pass
    except TimeoutError:
        return False
    return True


def head(path: str, *lines: str, method: str = "POST") -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: x", *lines, "", "")).encode()


def trickle(connection: socket.socket, data: bytes = b"a") -> float:
    """Send a byte now and then until the server has enough; return the seconds that it took."""
    began = time.monotonic()
    connection.settimeout(0.05)
    while time.monotonic() - began < PATIENCE_S:
        try:
            connection.sendall(data)
            if connection.recv(1, socket.MSG_PEEK):
                break
        except TimeoutError:
            continue
        except ConnectionError:
            break
    connection.settimeout(PATIENCE_S)
    return time.monotonic() - began


# -- slow senders ---------------------------------------------------------------------------------


def test_a_head_that_does_not_arrive_in_time_is_408(url: str):
    with connect(url) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        took = trickle(connection)

        status, problem, headers = answer_on(connection)

        assert (status, problem["code"], headers["connection"]) == (408, "request_timeout", "close")
        assert TIMEOUT_S <= took < PATIENCE_S
        assert is_closed(connection)


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
def test_a_body_that_does_not_arrive_in_time_is_408(url: str, chunked: bool):
    length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 1000"
    with connect(url) as connection:
        connection.sendall(head("/v1/tables/none/scan", length))
        took = trickle(connection, b"1\r\na\r\n" if chunked else b"a")

        assert answer_on(connection)[0] == 408
        assert TIMEOUT_S <= took < PATIENCE_S


def test_bytes_that_begin_no_request_do_not_keep_a_connection(url: str):
    with connect(url) as connection:
        connection.sendall(head("/healthz", method="GET"))
        assert answer_on(connection)[0] == 200

        connection.sendall(b"G")

        assert answer_on(connection)[0] == 408
        assert is_closed(connection)


def test_a_request_may_take_its_time_again_after_each_answer(url: str):
    with connect(url) as connection:
        for _ in range(4):
            request = head("/healthz", method="GET")
            connection.sendall(request[:9])
            time.sleep(TIMEOUT_S * 0.4)
            connection.sendall(request[9:])
            assert answer_on(connection)[0] == 200


def test_the_rest_of_a_body_that_was_refused_has_to_arrive_in_time_as_well(url: str):
    with connect(url) as connection:
        connection.sendall(head("/v1/tables/none/scan", f"Content-Length: {1 << 40}"))
        reply = http.client.HTTPResponse(connection)
        reply.begin()
        assert reply.status == 413
        reply.read()

        assert trickle(connection) < PATIENCE_S
        assert is_closed(connection)


# -- slow readers ---------------------------------------------------------------------------------


@pytest.fixture
def table(peer: Peer) -> Iterator[TablePeer]:
    table = TablePeer(peer, "large").make(
        capacity=16, columns={"v": {"dtype": "|u1", "shape": [MEGABYTE]}}
    )
    table.post("insert", {"columns": {"v": array("|u1", [[7] * MEGABYTE] * 16)}})
    yield table
    peer.send("DELETE", table.path)


def test_a_client_that_does_not_take_its_answer_is_cut_off(url: str, table: TablePeer):
    with connect(url) as connection:
        body = b"\x81\xaabatch_size\x0e"
        connection.sendall(head(f"{table.path}/sample", f"Content-Length: {len(body)}") + body)
        time.sleep(TIMEOUT_S + 1.5)  # what is waited for is that nothing happens here

        received = 0
        while chunk := connection.recv(1 << 20):
            received += len(chunk)

        assert received < 14 * MEGABYTE
    assert table.sample(14).status == 200


def test_a_client_that_takes_its_answers_is_not_cut_off(table: TablePeer):
    began = time.monotonic()
    while time.monotonic() - began < 2.5 * TIMEOUT_S:
        assert table.sample(14).status == 200


# -- too much -------------------------------------------------------------------------------------


def test_headers_have_a_limit_while_they_come(url: str, peer: Peer):
    most = peer.get("/v1/info").document["limits"]["max_header_bytes"]
    with connect(url) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ")
        connection.sendall(b"a" * (most + 1))

        status, problem, _ = answer_on(connection)

        assert (status, problem["code"]) == (413, "too_large")
        assert is_closed(connection)


@pytest.mark.parametrize(
    "lines", [["X-Long: " + "a" * 70_000], ["X-Many: a"] * 7_000], ids=["long", "many"]
)
def test_headers_have_a_limit_when_they_come_at_once(url: str, lines: list[str]):
    with connect(url) as connection:
        connection.sendall(head("/healthz", *lines, method="GET"))

        assert answer_on(connection)[:1] == (413,)


def test_a_path_has_the_limit_of_headers(url: str):
    with connect(url) as connection:
        connection.sendall(head("/" + "a" * 70_000, method="GET"))

        assert answer_on(connection)[0] == 413


def test_a_long_head_within_the_limit_is_read(peer: Peer):
    assert peer.get("/healthz", x_long="a" * 60_000).status == 200


@pytest.mark.parametrize(
    "endless",
    [
        pytest.param(b"0\r\nX-Trailer: " + b"a" * (8 * MEGABYTE), id="one_trailer"),
        pytest.param(b"0\r\n" + b"X-Trailer: aaaa\r\n" * MEGABYTE, id="many_trailers"),
        pytest.param(b"1;" + b"a" * (8 * MEGABYTE), id="a_chunk_extension"),
    ],
)
def test_what_stands_between_chunks_has_a_limit(url: str, endless: bytes):
    with connect(url) as connection:
        connection.sendall(head("/v1/tables/none/scan", "Transfer-Encoding: chunked"))
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            connection.sendall(endless)

        assert is_closed(connection)
        assert time.monotonic() - began < PATIENCE_S


def test_a_trailer_is_no_header(url: str):
    with connect(url) as connection:
        connection.sendall(
            head("/v1/tables/none/scan", "Transfer-Encoding: chunked")
            + b"1\r\n\x80\r\n0\r\nAccept: application/json\r\n\r\n"
        )
        reply = http.client.HTTPResponse(connection)
        reply.begin()

        assert reply.getheader("content-type") == "application/msgpack"


def test_requests_sent_ahead_are_answered_in_order(url: str):
    with connect(url) as connection:
        connection.sendall(head("/healthz", method="GET") * 30 + head("/no", method="GET"))

        received = b""
        while received.count(b"HTTP/1.1 ") < 31:
            received += connection.recv(1 << 16)
        statuses = [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]
        assert statuses == [b"200"] * 30 + [b"404"]


def test_many_requests_sent_ahead_get_no_wrong_answers(url: str, peer: Peer):
    received = b""
    with connect(url) as connection:
        connection.settimeout(0.5)
        with contextlib.suppress(ConnectionError, TimeoutError):
            connection.sendall(head("/healthz", method="GET") * 20_000)
        with contextlib.suppress(ConnectionError, TimeoutError):
            for _ in range(20):
                received += connection.recv(1 << 14)

    assert {part[:3] for part in received.split(b"HTTP/1.1 ")[1:]} <= {b"200"}
    assert peer.get("/healthz").status == 200


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"NO SUCH THING\r\n\r\n"]
)
def test_what_is_no_http_is_malformed(url: str, garbage: bytes):
    with connect(url) as connection:
        connection.sendall(garbage)

        status, problem, _ = answer_on(connection)

        assert (status, problem["code"]) == (400, "malformed")
        assert is_closed(connection)


@pytest.mark.parametrize(
    "length", ["-1", "1x", "9" * 30, "9" * 6000, "1, 2", "+5", ""], ids=lambda text: text[:8]
)
def test_a_content_length_that_is_none_is_refused(url: str, length: str):
    with connect(url) as connection:
        connection.sendall(head("/v1/tables/none/scan", f"Content-Length: {length}"))

        assert answer_on(connection)[0] in (400, 413)


def test_two_content_lengths_are_refused(url: str):
    with connect(url) as connection:
        lines = ("Content-Length: 1", "Content-Length: 2")
        connection.sendall(head("/v1/tables/none/scan", *lines))

        assert answer_on(connection)[0] == 400


# -- too many -------------------------------------------------------------------------------------


def test_connections_beyond_the_limit_get_503_at_once_and_the_others_are_served(url: str):
    kept: list[socket.socket] = []
    try:
        while len(kept) <= MOST_CONNECTIONS:
            connection = connect(url)
            kept.append(connection)
            connection.sendall(head("/healthz", method="GET"))
            status, problem, headers = answer_on(connection)
            if status != 200:
                break

        assert (status, problem["code"], headers["retry-after"]) == (503, "unavailable", "1")
        assert len(kept) <= MOST_CONNECTIONS + 1
        assert is_closed(kept[-1])
        kept[0].sendall(head("/healthz", method="GET"))
        assert answer_on(kept[0])[0] == 200
    finally:
        for connection in kept:
            connection.close()


def test_there_is_room_again_when_connections_have_gone(url: str):
    for _ in range(3):
        crowd = [connect(url) for _ in range(MOST_CONNECTIONS + 5)]
        for connection in crowd:
            connection.close()

    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with connect(url) as connection:
            connection.sendall(head("/healthz", method="GET"))
            if answer_on(connection)[0] == 200:
                return
    pytest.fail("there was no room again")
