"""docs/cli.md: the ready line, what it serves on, and the clean stop."""

import http.client
import json
import signal
import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.parse import quote, urlsplit

import pytest
import uvicorn

from replay_server.api.app import create_app
from replay_server.listening import listen
from replay_server.reloadable_files import ReloadableFiles
from replay_server.server import _Server, _StopSignal
from replay_server.settings import ServerSettings
from tests import server_process
from tests.contract.peer import Peer
from tests.replay_server.processes import Command

STOPS = pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
PATIENCE_S = 60


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def get(connection: socket.socket, path: str) -> tuple[int, bytes]:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    return answer_on(connection)


def answer_on(connection: socket.socket) -> tuple[int, bytes]:
    reply = http.client.HTTPResponse(connection)
    reply.begin()
    return reply.status, reply.read()


def get_from(url: str, path: str) -> tuple[int, bytes]:
    with connect(url) as connection:
        return get(connection, path)


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_S)


def request(url: str, method: str, path: str, document: object) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE_S)
    headers = {"Content-Type": "application/json"}
    connection.request(method, path, json.dumps(document), headers)
    status = connection.getresponse().status
    connection.close()
    return status


@STOPS
def test_it_says_where_it_serves_and_ends_with_0(tmp_path: Path, stop: signal.Signals):
    options = ("--port", "0", "--log-format", "json")
    with Command("serve", *options, folder=tmp_path) as command:
        line = command.ready_line()
        assert line.startswith("replay-server ready on http://127.0.0.1:")
        url = line.split()[-1]
        assert line == f"replay-server ready on {url}\n"
        assert get_from(url, "/readyz") == (200, b'{"status":"ok"}')

        command.send_signal(stop)

        assert command.ended() == (0, "")
    records = [json.loads(line) for line in command.errors().splitlines()]
    assert all({"time", "level", "logger", "message"} <= record.keys() for record in records)
    assert any("stopping" in record["message"] for record in records)


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
def test_ipv6_stands_in_brackets(tmp_path: Path):
    with Command("serve", "--host", "::1", "--port", "0", folder=tmp_path) as command:
        url = command.url()

        assert url.startswith("http://[::1]:")
        assert get_from(url, "/healthz")[0] == 200


def test_a_socket_file_is_served_replaced_when_left_over_and_removed(tmp_path: Path):
    path = tmp_path / "a socket"
    left_over = socket.socket(socket.AF_UNIX)
    left_over.bind(str(path))
    left_over.close()
    with Command("serve", "--uds", str(path), folder=tmp_path) as command:
        url = command.url()
        assert url == f"http+unix://{quote(str(path), safe='')}"
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            assert get(connection, "/healthz")[0] == 200

        with Command("serve", "--uds", str(path), folder=tmp_path / "..") as second:
            assert second.ended() == (1, "")  # somebody listens there
        assert path.exists()
        command.send_signal(signal.SIGTERM)

        assert command.ended() == (0, "")
    assert not path.exists()


def test_declared_tables_stand_at_the_start(tmp_path: Path):
    config = tmp_path / "server.toml"
    config.write_text(
        'port = 1\n[tables.fresh]\ncapacity = 5\n[tables."r.2"]\ncapacity = 6\nseed = 3\n'
        '[tables."r.2".columns]\n"observation/x" = {dtype = "<f4", shape = [2]}\n'
    )
    options = ("--config", str(config), "--port", "0")

    with Command("serve", *options, folder=tmp_path) as command:
        _, body = get_from(command.url(), "/v1/tables")

    tables = json.loads(body)["tables"]
    assert [table["name"] for table in tables] == ["fresh", "r.2"]
    assert tables[1]["spec"]["columns"] == {"observation/x": {"dtype": "<f4", "shape": [2]}}
    assert (tables[1]["spec"]["capacity"], tables[1]["spec"]["seed"]) == (6, 3)


@STOPS
def test_it_ends_with_0_while_it_is_still_starting(tmp_path: Path, stop: signal.Signals):
    path = tmp_path / "s"
    with Command("serve", "--uds", str(path), folder=tmp_path) as command:
        while not path.exists() and command.process.poll() is None:
            threading.Event().wait(0.005)  # it listens before it makes the application

        command.send_signal(stop)

        code, out = command.ended()
    assert code == 0
    assert out in ("", f"replay-server ready on http+unix://{quote(str(path), safe='')}\n")
    assert not path.exists()


def test_requests_under_way_are_answered_before_it_ends(tmp_path: Path):
    megabyte = 1 << 20
    data = {"dtype": "|u1", "shape": [1, megabyte], "data": [[0] * megabyte]}
    body = json.dumps({"columns": {"v": data}}).encode()
    head = (
        "POST /v1/tables/t/insert HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    wait = json.dumps({"batch_size": 1, "timeout": PATIENCE_S}).encode()
    wait_head = head.replace("insert", "sample").replace(str(len(body)), str(len(wait)))
    with Command("serve", "--port", "0", folder=tmp_path) as command:
        url = command.url()
        spec = {"capacity": 2, "rate_limiter": {"min_size": 2}}
        assert request(url, "PUT", "/v1/tables/t", spec) == 201
        inserting, waiting, idle = connect(url), connect(url), connect(url)
        with inserting, waiting, idle:
            inserting.sendall(head.encode() + body[: megabyte // 2])
            waiting.sendall(wait_head.encode() + wait)
            for _ in range(5):  # what was sent before has come to the server then
                assert request(url, "PUT", "/v1/tables/t", spec) == 200

            command.send_signal(signal.SIGTERM)

            status, answer = answer_on(waiting)
            assert (status, json.loads(answer)["code"]) == (503, "unavailable")
            assert idle.recv(1) == b""  # nobody new is served
            inserting.sendall(body[megabyte // 2 :])
            status, answer = answer_on(inserting)
            assert (status, json.loads(answer)["keys"]["data"]) == (200, [0])
        assert command.ended() == (0, "")


def test_a_stop_that_was_swallowed_while_it_started_is_not_forgotten(
    capsys: pytest.CaptureFixture[str],
):
    app = create_app(ServerSettings())
    stopped = cast("_StopSignal", SimpleNamespace(came=True))
    with listen("127.0.0.1", 0, None) as listener:
        server = _Server(
            uvicorn.Config(app),
            app.state.service,
            "http://x",
            stopped,
            ReloadableFiles(ServerSettings()),
        )

        server.run(sockets=[listener])  # returns

    assert not server.started
    assert capsys.readouterr().out == ""


_LIKE_ON_WINDOWS = """
import asyncio.selector_events

def add_reader(self, *_):
    raise NotImplementedError

asyncio.selector_events.BaseSelectorEventLoop.add_reader = add_reader
"""


def test_an_event_loop_that_cannot_wait_for_sockets_will_do(monkeypatch: pytest.MonkeyPatch):
    program = _LIKE_ON_WINDOWS + server_process._WITHOUT_FAST_PARTS
    monkeypatch.setattr(server_process, "_WITHOUT_FAST_PARTS", program)
    server = server_process.ServerProcess("--port=0", fast=False)

    with Peer(server.url) as peer:
        assert peer.get("/healthz").status == 200
    assert server.stop() == 0
