"""Section 8 of docs/protocol.md: checkpoints, and what a restart leaves as it was."""

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from tests.contract.peer import Peer, TablePeer, array
from tests.server_process import ServerProcess


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def kept_url(folder: Path) -> Iterator[str]:
    """The URL of a server with a data directory."""
    server = ServerProcess("--port=0", f"--data-dir={folder}")
    yield server.url
    assert server.stop() == 0


@pytest.fixture
def kept(kept_url: str) -> Iterator[TablePeer]:
    """A table on that server, which holds no other."""
    with Peer(kept_url) as peer:
        for table in peer.get("/v1/tables").document["tables"]:
            peer.send("DELETE", f"/v1/tables/{table['name']}")
        yield TablePeer(peer, "t").make(seed=3)


def write(peer: Peer, name: str):
    return peer.json("POST", "/v1/checkpoints", {"name": name})


def restore(peer: Peer, name: str):
    return peer.send("POST", f"/v1/checkpoints/{name}/restore")


def test_a_checkpoint_tells_what_it_holds(kept: TablePeer):
    kept.fill(range(7))
    other = TablePeer(kept.peer, "u").make()
    other.fill([1])

    answer = write(kept.peer, "one")

    assert answer.status == 201
    assert answer.document == {
        "name": "one",
        "tables": 2,
        "rows": 8,
        "bytes": answer.document["bytes"],
    }
    assert answer.document["bytes"] >= 8 * 8
    assert answer.document in kept.peer.get("/v1/checkpoints").document["checkpoints"]


def test_a_checkpoint_without_a_name_gets_one(kept: TablePeer):
    first, second = (kept.peer.send("POST", "/v1/checkpoints") for _ in range(2))

    assert (first.status, second.status) == (201, 201)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", first.document["name"])
    assert first.document["name"] != second.document["name"]


def test_a_restored_table_is_what_it_was(kept: TablePeer):
    keys = kept.fill(range(20), [1.0 + number for number in range(20)])
    kept.insert([20], writer={"id": "w", "sequence": 4})
    kept.update(keys[:3], [50.0, 0.0, 7.0])
    kept.sample(5)
    before, stats = kept.contents(), kept.stats()
    write(kept.peer, "exact")
    expected = kept.sample(8).document
    kept.fill(range(60))
    kept.update(keys, [1e6] * 20)

    assert restore(kept.peer, "exact").status == 200

    assert kept.contents() == before
    assert kept.stats() == stats
    assert kept.insert([0], writer={"id": "w", "sequence": 4}).document["duplicate"] is True
    assert kept.insert([0], writer={"id": "w", "sequence": 3}).code == "stale_sequence"
    assert kept.sample(8).document == expected  # the random generator goes on from there, too


def test_a_restore_replaces_all_tables(kept: TablePeer):
    kept.fill([1, 2])
    write(kept.peer, "before")
    TablePeer(kept.peer, "later").make()
    kept.peer.send("DELETE", kept.path)

    restore(kept.peer, "before")

    assert [one["name"] for one in kept.peer.get("/v1/tables").document["tables"]] == ["t"]
    assert sorted(x for x, _ in kept.contents().values()) == [1, 2]


def test_keys_never_go_back_after_a_restore(kept: TablePeer):
    old = kept.fill(range(90))
    write(kept.peer, "keys")
    issued = max(kept.fill(range(50)))
    restore(kept.peer, "keys")

    new = kept.fill(range(50))

    assert min(new) > issued
    assert sorted(kept.contents()) == [*old[40:], *new]


def test_one_of_a_name_is_replaced(kept: TablePeer):
    write(kept.peer, "again")
    kept.fill([5])

    assert write(kept.peer, "again").document["rows"] == 1

    found = kept.peer.get("/v1/checkpoints").document["checkpoints"]
    assert [one["rows"] for one in found if one["name"] == "again"] == [1]


def test_a_deleted_checkpoint_is_unknown(kept: TablePeer):
    write(kept.peer, "gone")

    assert kept.peer.send("DELETE", "/v1/checkpoints/gone").status == 204

    for answer in (
        kept.peer.send("DELETE", "/v1/checkpoints/gone"),
        restore(kept.peer, "gone"),
    ):
        assert (answer.status, answer.code) == (404, "unknown_checkpoint")


def test_a_bad_name_of_a_checkpoint_is_invalid(kept: TablePeer):
    for answer in (write(kept.peer, "../up"), write(kept.peer, ""), restore(kept.peer, "-a")):
        assert (answer.status, answer.code) == (422, "invalid_request")
        assert answer.document["field"] == "name"


def test_without_a_data_directory_there_are_no_checkpoints(peer: Peer):
    for answer in (
        peer.json("POST", "/v1/checkpoints", {}),
        peer.get("/v1/checkpoints"),
        peer.send("POST", "/v1/checkpoints/a/restore"),
        peer.send("DELETE", "/v1/checkpoints/a"),
    ):
        assert (answer.status, answer.code) == (422, "invalid_request")


def test_who_waits_at_a_restore_is_sent_away(kept: TablePeer):
    write(kept.peer, "empty")
    waiting = kept.wait_for_sample(1)

    restore(kept.peer, "empty")

    answer = waiting.answer()
    assert (answer.status, answer.code) == (503, "unavailable")
    assert "retry-after" in answer.headers


def wide_rows(numbers: Sequence[int]) -> dict[str, Any]:
    """An insert of rows of 4 kB, so that a checkpoint takes its time."""
    wide = array("|u1", np.zeros((len(numbers), 4096)))
    return {"columns": {"x": array("<i8", numbers), "wide": wide}}


def test_a_checkpoint_is_of_one_instant_and_others_go_on_meanwhile(kept: TablePeer):
    tables = [TablePeer(kept.peer, name).make(capacity=2_000) for name in ("a", "b")]
    for table in tables:
        assert table.post("insert", wide_rows(range(2_000))).status == 200
    answers: list[int] = []

    def write_aside() -> None:
        with Peer(f"http://{kept.peer.address}") as peer:
            answers.append(write(peer, "instant").status)

    writing, done_meanwhile = Thread(target=write_aside), 0
    writing.start()
    while writing.is_alive():  # numbers go into the first table before they do into the other
        for table in tables:
            assert table.post("insert", wide_rows([50_000 + done_meanwhile])).status == 200
            assert table.sample(1, columns=["x"]).status == 200
        done_meanwhile += 1
    writing.join()
    assert answers == [201]
    assert done_meanwhile > 3

    restore(kept.peer, "instant")

    ahead, behind = ({x for x, _ in table.contents().values()} for table in tables)
    assert len(ahead) == len(behind) == 2_000
    assert len(ahead - behind) <= 1
    assert behind - ahead <= {min(behind)}  # what the first table's newest row has overwritten


def test_what_is_half_written_is_not_listed(kept: TablePeer, folder: Path):
    whole = write(kept.peer, "whole").document
    (source,) = (folder / "checkpoints").glob("whole@*")
    half = shutil.copytree(source, folder / "checkpoints" / "half@00000001")
    (half / "state").unlink()  # what is written last
    shutil.copytree(source, folder / "checkpoints" / "begun@00000001.partial")

    found = kept.peer.get("/v1/checkpoints").document["checkpoints"]

    assert whole in found
    assert not {"half", "begun"} & {one["name"] for one in found}
    shutil.rmtree(half)


def test_the_server_is_not_ready_while_it_restores(kept: TablePeer):
    put(kept.peer, "ballast", bytes(32 << 20))
    write(kept.peer, "large")
    answers: list[int] = []

    def restore_aside() -> None:
        with Peer(f"http://{kept.peer.address}") as peer:
            answers.append(restore(peer, "large").status)

    restoring = Thread(target=restore_aside)
    restoring.start()
    seen = {kept.peer.get("/readyz").status}
    while restoring.is_alive():
        seen.add(kept.peer.get("/readyz").status)
    restoring.join()

    assert answers == [200]
    assert seen <= {200, 503}
    assert 503 in seen
    assert kept.peer.get("/readyz").status == 200


def test_a_restart_goes_on_with_the_saved_random_state(tmp_path: Path):
    options = ("--port=0", f"--data-dir={tmp_path}")
    server = ServerProcess(*options)
    with Peer(server.url) as peer:
        one, other = TablePeer(peer, "one").make(seed=5), TablePeer(peer, "other").make(seed=5)
        one.fill(range(50))
        other.fill(range(50))
        assert one.sample(7).document["keys"] == other.sample(7).document["keys"]
        expected = one.sample(9).document["keys"]
    assert server.stop() == 0

    server = ServerProcess(*options)
    with Peer(server.url) as peer:
        assert TablePeer(peer, "other").sample(9).document["keys"] == expected
        assert TablePeer(peer, "one").sample(9).document["keys"] != expected
    assert server.stop() == 0


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_killed_server_comes_back_with_everything(tmp_path: Path, durability: str):
    options = ("--port=0", f"--data-dir={tmp_path}", f"--durability={durability}")
    server = ServerProcess(*options)
    with Peer(server.url) as peer:
        table = TablePeer(peer, "t").make(max_times_sampled=3)
        keys = table.fill(range(90), [2.0] * 90) + table.fill(range(60), [3.0] * 60)
        table.update(keys[60:70], [9.0] * 10)
        table.delete(keys[70:75])
        table.sample(60)
        table.insert([7], writer={"id": "w", "sequence": 9})
        before, stats = table.contents(), table.stats()
    server.kill()

    server = ServerProcess(*options)
    with Peer(server.url) as peer:
        table = TablePeer(peer, "t")
        assert table.contents() == before
        assert table.stats() == stats
        assert table.insert([7], writer={"id": "w", "sequence": 9}).document["duplicate"]
        assert min(table.fill([1])) > max(before)
    assert server.stop() == 0


def put(peer: Peer, name: str, content: bytes) -> int:
    version: int = peer.send("PUT", f"/v1/parameters/{name}", content).document["version"]
    return version


def test_parameters_are_restored_under_new_versions(kept: TablePeer):
    peer, large = kept.peer, bytes(range(256)) * 10_000
    put(peer, "policy", large)
    first = put(peer, "policy", large)
    smaller = write(peer, "without").document["bytes"]
    put(peer, "extra", b"x")
    assert write(peer, "with").document["bytes"] == smaller + 1
    last = put(peer, "policy", b"later")
    later = put(peer, "later", b"goes")

    assert restore(peer, "without").status == 200

    answer = peer.get("/v1/parameters/policy")
    assert answer.body == large
    assert int(answer.headers["x-parameters-version"]) > last > first
    for name in ("extra", "later"):
        assert peer.get(f"/v1/parameters/{name}").code == "unknown_parameters"
    assert put(peer, "later", b"again") > later


@pytest.mark.parametrize("durability", ["process", "memory"])
def test_a_server_that_starts_from_a_checkpoint_has_its_parameters(tmp_path: Path, durability: str):
    options = ("--port=0", f"--data-dir={tmp_path}", f"--durability={durability}")
    server = ServerProcess(*options)
    with Peer(server.url) as peer:
        put(peer, "policy", b"old")
        write(peer, "one")
        put(peer, "policy", b"new")
    assert server.stop() == 0

    server = ServerProcess(*options, "--restore=one", "--discard-existing")
    with Peer(server.url) as peer:
        assert peer.get("/v1/parameters/policy").body == b"old"
    assert server.stop() == 0


def test_a_restore_that_the_server_died_at_is_done_at_its_next_start(tmp_path: Path):
    options = ("--port=0", f"--data-dir={tmp_path}")
    server = ServerProcess(*options)
    with Peer(server.url) as peer:
        table = TablePeer(peer, "t").make()
        table.fill([1])
        put(peer, "policy", b"old")
        write(peer, "one")
        table.fill([2])
        put(peer, "policy", b"new")
    server.kill()
    mark = tmp_path / "checkpoints" / "RESTORING"
    mark.write_text("one@00000001")  # as it is between the tables and the parameters

    for _ in range(2):
        server = ServerProcess(*options)
        assert not mark.exists()
        with Peer(server.url) as peer:
            table = TablePeer(peer, "t")
            answer = peer.get("/v1/parameters/policy")
            assert (answer.body, answer.headers["x-parameters-version"]) == (b"old", "3")
            assert [x for x, _ in table.contents().values()] == [1]
        assert server.stop() == 0
