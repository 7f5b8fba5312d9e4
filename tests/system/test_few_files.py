"""Where the system lets a process have few files open, it refuses some, loses none, goes on."""

import http.client
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.contract.peer import Answer, Peer, TablePeer, array
from tests.server_process import ServerProcess

MOST_FILES = 256
NAMES = ("a", "b", "c", "d")
PATIENCE_S = 20.0


def start(data: Path) -> ServerProcess:
    return ServerProcess("--port=0", f"--data-dir={data}", most_files=MOST_FILES)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    process = start(tmp_path / "data")
    yield process
    process.kill()


def insert(peer: Peer, name: str, value: float, columns: tuple[str, ...] = NAMES) -> Answer:
    rows = {column: array("<f4", np.full((1, 2), value)) for column in columns}
    return TablePeer(peer, name).post("insert", {"columns": rows})


def fill_with_tables(peer: Peer) -> list[str]:
    """Make tables, which get their columns with their first row, until there is no file left."""
    made: list[str] = []
    while len(made) < MOST_FILES:
        name = f"t{len(made)}"
        assert peer.json("PUT", f"/v1/tables/{name}", {"capacity": 10}).status == 201
        answer = insert(peer, name, len(made))
        if answer.status != 200:
            assert (answer.status, answer.code) == (507, "storage_full")
            assert "files are open" in answer.document["detail"]
            return made
        made.append(name)
    raise AssertionError("there are always more files")


def values(peer: Peer, name: str) -> list[float]:
    answer = TablePeer(peer, name).post("scan", {})
    return [] if not answer.document["columns"] else answer.column("a")[:, 0].tolist()


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names are all that is asked


def test_tables_get_507_before_no_file_is_left_and_all_else_goes_on(server: ServerProcess):
    with Peer(server.url) as peer:
        made = fill_with_tables(peer)
        refused = f"t{len(made)}"
        taken = open_files(server.pid)

        for _ in range(5):
            assert insert(peer, refused, 1.0, ("other", "columns")).status == 507
            assert insert(peer, refused, 1.0).status == 507
        assert open_files(server.pid) == taken  # what was opened for them is closed
        assert TablePeer(peer, refused).stats()["rows"] == 0
        for number, name in enumerate(made):
            assert insert(peer, name, number + 0.5).status == 200
        assert peer.send("PUT", "/v1/parameters/p", b"weights").status == 200
        assert peer.json("POST", "/v1/checkpoints", {"name": "c"}).status == 201
        assert peer.send("GET", "/v1/checkpoints").document["checkpoints"][0]["name"] == "c"
        assert peer.send("DELETE", f"/v1/tables/{made[0]}").status == 204
        deadline = time.monotonic() + PATIENCE_S
        while insert(peer, refused, 1.0, ("other", "columns")).status == 507:
            assert time.monotonic() < deadline, "the files of the table that went are kept"


def test_a_server_opens_again_whatever_it_had_open(server: ServerProcess, tmp_path: Path):
    with Peer(server.url) as peer:
        made = fill_with_tables(peer)
        refused = f"t{len(made)}"
    server.kill()
    again = start(tmp_path / "data")
    try:
        with Peer(again.url) as peer:
            for number, name in enumerate(made):
                assert values(peer, name) == [number]
                assert insert(peer, name, 0.5).status == 200
            assert TablePeer(peer, refused).stats()["rows"] == 0
            assert insert(peer, refused, 1.0).status == 507
    finally:
        assert again.stop() == 0


def test_a_flood_of_connections_beside_many_tables_is_told_to_come_again(server: ServerProcess):
    flood: list[socket.socket] = []
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    with Peer(server.url) as peer:
        made = fill_with_tables(peer)
        try:
            statuses = []
            for _ in range(100):
                connection = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
                flood.append(connection)
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                reply = http.client.HTTPResponse(connection)
                reply.begin()
                document = json.loads(reply.read())
                statuses.append(reply.status)
            assert statuses.count(200) > 20
            assert statuses[-1] == 503
            assert document["code"] == "unavailable"
            assert reply.headers["retry-after"] == "1"
            before, began = processor_seconds(server.pid), time.monotonic()

            assert insert(peer, made[0], 7.0).status == 200
            assert peer.send("PUT", "/v1/parameters/p", b"weights").status == 200
            assert peer.json("POST", "/v1/checkpoints", {}).status == 201
            for path in ("/metrics", "/v1/activity", "/v1/info", "/", "/v1/checkpoints"):
                assert peer.send("GET", path).status == 200

            spent, passed = processor_seconds(server.pid) - before, time.monotonic() - began
            assert spent < 0.5 + 0.5 * passed
        finally:
            for connection in flood:
                connection.close()
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with Peer(server.url) as peer:
            if peer.send("GET", "/healthz").status == 200:
                return
        assert time.monotonic() < deadline, "nobody is let in any more"
