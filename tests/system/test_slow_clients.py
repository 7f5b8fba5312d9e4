"""Clients that are slow, or gone, stall nobody else and hold no more memory than they may."""

import contextlib
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest

from tests.contract.peer import Peer, TablePeer, array
from tests.server_process import ServerProcess

CROWD = 24
ANSWER_BYTES = 14 << 20
TIMEOUT_S = 4
PATIENCE_S = 60.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


@pytest.fixture(params=[True, False], ids=["httptools", "h11"])
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    timeouts = (f"--request-timeout={TIMEOUT_S}", f"--answer-timeout={TIMEOUT_S}")
    process = ServerProcess("--port=0", *timeouts, fast=request.param)
    yield process
    assert process.stop() == 0


def resident_bytes(server: ServerProcess) -> int:
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) << 10


def connect(server: ServerProcess) -> socket.socket:
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)


def median_latency_s(table: TablePeer) -> float:
    """Of small requests that insert and draw."""
    seconds = []
    for number in range(60):
        began = time.perf_counter()
        assert table.insert([number]).status == 200
        assert table.sample(8).status == 200
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def test_slow_senders_and_slow_readers_stall_nobody(server: ServerProcess):
    with Peer(server.url) as peer, contextlib.ExitStack() as crowd:
        small = TablePeer(peer, "small").make()
        small.fill(range(20))
        rows, row_bytes = 14, ANSWER_BYTES // 14
        large = TablePeer(peer, "large").make(
            capacity=rows, columns={"v": {"dtype": "|u1", "shape": [row_bytes]}}
        )
        large.post("insert", {"columns": {"v": array("|u1", [[7] * row_bytes] * rows)}})
        assert large.sample(rows).status == 200
        quiet_s, before = median_latency_s(small), resident_bytes(server)

        body = msgpack.packb({"batch_size": rows})
        head = f"POST {large.path}/sample HTTP/1.1\r\nHost: x\r\nContent-Length: "
        for _ in range(CROWD):
            reader = crowd.enter_context(connect(server))
            reader.sendall(f"{head}{len(body)}\r\n\r\n".encode() + body)
            sender = crowd.enter_context(connect(server))
            sender.sendall(f"{head}{len(body)}\r\n\r\n".encode() + body[:3])
        peer.settle()
        crowded_s, with_crowd = median_latency_s(small), resident_bytes(server)

        # h11 on asyncio's loop copies what is not taken yet, some of it twice.
        assert with_crowd - before < 3.5 * CROWD * ANSWER_BYTES
        assert crowded_s < 5 * quiet_s + 0.02

        deadline = time.monotonic() + PATIENCE_S
        while resident_bytes(server) - before > 4 * ANSWER_BYTES:  # who was slow is cut off
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert large.sample(rows).status == 200
