"""The transport against scripted peers on real sockets, and against sockets cut up at will."""

import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_client.transport import BufferStream, ReplayTransport
from agent_client.transport.connection import Connection
from agent_client.transport.timeouts import Timeouts
from tests.agent_client.scripted_server import (
    Peer,
    ReceivedRequest,
    ScriptedServer,
    answer_all,
    http_response,
)

NO_WAIT = Timeouts(connect=5.0, read=5.0, write=5.0, pool=5.0)
BIG = 20_000_000  # beyond what two socket buffers hold


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(transport=ReplayTransport(), timeout=10.0) as client:
        yield client


def post(client: httpx.Client, url: str, *buffers: bytes, **extensions: Any) -> httpx.Response:
    """Send a POST whose body is a list of buffers."""
    stream = BufferStream(buffers)
    request = client.build_request(
        "POST", url, headers={"content-length": str(stream.size)}, extensions=extensions
    )
    request.stream = stream
    return client.send(request)


def wait_until(condition: threading.Event) -> None:
    assert condition.wait(20)


# --- bodies


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 16384, 100_001, BIG])
def test_a_body_lies_aligned_and_writable_in_one_buffer(client: httpx.Client, size: int) -> None:
    body = np.random.default_rng(size).bytes(size)
    with ScriptedServer([answer_all(http_response(body))]) as server:
        response = client.get(server.url)

    received = response.extensions["replay_body"]
    array = np.frombuffer(received, np.uint8) if size else np.empty(0)
    assert bytes(received) == body
    assert not received.readonly
    assert array.ctypes.data % 64 == 0 or not size
    assert response.content == body


def test_many_buffers_and_a_large_one_arrive_as_one_body(client: httpx.Client) -> None:
    buffers = [bytes([number % 256]) * (number % 7) for number in range(5000)]
    buffers.insert(2500, np.random.default_rng(1).bytes(BIG))
    with ScriptedServer([answer_all(http_response(b"ok"))]) as server:
        post(client, server.url, *buffers)

        assert server.requests[0].body == b"".join(buffers)


def test_bodies_of_httpx_itself_are_sent(client: httpx.Client) -> None:
    def generated() -> Iterator[bytes]:
        yield b"one"
        yield b""
        yield b"two"

    with ScriptedServer([answer_all(http_response(b"ok"))]) as server:
        client.post(server.url, content=b"bytes")
        client.post(server.url, json={"a": 1})
        client.post(server.url, content=generated())
        client.post(server.url, content=generated(), headers={"content-length": "6"})

        assert [request.body for request in server.requests] == [
            b"bytes",
            b'{"a":1}',
            b"onetwo",
            b"onetwo",
        ]


def test_a_chunked_body_is_put_together(client: httpx.Client) -> None:
    response = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nTrailer: x\r\n\r\n"
    )
    with ScriptedServer([answer_all(response)]) as server:
        assert client.get(server.url).extensions["replay_body"] == b"hello world"
        assert client.get(server.url).text == "hello world"
        assert server.connections == 1


def test_a_body_without_a_length_goes_on_to_the_end(client: httpx.Client) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\nall ", b"of ", b"it")

    with ScriptedServer([script]) as server:
        assert client.get(server.url).text == "all of it"
        assert client.get(server.url).text == "all of it"
        assert server.connections == 2


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_answers_without_a_body_do_not_wait_for_one(
    client: httpx.Client, method: str, status: int
) -> None:
    answer = b"HTTP/1.1 %d x\r\nContent-Length: 5\r\n\r\n" % status
    with ScriptedServer([answer_all(answer)]) as server:
        for _ in range(2):
            assert client.request(method, server.url).content == b""
        assert server.connections == 1


def test_interim_answers_are_passed_over(client: httpx.Client) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"
    with ScriptedServer([answer_all(interim + http_response(b"final"))]) as server:
        assert client.get(server.url).text == "final"


# --- connections that are kept


def test_requests_share_a_connection(client: httpx.Client) -> None:
    with ScriptedServer([answer_all(http_response(b"ok"))]) as server:
        for _ in range(5):
            client.get(server.url)

        assert server.connections == 1


def test_a_connection_that_the_server_announced_to_close_is_not_used_again(
    client: httpx.Client,
) -> None:
    with ScriptedServer([answer_all(http_response(b"", connection="close"))]) as server:
        client.get(server.url)
        client.get(server.url)

        assert server.connections == 2


def test_a_connection_idle_for_too_long_is_not_used_again() -> None:
    with (
        ScriptedServer([answer_all(http_response())]) as server,
        httpx.Client(transport=ReplayTransport(idle_limit_s=0.0)) as client,
    ):
        client.get(server.url)
        client.get(server.url)

        assert server.connections == 2


def test_a_forked_process_makes_connections_of_its_own(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer([answer_all(http_response())]) as server:
        client.get(server.url)
        monkeypatch.setattr(os, "getpid", lambda: -1)  # as a child would see it
        client.get(server.url)
        client.get(server.url)

        assert server.connections == 2


def test_bytes_after_an_answer_end_the_connection(client: httpx.Client) -> None:
    with ScriptedServer([answer_all(http_response(b"ok") + b"HTTP/1.1 200 forged")]) as server:
        assert client.get(server.url).text == "ok"
        assert client.get(server.url).text == "ok"

        assert server.connections == 2


def test_a_connection_closed_while_idle_is_noticed_before_it_is_used(client: httpx.Client) -> None:
    closed = threading.Event()

    def answer_one(peer: Peer) -> None:
        peer.read_request()
        peer.send(http_response(b"first"))
        peer.sock.close()
        closed.set()

    with ScriptedServer([answer_one, answer_all(http_response(b"second"))]) as server:
        post(client, server.url, b"one")
        wait_until(closed)

        assert post(client, server.url, b"two").text == "second"
        assert [request.body for request in server.requests] == [b"one", b"two"]


def close_without_answer(peer: Peer) -> None:
    """Answer one request; read another, and close."""
    peer.read_request()
    peer.send(http_response(b"first"))
    peer.read_request()


def test_a_post_that_a_kept_connection_swallowed_is_not_sent_again(client: httpx.Client) -> None:
    with ScriptedServer([close_without_answer, answer_all(http_response(b"again"))]) as server:
        post(client, server.url, b"one")

        with pytest.raises(httpx.RemoteProtocolError):
            post(client, server.url, b"two")
        assert len(server.requests) == 2


def test_a_repeatable_post_that_a_kept_connection_swallowed_is_sent_again(
    client: httpx.Client,
) -> None:
    with ScriptedServer([close_without_answer, answer_all(http_response(b"again"))]) as server:
        post(client, server.url, b"one")

        assert post(client, server.url, b"two", replay_repeatable=True).text == "again"
        assert [request.body for request in server.requests] == [b"one", b"two", b"two"]


def test_a_get_that_a_kept_connection_swallowed_is_sent_again(client: httpx.Client) -> None:
    with ScriptedServer([close_without_answer, answer_all(http_response(b"again"))]) as server:
        client.get(server.url)

        assert client.get(server.url).text == "again"


def swallow(peer: Peer) -> None:
    """Read a request, and close."""
    peer.read_request()


def test_a_get_that_a_new_connection_swallowed_is_not_sent_again(client: httpx.Client) -> None:
    with ScriptedServer([swallow]) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(server.url)
        assert server.connections == 1


def test_a_post_cut_off_amid_its_body_on_a_kept_connection_is_sent_again(
    client: httpx.Client,
) -> None:
    def reset_amid_second(peer: Peer) -> None:
        peer.read_request()
        peer.send(http_response(b"first"))
        peer.read_head()
        peer.reset()

    body = bytes(BIG)
    with ScriptedServer([reset_amid_second, answer_all(http_response(b"again"))]) as server:
        post(client, server.url, b"one")

        assert post(client, server.url, body).text == "again"
        assert server.requests[-1].body == body


# --- answers that come early, late, broken or not at all


def test_an_answer_before_the_request_is_sent_is_taken(client: httpx.Client) -> None:
    taken = threading.Event()
    taken_while_open: list[bool] = []

    def refuse(peer: Peer) -> None:
        peer.read_head()
        peer.send(http_response(b"too large", 413))
        taken_while_open.append(taken.wait(20))

    with ScriptedServer([refuse]) as server:
        response = post(client, server.url, bytes(BIG))
        taken.set()

    assert (response.status_code, response.text) == (413, "too large")
    assert taken_while_open == [True]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"\x00\x01\x02 garbage\r\n\r\n", id="garbage"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", id="short_body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="cut_in_the_head"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, id="endless_head"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", id="huge_length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="bad_chunk_size"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
            id="chunk_longer_than_said",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", id="cut_in_a_chunk"
        ),
        pytest.param(b"HTTP/1.1 101 Switching\r\n\r\n", id="switching_protocols"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_broken_answer_is_a_protocol_error(client: httpx.Client, answer: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(answer)

    with ScriptedServer([script]) as server, pytest.raises(httpx.RemoteProtocolError):
        client.get(server.url)


def test_a_body_beyond_the_limit_is_refused_before_memory_is_taken() -> None:
    with (
        ScriptedServer([answer_all(http_response(b"12345"))]) as server,
        httpx.Client(transport=ReplayTransport(max_body_bytes=4)) as client,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        client.get(server.url)


def test_a_reset_instead_of_an_answer_is_a_read_error(client: httpx.Client) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.reset()

    with ScriptedServer([script]) as server, pytest.raises(httpx.ReadError):
        client.get(server.url)


def test_a_silent_server_is_a_read_timeout(client: httpx.Client) -> None:
    with (
        ScriptedServer([lambda peer: peer.wait_closed()]) as server,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.get(server.url, timeout=httpx.Timeout(5.0, read=0.05))


def test_a_server_that_does_not_read_is_a_write_timeout(client: httpx.Client) -> None:
    over = threading.Event()

    def read_nothing(peer: Peer) -> None:
        over.wait(20)

    with ScriptedServer([read_nothing]) as server:
        with pytest.raises(httpx.WriteTimeout):
            client.post(server.url, content=bytes(BIG), timeout=httpx.Timeout(5.0, write=0.05))
        over.set()


def test_a_slow_server_that_keeps_moving_is_not_a_timeout(client: httpx.Client) -> None:
    response = http_response(b"drop by drop")
    paced = threading.Event()

    def drip(peer: Peer) -> None:
        peer.read_request()
        for place in range(len(response)):
            peer.send(response[place : place + 1])
            paced.wait(0.002)

    with ScriptedServer([drip]) as server:
        answer = client.get(server.url, timeout=httpx.Timeout(5.0, read=2.0))

        assert answer.text == "drop by drop"


def test_nobody_listening_is_a_connect_error(client: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(httpx.ConnectError):
        client.get(f"http://127.0.0.1:{port}")


def test_an_unknown_host_is_a_connect_error(client: httpx.Client) -> None:
    with pytest.raises(httpx.ConnectError):
        client.get("http://no-such-host.invalid")


def test_another_scheme_is_refused(client: httpx.Client) -> None:
    with pytest.raises(httpx.UnsupportedProtocol):
        client.get("ftp://127.0.0.1/")


def test_a_request_beyond_the_connections_waits_and_then_times_out() -> None:
    taken, over = threading.Event(), threading.Event()

    def hold(peer: Peer) -> None:
        peer.read_request()
        taken.set()
        over.wait(20)
        peer.send(http_response(b"late"))

    with (
        ScriptedServer([hold]) as server,
        httpx.Client(transport=ReplayTransport(max_connections=1), timeout=10.0) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        first = pool.submit(client.get, server.url)
        wait_until(taken)

        with pytest.raises(httpx.PoolTimeout):
            client.get(server.url, timeout=httpx.Timeout(5.0, pool=0.05))
        over.set()
        assert first.result(20).text == "late"
        assert client.get(server.url).text == "late"


def test_a_line_break_in_a_header_is_refused(client: httpx.Client) -> None:
    with (
        ScriptedServer([answer_all(http_response())]) as server,
        pytest.raises(httpx.LocalProtocolError),
    ):
        client.get(server.url, headers={"x-name": "value\r\nx-forged: yes"})


def test_a_closed_transport_says_so() -> None:
    transport = ReplayTransport()
    transport.close()

    with pytest.raises(RuntimeError):
        transport.handle_request(httpx.Request("GET", "http://127.0.0.1:1"))


# --- other ways to connect, and many at once


def test_threads_share_the_transport_and_get_their_own_answers(client: httpx.Client) -> None:
    def echo(request: ReceivedRequest) -> bytes:
        return http_response(request.body)

    with ScriptedServer([answer_all(echo)]) as server, ThreadPoolExecutor(8) as pool:
        bodies = [b"%d" % number * (1 + number % 50) for number in range(400)]
        answers = pool.map(lambda body: post(client, server.url, body).content, bodies)

        assert list(answers) == bodies
        assert server.connections <= 8


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix domain sockets here")
def test_a_unix_domain_socket_is_used_whatever_the_host(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with (
        ScriptedServer([answer_all(http_response(b"by file"))], uds=path),
        httpx.Client(transport=ReplayTransport(uds=str(path))) as client,
    ):
        assert client.get("http://localhost/x").text == "by file"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate and its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate, and is not here")
    folder = tmp_path_factory.mktemp("tls")
    key, path = folder / "key.pem", folder / "certificate.pem"
    what = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    extension = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [openssl, *what.split(), *extension, "-keyout", str(key), "-out", str(path)],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + key.read_text())
    return path


def test_tls_carries_large_bodies_both_ways_and_keeps_the_connection(certificate: Path) -> None:
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate)
    client_context = ssl.create_default_context(cafile=str(certificate))
    body = np.random.default_rng(2).bytes(3_000_000)
    with (
        ScriptedServer(
            [answer_all(lambda request: http_response(request.body))],
            wrap=lambda sock: server_context.wrap_socket(sock, server_side=True),
        ) as server,
        httpx.Client(transport=ReplayTransport(ssl_context=client_context)) as client,
    ):
        url = server.url.replace("http:", "https:")
        for _ in range(3):
            assert post(client, url, b"head", body).extensions["replay_body"] == b"head" + body
        assert server.connections == 1


def test_a_certificate_that_is_not_trusted_is_a_connect_error(certificate: Path) -> None:
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate)

    def wrap(sock: socket.socket) -> socket.socket:
        try:
            return server_context.wrap_socket(sock, server_side=True)
        except ssl.SSLError as error:
            raise ConnectionError from error

    with (
        ScriptedServer([answer_all(http_response())], wrap=wrap) as server,
        httpx.Client(transport=ReplayTransport()) as client,
        pytest.raises(httpx.ConnectError),
    ):
        client.get(server.url.replace("http:", "https:"))


# --- any way the bytes may be cut up


class PiecewiseSocket:
    """A socket that takes and gives bytes in pieces of chosen sizes, then ends."""

    def __init__(self, incoming: bytes, sizes: list[int]) -> None:
        self.sent = b""
        self._incoming = incoming
        self._sizes = sizes
        self._turn = 0

    def _size(self) -> int:
        self._turn += 1
        return self._sizes[self._turn % len(self._sizes)]

    def setblocking(self, flag: bool) -> None:
        pass

    def settimeout(self, timeout_s: float | None) -> None:
        pass

    def sendmsg(self, buffers: list[memoryview], *_: Any) -> int:
        part = b"".join(buffers)[: self._size()]
        self.sent += part
        return len(part)

    def send(self, buffer: memoryview, *_: Any) -> int:
        return self.sendmsg([buffer])

    def recv_into(self, target: memoryview, *_: Any) -> int:
        part = self._incoming[: min(self._size(), len(target))]
        self._incoming = self._incoming[len(part) :]
        target[: len(part)] = part
        return len(part)


def connection_of(fake: PiecewiseSocket) -> Connection:
    sock: Any = fake
    return Connection(sock, max_head_bytes=65536, max_body_bytes=1 << 20)


SIZES = st.lists(st.integers(1, 300), min_size=1, max_size=8)


@given(
    st.binary(max_size=2000), SIZES, st.sampled_from(["sized", "chunked", "to_the_end"]), st.data()
)
def test_an_answer_is_the_same_however_it_is_cut_up(
    body: bytes, sizes: list[int], framing: str, data: st.DataObject
) -> None:
    if framing == "sized":
        answer = http_response(body)
    elif framing == "to_the_end":
        answer = b"HTTP/1.1 200 OK\r\n\r\n" + body
    else:
        answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        rest = body
        while rest:
            size = data.draw(st.integers(1, len(rest)))
            answer += b"%x\r\n%s\r\n" % (size, rest[:size])
            rest = rest[size:]
        answer += b"0\r\n\r\n"
    connection = connection_of(PiecewiseSocket(answer, sizes))

    raw = connection.exchange("GET", [[b"GET / HTTP/1.1\r\n\r\n"]], NO_WAIT)

    assert raw.head.status == 200
    assert bytes(raw.body) == body
    assert connection.reusable is (framing != "to_the_end")


@given(st.lists(st.lists(st.binary(max_size=400), max_size=8), max_size=4), SIZES)
def test_a_request_is_the_same_however_it_is_taken(
    parts: list[list[bytes]], sizes: list[int]
) -> None:
    fake = PiecewiseSocket(http_response(), sizes)
    buffers: Any = parts

    connection_of(fake).exchange("POST", buffers, NO_WAIT)

    assert fake.sent == b"".join(b"".join(part) for part in parts)


@given(st.binary(max_size=2000), SIZES)
def test_an_answer_cut_short_anywhere_is_an_error(body: bytes, sizes: list[int]) -> None:
    answer = http_response(body + b".")
    for length in {0, 1, len(answer) // 3, len(answer) // 2, len(answer) - 1}:
        connection = connection_of(PiecewiseSocket(answer[:length], sizes))

        with pytest.raises(httpx.RemoteProtocolError):
            connection.exchange("GET", [[b"GET / HTTP/1.1\r\n\r\n"]], NO_WAIT)
