"""Sections 1, 8 and 9: what every answer bears, problems, paths, methods, names, health."""

import socket

import pytest

from tests.contract.peer import JSON, MSGPACK, PROBLEM, Peer, TablePeer, array

VERBS = ("insert", "sample", "update-priorities", "delete", "scan", "reset")


def test_health_info_and_readiness(peer: Peer):
    health, ready, info = (peer.get(path) for path in ("/healthz", "/readyz", "/v1/info"))

    assert (health.status, health.document) == (200, {"status": "ok"})
    assert (ready.status, ready.document) == (200, {"status": "ok"})
    assert info.document["protocol"] == 1
    assert info.document["version"]
    assert info.document["limits"]["max_body_bytes"] == 268_435_456
    assert all(limit > 0 for limit in info.document["limits"].values())


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/healthz", {"GET", "HEAD"}),
        ("/readyz", {"GET", "HEAD"}),
        ("/v1/info", {"GET", "HEAD"}),
        ("/v1/tables", {"GET", "HEAD"}),
        ("/v1/tables/t", {"GET", "HEAD", "PUT", "PATCH", "DELETE"}),
        ("/v1/sample", {"POST"}),
        *((f"/v1/tables/t/{verb}", {"POST"}) for verb in VERBS),
    ],
)
@pytest.mark.parametrize("form", [JSON, MSGPACK])
def test_other_methods_are_told_which_are_allowed(
    peer: Peer, path: str, allowed: set[str], form: str
):
    for method in {"GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE"} - allowed:
        answer = peer.send(method, path, accept=form)

        assert (answer.status, answer.code) == (405, "method_not_allowed")
        assert set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", ["/v1/info", "/v1/tables", "/healthz", "/readyz"])
def test_head_is_get_without_a_body(peer: Peer, path: str):
    got, head = peer.get(path), peer.send("HEAD", path)

    assert (head.status, head.body) == (200, b"")
    assert head.form == got.form


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nowhere", 404), ("/v1/tables/none-such", 404), ("/v1/tables/t/insert", 405)],
)
def test_head_of_what_is_refused_has_no_body_either(peer: Peer, path: str, status: int):
    head = peer.send("HEAD", path)

    assert (head.status, head.body) == (status, b"")
    assert peer.get("/healthz").status == 200  # the connection goes on


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere", "/v1", "/v1/tables/", "/v1/tables/a/b/c", "/v1/tables/a%2Fb/scan/x", "//",
        "/v2/tables", "/healthz/", "/V1/info", "/v1/tables/t/insert/", "/%FF",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(("accept", "form"), [(JSON, PROBLEM), (MSGPACK, MSGPACK)])
def test_a_path_that_is_none_is_not_found(
    peer: Peer, path: str, method: str, accept: str, form: str
):
    answer = peer.send(method, path, accept=accept)

    assert (answer.status, answer.code, answer.form) == (404, "not_found", form)


@pytest.mark.parametrize(
    ("method", "verb"),
    [("GET", ""), ("PATCH", ""), ("DELETE", ""), *(("POST", f"/{verb}") for verb in VERBS)],
)
def test_a_table_that_is_not_there_is_unknown(table: TablePeer, method: str, verb: str):
    bodies = {
        "/insert": {"columns": {"x": {"dtype": "<i8", "shape": [0], "data": b""}}},
        "/sample": {"batch_size": 1},
        "/update-priorities": {
            "keys": {"dtype": "<i8", "shape": [0], "data": b""},
            "priorities": {"dtype": "<f8", "shape": [0], "data": b""},
        },
        "/delete": {"keys": {"dtype": "<i8", "shape": [0], "data": b""}},
    }

    answer = table.peer.msgpack(method, table.path + verb, bodies.get(verb, {}))

    assert (answer.status, answer.code) == (404, "unknown_table")
    assert answer.document["table"] == table.name


@pytest.mark.parametrize(
    "name",
    [
        "%20", "-a", ".a", "_a", "a%20b", "a%0A", "a" * 65, "%C3%A4", "%FF", "a%00", "..", "a:b",
        "a+b", "%F0%9F%92%A9", "a%5Cb", "~", "a,b", "x" * 4000,
    ],
)  # fmt: skip
def test_bad_names_are_invalid_wherever_they_stand(peer: Peer, name: str):
    answers = [
        peer.msgpack("PUT", f"/v1/tables/{name}", {"capacity": 1}),
        peer.get(f"/v1/tables/{name}"),
        peer.send("DELETE", f"/v1/tables/{name}"),
        peer.msgpack("PATCH", f"/v1/tables/{name}", {}),
        *(peer.msgpack("POST", f"/v1/tables/{name}/{verb}", {}) for verb in VERBS),
    ]

    for answer in answers:
        assert (answer.status, answer.code) == (422, "invalid_request")
        assert answer.document["field"] == "table"


@pytest.mark.parametrize("name", ["a", "A", "0", "a" * 64, "0.-_", "Z9..", "a.npy", "1e5"])
def test_good_names_are_taken(peer: Peer, name: str):
    try:
        made = peer.msgpack("PUT", f"/v1/tables/{name}", {"capacity": 1})
        listed = peer.get("/v1/tables").document["tables"]

        assert made.status == 201
        assert name in [table["name"] for table in listed]
    finally:
        assert peer.send("DELETE", f"/v1/tables/{name}").status == 204


def test_a_problem_is_of_rfc_9457(peer: Peer):
    answer = peer.get("/v1/tables/none-such")

    assert answer.form == PROBLEM
    assert {"type", "title", "status", "detail", "code"} <= answer.document.keys()
    assert answer.document["status"] == answer.status


@pytest.mark.parametrize("length", [100, 10_000, 1_000_000])
def test_a_detail_stays_short_whatever_came(table: TablePeer, length: int):
    table.make()
    long = "x" * length

    for document in ({long: 1}, {"capacity": long}, {"capacity": 1, "columns": {long: 1}}):
        answer = table.peer.msgpack("PUT", table.path, document)

        assert answer.code == "invalid_request"  # which checks the length of detail
        assert len(answer.body) < 2000


@pytest.mark.parametrize(
    ("verb", "document", "told"),
    [
        ("insert", {"columns": {"x": array("<i4", [1])}}, ["x", "<i8", "<i4"]),
        ("insert", {"columns": {"x": array("<i8", [[1, 2]])}}, ["x", "[N]", "[1, 2]"]),
        ("sample", {"batch_size": 0}, ["batch_size", ">= 1", "0"]),
        ("sample", {"batch_size": 1, "columns": ["y"]}, ["y", "x"]),
        ("sample", {"batch_size": 1, "beta": "1"}, ["beta", "float", "str"]),
        ("update-priorities", {"keys": array("<i4", [1]), "priorities": array("<f8", [1])},
         ["keys", "<i8", "<i4"]),
        ("scan", {"order": "age"}, ["order", "age"]),
    ],
)  # fmt: skip
def test_a_detail_tells_where_what_was_expected_and_what_came(
    table: TablePeer, verb: str, document: dict, told: list[str]
):
    table.make(columns={"x": {"dtype": "<i8", "shape": []}})
    table.fill([0])

    answer = table.post(verb, document)

    assert answer.status == 422
    assert [part for part in told if part not in answer.document["detail"]] == []


def test_requests_may_come_before_the_answer_to_the_one_before(peer: Peer):
    host, port = peer.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3)

        received = b""
        while received.count(b'{"status":"ok"}') < 3:
            more = connection.recv(65536)
            assert more
            received += more

    assert received.count(b"HTTP/1.1 200 OK") == received.count(b"x-replay-protocol: 1") == 3


def test_even_what_is_no_http_is_answered_with_the_protocol_header(server_url: str):
    host, _, port = server_url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"this is no HTTP\r\n\r\n")

        answer = connection.recv(4096)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nx-replay-protocol: 1\r\n" in answer
