"""Section 9: what `/v1/info` tells is what holds, and 413 comes before the work."""

import http.client
import socket
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest

from tests.contract.peer import (
    MSGPACK,
    SMALL_BODY_BYTES,
    SMALL_MEMORY_BYTES,
    Peer,
    TablePeer,
    array,
)

KILOBYTE = {"v": {"dtype": "|u1", "shape": [1000]}}


@pytest.fixture
def small(small_server_url: str) -> Iterator[TablePeer]:
    """A table of rows of 1,000 bytes that holds nothing yet."""
    with Peer(small_server_url) as peer:
        for document in peer.get("/v1/tables").document["tables"]:
            peer.send("DELETE", f"/v1/tables/{document['name']}")
        yield TablePeer(peer, "small").make(columns=KILOBYTE)


def rows(count: int) -> dict[str, Any]:
    return {"columns": {"v": array("|u1", [[7] * 1000] * count)}}


def limits(peer: Peer) -> dict[str, Any]:
    told: dict[str, Any] = peer.get("/v1/info").document["limits"]
    return told


def raw_answer(peer: Peer, *parts: bytes) -> http.client.HTTPResponse:
    """Send bytes and return the answer that comes, though nothing more is sent."""
    host, _, port = peer.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
        reply = http.client.HTTPResponse(connection)
        reply.begin()
        assert msgpack.unpackb(reply.read())["code"] == "too_large"
        return reply


def test_info_tells_the_limits_that_were_given(small: TablePeer):
    told = limits(small.peer)

    assert told["max_body_bytes"] == told["max_reply_bytes"] == SMALL_BODY_BYTES
    assert told["memory_limit_bytes"] == SMALL_MEMORY_BYTES


def test_a_body_may_be_as_large_as_the_limit(small: TablePeer):
    body = msgpack.packb({"columns": ["x" * (SMALL_BODY_BYTES - 13)]})

    fits = small.peer.send("POST", f"{small.path}/scan", body[:-13] + body[-13:])
    one_more = small.peer.send("POST", f"{small.path}/scan", body + b"x")

    assert len(body) == SMALL_BODY_BYTES
    assert (fits.status, fits.code) == (422, "schema_mismatch")
    assert (one_more.status, one_more.code) == (413, "too_large")
    assert one_more.document["limit"] == SMALL_BODY_BYTES


@pytest.mark.parametrize("length", [SMALL_BODY_BYTES + 1, 10**18])
def test_a_body_that_says_to_be_too_large_is_refused_before_it_comes(small: TablePeer, length: int):
    head = f"POST {small.path}/insert HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"

    reply = raw_answer(small.peer, head.encode(), b"\r\n")
    asking_first = raw_answer(small.peer, head.encode(), b"Expect: 100-continue\r\n\r\n")

    assert (reply.status, asking_first.status) == (413, 413)
    assert reply.getheader("x-replay-protocol") == "1"


def test_a_chunked_body_is_refused_while_it_comes(small: TablePeer):
    head = f"POST {small.path}/insert HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"3e8\r\n" + bytes(1000) + b"\r\n"

    reply = raw_answer(small.peer, head.encode(), *[chunk] * (SMALL_BODY_BYTES // 1000 + 1))

    assert reply.status == 413
    assert small.stats()["inserted_total"] == 0


def test_a_chunked_body_within_the_limit_is_read(small: TablePeer):
    body = msgpack.packb(rows(3))
    chunks = iter([body[:1], body[1:2000], body[2000:]])
    connection = http.client.HTTPConnection(small.peer.address, timeout=20)

    connection.request("POST", f"{small.path}/insert", chunks, {"Content-Type": MSGPACK})
    status = connection.getresponse().status
    connection.close()

    assert (status, small.stats()["inserted_total"]) == (200, 3)


def test_the_server_goes_on_after_refusing_a_body(small: TablePeer):
    answer = small.peer.send("POST", f"{small.path}/insert", bytes(50 * SMALL_BODY_BYTES))

    assert answer.code == "too_large"
    assert small.post("insert", rows(1)).status == 200


def test_draws_beyond_the_largest_answer_are_refused(small: TablePeer):
    small.post("insert", rows(4))

    assert small.sample(10).status == 200
    assert small.sample(5, batches=2).status == 200
    for request in ({"batch_size": 11}, {"batch_size": 4, "batches": 3}, {"batch_size": 2**50}):
        answer = small.post("sample", request)
        assert (answer.status, answer.code) == (413, "too_large")
    assert small.sample(1000, columns=[]).status == 200
    assert small.stats()["sampled_total"] == 1020


def test_a_scan_stops_short_of_the_largest_answer(small: TablePeer):
    first_key = int(small.post("insert", rows(9)).array("keys")[0])
    small.post("insert", rows(4))

    page = small.scan()
    rest = small.scan(after=first_key + 9)

    assert ((page.array("keys") - first_key).tolist(), page.document["more"]) == (
        [*range(10)],
        True,
    )
    assert ((rest.array("keys") - first_key).tolist(), rest.document["more"]) == (
        [10, 11, 12],
        False,
    )


def test_batch_size_times_batches_has_a_limit(table: TablePeer):
    table.make()
    table.fill([0])
    most = limits(table.peer)["max_draws_per_request"]

    for request in (
        {"batch_size": most + 1},
        {"batch_size": most // 2 + 1, "batches": 2},
        {"batch_size": 2**53 - 1, "batches": 2**53 - 1},
    ):
        answer = table.post("sample", request)
        assert (answer.status, answer.code, answer.document["limit"]) == (413, "too_large", most)
    assert table.stats()["sampled_total"] == 0
    assert table.sample(most, columns=[]).array("keys").shape == (most,)


def test_a_scan_has_a_limit(table: TablePeer):
    table.make()
    most = limits(table.peer)["max_scan_rows"]

    assert table.scan(limit=most).status == 200
    assert table.scan(limit=most + 1).code == "too_large"


def test_a_table_has_a_limit_of_columns(table: TablePeer):
    most = limits(table.peer)["max_columns"]
    names = [f"c{number}" for number in range(most + 1)]
    one = {"dtype": "|u1", "shape": []}

    assert table.put(columns=dict.fromkeys(names, one)).code == "too_large"
    table.make()
    too_many = table.post("insert", {"columns": dict.fromkeys(names, array("|u1", [1]))})
    enough = table.post("insert", {"columns": dict.fromkeys(names[1:], array("|u1", [1]))})

    assert (too_many.code, enough.status) == ("too_large", 200)


def test_a_table_beyond_the_memory_limit_is_refused_at_put(small: TablePeer):
    other = TablePeer(small.peer, "other")

    for spec in (
        {"capacity": 2000, "columns": KILOBYTE},
        {"capacity": 2**53 - 1},
        {"capacity": 1, "columns": {"v": {"dtype": "<f8", "shape": [2**53 - 1] * 31}}},
    ):
        answer = other.put(**spec)
        assert (answer.status, answer.code) == (413, "too_large")
        assert answer.document["limit"] == SMALL_MEMORY_BYTES
    assert small.peer.get(other.path).status == 404


def test_a_table_beyond_the_memory_limit_is_refused_at_its_first_insert(small: TablePeer):
    other = TablePeer(small.peer, "other").make(capacity=2000)

    refused = other.post("insert", {**rows(1), "writer": {"id": "w", "sequence": 1}})
    smaller = other.insert([5], writer={"id": "w", "sequence": 1})

    assert (refused.status, refused.code) == (413, "too_large")
    assert smaller.document["duplicate"] is False


def test_the_memory_limit_is_of_all_tables_together_and_is_given_back(small: TablePeer):
    tables = [TablePeer(small.peer, f"t{number}") for number in range(20)]
    made = [one for one in tables if one.put(columns=KILOBYTE).status == 201]

    assert 5 <= len(made) < 10  # of about 100 kB each, beside the fixture's own
    small.peer.send("DELETE", made[0].path)
    assert tables[-1].put(columns=KILOBYTE).status == 201
    assert tables[-2].put(columns=KILOBYTE).status == 413
