"""More at once than the server can work on: refused soon, with nothing changed."""

import http.client
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator

import msgpack
import pytest

from agent_client import ReplayClient
from replay_server.turns import FEW
from tests.contract.peer import Peer, TablePeer
from tests.server_process import ServerProcess

CROWD = 5 * FEW // 2
DRAWS = 60_000  # some 5 ms of work
PATIENCE_S = 120.0


@pytest.fixture(scope="module", params=[True, False], ids=["uvloop", "asyncio"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    server = ServerProcess("--port=0", fast=request.param)
    yield server.url
    assert server.stop() == 0


@pytest.fixture
def table(url: str) -> Iterator[TablePeer]:
    with Peer(url) as peer:
        table = TablePeer(peer, "crowded").make(capacity=1000)
        yield table
        peer.send("DELETE", table.path)


def ask_all(table: TablePeer, count: int) -> list[socket.socket]:
    """Have each of many connections ask for a draw that takes long."""
    host, _, port = table.peer.address.rpartition(":")
    crowd = [socket.create_connection((host, int(port)), timeout=PATIENCE_S) for _ in range(count)]
    body = msgpack.packb({"batch_size": DRAWS, "columns": []})
    head = f"POST {table.path}/sample HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    for one in crowd:
        one.sendall(head.encode() + body)
    return crowd


def test_a_crowd_is_refused_in_part_and_soon_and_others_are_answered_meanwhile(table: TablePeer):
    table.fill(range(1000))
    began = time.monotonic()
    crowd = ask_all(table, CROWD)
    health_s = []
    outcomes: Counter[str] = Counter()
    for one in crowd:
        before = time.monotonic()
        assert table.peer.get("/healthz").status == 200
        health_s.append(time.monotonic() - before)
        reply = http.client.HTTPResponse(one)
        reply.begin()
        document = msgpack.unpackb(reply.read())
        outcomes["drawn" if reply.status == 200 else document["code"]] += 1
        if reply.status != 200:
            assert (reply.status, reply.getheader("retry-after")) == (503, "1")
        one.close()
    took = time.monotonic() - began

    assert outcomes["drawn"] >= FEW  # those in line at the end are not many
    assert outcomes["unavailable"] == CROWD - outcomes["drawn"] > 0
    assert table.stats()["sampled_total"] == outcomes["drawn"] * DRAWS
    assert sorted(health_s)[CROWD // 2] < took / 20
    assert max(health_s) < took / 3


def test_a_few_are_all_served_however_long_it_takes(table: TablePeer):
    table.fill(range(1000))
    crowd = ask_all(table, FEW // 2)
    for one in crowd:
        reply = http.client.HTTPResponse(one)
        reply.begin()
        reply.read()
        one.close()
        assert reply.status == 200


def test_a_client_asks_again_when_it_was_told_to_and_gets_its_draw(url: str, table: TablePeer):
    key = table.fill(range(1000))[0]
    failures: list[Exception] = []
    with Peer(url) as other, ReplayClient(url) as client:
        crowd = ask_all(table, CROWD)

        def ask() -> None:
            try:
                client.update_priorities(table.name, [key], [1.0])
            except Exception as error:  # noqa: BLE001 - told below
                failures.append(error)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for one in crowd:
            reply = http.client.HTTPResponse(one)
            reply.begin()
            reply.read()
            one.close()
        for thread in threads:
            thread.join()

        assert failures == []
        assert other.get(table.path).document["stats"]["updated_total"] == len(threads)


def test_as_many_connections_as_come_at_once_are_let_in_or_told(url: str):
    host, _, port = url.removeprefix("http://").rpartition(":")
    crowd = [socket.create_connection((host, int(port)), timeout=PATIENCE_S) for _ in range(500)]
    for one in crowd:
        one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    for one in crowd:
        reply = http.client.HTTPResponse(one)
        reply.begin()
        assert json.loads(reply.read()) == {"status": "ok"}
        one.close()
