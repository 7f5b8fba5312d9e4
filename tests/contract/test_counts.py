"""Section 9: limits of how many there may be: all of them are served, one more is refused."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.contract.peer import (
    JSON,
    LONG_S,
    MSGPACK,
    Answer,
    Peer,
    TablePeer,
    WaitingRequest,
    array,
    values_of,
)
from tests.server_process import ServerProcess

WAITING = 3
ONE_BYTE = {"x": {"dtype": "|u1", "shape": []}}


@pytest.fixture
def own_peer() -> Iterator[Peer]:
    """A connection to a server that the test has for itself, where few may wait."""
    server = ServerProcess("--port=0", f"--max-waiting-requests={WAITING}")
    with Peer(server.url) as connection:
        yield connection
    assert server.stop() == 0


def limit(peer: Peer, name: str) -> int:
    told: int = peer.get("/v1/info").document["limits"][name]
    return told


def assert_too_large(answer: Answer, most: int) -> None:
    assert (answer.status, answer.code, answer.document["limit"]) == (413, "too_large", most)


def test_tables_have_a_limit(own_peer: Peer):
    most = limit(own_peer, "max_tables")
    tables = [TablePeer(own_peer, f"t{number}") for number in range(most + 1)]
    for table in tables[:-1]:
        assert table.put(capacity=1).status == 201

    assert_too_large(tables[-1].put(capacity=1), most)
    assert tables[0].put(capacity=1).status == 200  # none that comes on top
    assert own_peer.get(tables[-1].path).status == 404
    assert len(own_peer.get("/v1/tables").document["tables"]) == most
    own_peer.send("DELETE", tables[0].path)
    assert tables[-1].put(capacity=1).status == 201


def test_requests_that_wait_have_a_limit(own_peer: Peer):
    table = TablePeer(own_peer, "t").make(rate_limiter={"kind": "min_size", "min_size": 1})
    waiting = [table.wait_for_sample(1) for _ in range(WAITING)]

    refused = table.sample(1, timeout=LONG_S)
    at_once = table.sample(1)

    assert (refused.status, refused.code, refused.headers["retry-after"]) == (
        503,
        "unavailable",
        "1",
    )
    assert at_once.code == "rate_limited"  # one that does not wait is none of them
    waiting.pop().hang_up()
    own_peer.settle()
    waiting.append(table.wait_for_sample(1))
    table.fill([1])
    assert [one.answer().status for one in waiting] == [200] * WAITING
    assert table.stats()["sampled_total"] == WAITING


def test_requests_that_wait_for_parameters_have_the_same_limit(own_peer: Peer):
    path = f"/v1/parameters/p?wait={LONG_S}"
    waiting = [WaitingRequest(own_peer, path, None, "GET") for _ in range(WAITING)]

    refused = own_peer.get(path)

    assert (refused.status, refused.code, refused.headers["retry-after"]) == (
        503,
        "unavailable",
        "1",
    )
    waiting.pop().hang_up()
    own_peer.settle()
    waiting.append(WaitingRequest(own_peer, path, None, "GET"))
    assert own_peer.send("PUT", "/v1/parameters/p", b"x").status == 200
    assert [one.answer().status for one in waiting] == [200] * WAITING


def test_rows_of_an_insert_have_a_limit(table: TablePeer):
    most = limit(table.peer, "max_rows_per_insert")
    table.make(capacity=most + 1, columns=ONE_BYTE)

    def insert(count: int, sequence: int) -> Answer:
        rows = {"x": array("|u1", np.ones(count, np.uint8))}
        stamp = {"id": "w", "sequence": sequence}
        return table.post("insert", {"columns": rows, "writer": stamp})

    assert_too_large(insert(most + 1, 1), most)
    assert table.stats()["inserted_total"] == 0
    assert insert(most, 1).document["duplicate"] is False
    assert table.stats()["rows"] == most


def test_keys_of_an_update_and_of_a_delete_have_a_limit(table: TablePeer):
    table.make()
    key = table.fill([5])[0]
    most = limit(table.peer, "max_keys_per_request")

    def both(count: int) -> tuple[dict[str, Any], dict[str, Any]]:
        keys = array("<i8", np.full(count, key))
        return {"keys": keys, "priorities": array("<f4", np.full(count, 2.0))}, {"keys": keys}

    update, delete = both(most + 1)
    draw = {"batch_size": 1, "update": update}
    assert_too_large(table.post("update-priorities", update), most)
    assert_too_large(table.post("delete", delete), most)
    assert_too_large(table.post("sample", draw), most)
    mixed = {"parts": [{"table": table.name, **draw}]}
    assert_too_large(table.peer.msgpack("POST", "/v1/sample", mixed), most)
    stats = table.stats()
    assert (stats["updated_total"], stats["stale_total"], stats["sampled_total"]) == (0, 0, 0)
    assert table.contents() == {key: (5, 1.0)}

    update, delete = both(most)
    assert table.post("update-priorities", update).document["updated"] == most
    assert table.contents() == {key: (5, 2.0)}
    assert table.post("delete", delete).document == {"deleted": 1, "stale": most - 1}


def steps_of(streams: list[int], *, last: bool = False) -> dict[str, Any]:
    count = len(streams)
    flags = np.zeros(count, np.bool_)
    return {
        "columns": {
            "observation": array("|u1", flags),
            "action": array("|u1", flags),
            "reward": array("<f4", flags),
            "is_first": array("|b1", flags),
            "is_last": array("|b1", flags | last),
            "is_terminal": array("|b1", flags),
        },
        "streams": array("<i8", streams),
    }


def test_open_streams_have_a_limit(table: TablePeer):
    most = limit(table.peer, "max_streams_per_table")
    table.make(capacity=2 * most, items={"kind": "transition"})

    assert_too_large(table.post("insert", steps_of([*range(most + 1)])), most)
    assert table.stats()["inserted_total"] == 0
    assert table.post("insert", steps_of([*range(most)])).status == 200
    assert_too_large(table.post("insert", steps_of([3, most])), most)
    anonymous = table.stats()
    assert anonymous["inserted_total"] == most
    of_a_writer = {**steps_of([3]), "writer": {"id": "w", "sequence": 1}}
    assert_too_large(table.post("insert", of_a_writer), most)  # its stream 3 is another one
    assert table.post("insert", steps_of([3])).status == 200  # one that is open may go on
    assert table.post("insert", steps_of([4], last=True)).status == 200
    assert table.post("insert", of_a_writer).document["duplicate"] is False


def json_row(elements: int) -> dict[str, Any]:
    return {"columns": {"x": {"dtype": "|u1", "shape": [1, elements], "data": [[0] * elements]}}}


def test_elements_of_a_json_body_have_a_limit(table: TablePeer):
    most = limit(table.peer, "max_json_elements")
    body = json.dumps(json_row(1))
    others = sum(map(body.count, ",[{"))  # of one element, which has no comma
    table.make(capacity=2)

    too_many = table.peer.json("POST", f"{table.path}/insert", json_row(most - others + 2))
    fitting = table.peer.json("POST", f"{table.path}/insert", json_row(most - others + 1))

    assert_too_large(too_many, most)
    assert (fitting.status, table.stats()["inserted_total"]) == (200, 1)


def test_an_answer_with_more_elements_than_json_may_have_comes_in_messagepack(table: TablePeer):
    most = limit(table.peer, "max_json_elements")
    beside = 2  # a key and a priority
    zeros = array("|u1", np.zeros((1, most - beside)))
    row = {"columns": {"x": zeros, "y": array("|u1", [[7]])}}
    table.make(capacity=1)
    assert table.post("insert", row).status == 200

    whole = table.post("scan", {}, accept=JSON)
    one_column = table.post("scan", {"columns": ["x"]}, accept=JSON)

    assert (whole.form, one_column.form) == (MSGPACK, JSON)
    assert np.array_equal(whole.column("x"), values_of(zeros))
    assert one_column.array("keys").tolist() == whole.array("keys").tolist()


def test_writers_count_as_memory(table: TablePeer):
    table.make(capacity=10, columns={"x": {"dtype": "<i8", "shape": []}})
    before = table.stats()["bytes"]

    for number in range(50):
        table.insert([1], writer={"id": f"writer-{number}", "sequence": 1})

    assert 50 * 200 < table.stats()["bytes"] - before < 50 * 1000


def test_open_streams_count_as_memory(table: TablePeer):
    table.make(capacity=100, items={"kind": "transition"})
    assert table.post("insert", steps_of([0])).status == 200
    before = table.stats()["bytes"]

    assert table.post("insert", steps_of([*range(1, 51)])).status == 200

    assert 50 * 100 < table.stats()["bytes"] - before < 50 * 1000


def test_writers_that_take_all_the_memory_are_refused_and_nothing_changes():
    server = ServerProcess("--port=0", "--memory-limit-bytes=1000000")
    with Peer(server.url) as peer:
        table = TablePeer(peer, "t").make(remover={"kind": "lifo"})
        table.fill([1])

        for number in range(5000):
            stamp = {"id": f"{number:0>256}", "sequence": 1}
            answer = table.insert([2], writer=stamp)
            if answer.status != 200:
                break
        after = table.insert([3], writer={"id": "late", "sequence": 1})
        stats = table.stats()

        assert (answer.status, answer.code) == (507, "storage_full")
        assert after.code == "storage_full"
        assert 500_000 < stats["bytes"] <= 1_000_000
        assert stats["inserted_total"] == 1 + number
        assert table.scan().status == 200
    server.stop()
