"""On a full or read-only disk, what was acknowledged stays, and is read, drawn and changed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.contract.peer import Answer, Peer, TablePeer, array
from tests.replay_server.processes import Command
from tests.server_process import ServerProcess
from tests.system.small_disk import SmallDisk, small_disk
from tests.system.test_kills import MortalServer

__all__ = ["small_disk"]

ROW = 8 << 10
COLUMNS = {
    "x": {"dtype": "<i8", "shape": []},
    "bytes": {"dtype": "|u1", "shape": [ROW]},
}
DURABILITY = pytest.mark.parametrize("durability", ["process", "power"])


def insert(table: TablePeer, first: int, count: int = 50) -> Answer:
    numbers = np.arange(first, first + count)
    rows = np.repeat((numbers % 251)[:, None], ROW, axis=1)
    columns = {"x": array("<i8", numbers), "bytes": array("|u1", rows)}
    return table.post("insert", {"columns": columns})


def numbers_of(table: TablePeer) -> list[int]:
    """The numbers of all rows, none of which is torn."""
    found: list[int] = []
    after, more = -1, True
    while more:
        answer = table.post("scan", {"after": after, "limit": 1000})
        assert answer.status == 200
        rows = answer.column("bytes")
        assert (rows == (answer.column("x") % 251)[:, None]).all(), "a torn row"
        found += answer.column("x").tolist()
        after, more = int(answer.array("keys")[-1]), answer.document["more"]
    return found


class Server:
    """A server on a disk, and its tables: a ring, a queue, and one whose columns come first."""

    def __init__(self, data: Path, durability: str) -> None:
        self._options = ["--port=0", f"--data-dir={data}", f"--durability={durability}"]
        self._start()

    def _start(self) -> None:
        self.process = ServerProcess(*self._options)
        self.peer = Peer(self.process.url)
        self.ring, self.queue = TablePeer(self.peer, "ring"), TablePeer(self.peer, "queue")

    def make_tables(self) -> None:
        assert self.ring.put(capacity=100_000).status == 201
        limiter = {"kind": "queue", "size": 3000}
        assert self.queue.put(capacity=3000, columns=COLUMNS, rate_limiter=limiter).status == 201

    def restart(self) -> None:
        self.peer.close()
        self.process.kill()
        self._start()

    def stop(self) -> None:
        self.peer.close()
        self.process.stop()


@pytest.fixture
def server(small_disk: SmallDisk, durability: str) -> Iterator[Server]:
    server = Server(small_disk.data, durability)
    server.make_tables()
    yield server
    server.stop()


def insert_until_full(table: TablePeer, first: int) -> int:
    """Insert until there is no room; return the next number."""
    for start in range(first, first + 100_000, 50):
        answer = insert(table, start)
        if answer.status != 200:
            assert (answer.status, answer.code) == (507, "storage_full")
            return start
    raise AssertionError("the disk is never full")


@DURABILITY
def test_a_full_disk_takes_nothing_in_and_loses_nothing(server: Server, small_disk: SmallDisk):
    small_disk.take(20 << 20)
    assert insert(server.ring, 0).status == insert(server.queue, 0, 400).status == 200
    assert server.peer.send("PUT", "/v1/parameters/p", b"good").status == 200
    filled = insert_until_full(server.ring, 50)
    small_disk.fill()

    assert insert(server.ring, filled).code == "storage_full"
    assert server.peer.json("PUT", "/v1/tables/new", {"capacity": 5000}).code == "storage_full"
    assert server.peer.json("POST", "/v1/checkpoints", {}).code == "storage_full"
    assert server.peer.send("PUT", "/v1/parameters/p", bytes(10**6)).status == 507
    assert server.peer.send("GET", "/v1/parameters/p").body == b"good"
    assert numbers_of(server.ring) == list(range(filled))
    server.restart()
    assert numbers_of(server.ring) == list(range(filled))
    assert server.peer.send("GET", "/v1/parameters/p").body == b"good"
    assert insert(server.ring, filled).status == 507

    small_disk.clear()

    for start in range(filled, filled + 500, 50):
        assert insert(server.ring, start).status == 200
    assert server.peer.send("PUT", "/v1/parameters/p", b"better").status == 200
    server.restart()
    assert numbers_of(server.ring) == list(range(filled + 500))
    assert numbers_of(server.queue) == list(range(400))


@pytest.mark.parametrize("durability", ["process", pytest.param("power", marks=pytest.mark.slow)])
def test_on_a_full_disk_draws_updates_and_deletes_go_on(server: Server, small_disk: SmallDisk):
    insert(server.queue, 0, 1000)
    filled = insert_until_full(server.ring, 0)
    small_disk.fill()
    keys = server.ring.post("scan", {"limit": 10_000, "columns": ["x"]}).array("keys")
    rng = np.random.default_rng(3)
    drawn = 0

    for number in range(400):  # more than what is kept in hand for them would hold
        assert server.ring.post("sample", {"batch_size": 1024, "columns": ["x"]}).status == 200
        some = rng.choice(keys, 1024).tolist()
        assert server.ring.update(some, rng.random(1024).tolist()).status == 200
        drawn += 1024
        if number in (1, 250):
            server.restart()
    taken = server.queue.post("sample", {"batch_size": 500, "columns": ["x"]})
    assert server.ring.post("delete", {"keys": array("<i8", keys[:10])}).status == 200
    server.restart()

    assert taken.column("x").tolist() == list(range(500))
    assert numbers_of(server.queue) == list(range(500, 1000))
    assert numbers_of(server.ring) == list(range(10, filled))
    stats = server.ring.stats()
    assert stats["updated_total"] == stats["sampled_total"] == drawn


@pytest.mark.parametrize("durability", ["process"])
def test_dropping_a_table_makes_room_on_a_full_disk(server: Server, small_disk: SmallDisk):
    insert(server.queue, 0, 1500)
    filled = insert_until_full(server.ring, 0)
    small_disk.fill()

    assert server.peer.send("DELETE", server.queue.path).status == 204

    server.restart()  # its files are removed a little later, and now for certain
    for start in range(filled, filled + 300, 50):
        assert insert(server.ring, start).status == 200
    assert numbers_of(server.ring) == list(range(filled + 300))


def test_a_data_directory_on_a_read_only_disk_is_refused(tmp_path: Path, small_disk: SmallDisk):
    ServerProcess("--port=0", f"--data-dir={small_disk.data}").stop()
    small_disk.remount("ro")

    with Command("serve", "--port=0", f"--data-dir={small_disk.data}", folder=tmp_path) as command:
        assert command.ended() == (2, "")
        assert str(small_disk.data) in command.errors()
        assert "Read-only" in command.errors()


def test_a_new_data_directory_on_a_full_disk_is_refused(tmp_path: Path, small_disk: SmallDisk):
    small_disk.fill()

    with Command("serve", "--port=0", f"--data-dir={small_disk.data}", folder=tmp_path) as command:
        assert command.ended() == (2, "")
        assert str(small_disk.data) in command.errors()


def test_a_disk_that_becomes_read_only_shows_what_was_acknowledged(tmp_path: Path):
    data = tmp_path / "data"
    server = MortalServer(data, "read-only:30")
    url = server.url()
    assert url is not None
    with Peer(url) as peer:
        ring = TablePeer(peer, "ring")
        ring.put(capacity=10_000)
        filled = insert_until_full(ring, 0)
        assert filled > 500

        assert numbers_of(ring) == list(range(filled))
        assert ring.stats()["inserted_total"] == filled
        refused = [
            insert(ring, filled),
            ring.sample(4),
            ring.update([0], [1.0]),
            peer.json("PUT", "/v1/tables/new", {"capacity": 5}),
            peer.send("PUT", "/v1/parameters/p", b"bytes"),
            peer.json("POST", "/v1/checkpoints", {}),
        ]
        assert [answer.code for answer in refused] == ["storage_full"] * len(refused)
        assert peer.get("/readyz").status == 200
    assert not server.end(0.0)

    again = ServerProcess("--port=0", f"--data-dir={data}")
    with Peer(again.url) as peer:
        ring = TablePeer(peer, "ring")
        assert numbers_of(ring) == list(range(filled))
        assert insert(ring, filled).status == 200
    again.stop()
