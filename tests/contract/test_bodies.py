"""Section 1: the forms of bodies, what is malformed, and unknown keys."""

import json

import msgpack
import pytest

from tests.contract.peer import JSON, MSGPACK, PROBLEM, Peer, TablePeer, nested


@pytest.mark.parametrize(
    "content_type",
    [
        "application/msgpack",
        "application/x-msgpack",
        "application/vnd.msgpack",
        "Application/MsgPack; charset=binary",
    ],
)
def test_every_name_of_messagepack_is_read(table: TablePeer, content_type: str):
    body = msgpack.packb({"capacity": 3})

    answer = table.peer.send("PUT", table.path, body, content_type=content_type)

    assert (answer.status, answer.document["spec"]["capacity"]) == (201, 3)


def test_json_is_read_by_its_content_type_at_a_data_endpoint(table: TablePeer):
    table.make()

    answer = table.peer.json("POST", f"{table.path}/insert", {"columns": {"x": nested("<i8", [5])}})

    assert answer.status == 200
    assert table.contents() == {0: (5, 1.0)}


def test_a_body_without_content_type_has_the_form_of_the_endpoint(table: TablePeer):
    made = table.peer.send("PUT", table.path, b'{"capacity": 3}')
    scanned = table.peer.send("POST", f"{table.path}/scan", b"\x80")

    assert (made.status, scanned.status) == (201, 200)


@pytest.mark.parametrize("content_type", ["text/plain", "application/cbor", "json", ";"])
@pytest.mark.parametrize(
    "verb", ["", "/insert", "/sample", "/update-priorities", "/delete", "/scan"]
)
def test_another_content_type_is_unsupported(table: TablePeer, verb: str, content_type: str):
    table.make()
    method = "POST" if verb else "PUT"

    answer = table.peer.send(method, table.path + verb, b"\x80", content_type=content_type)

    assert (answer.status, answer.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("accept", "control", "data"),
    [
        pytest.param(None, JSON, MSGPACK, id="absent"),
        pytest.param("*/*", JSON, MSGPACK, id="anything"),
        pytest.param("application/*", JSON, MSGPACK, id="any_application"),
        pytest.param("application/json", JSON, JSON, id="json"),
        pytest.param("application/msgpack", MSGPACK, MSGPACK, id="msgpack"),
        pytest.param("application/x-msgpack", MSGPACK, MSGPACK, id="x_msgpack"),
        pytest.param("application/vnd.msgpack", MSGPACK, MSGPACK, id="vnd_msgpack"),
        pytest.param("APPLICATION/JSON", JSON, JSON, id="upper_case"),
        pytest.param("text/html", JSON, MSGPACK, id="can_not_be_met"),
        pytest.param("", JSON, MSGPACK, id="empty"),
        pytest.param("application/json;q=0", JSON, MSGPACK, id="only_a_refusal"),
        pytest.param("application/json;q=0, */*", MSGPACK, MSGPACK, id="all_but_json"),
        pytest.param("application/msgpack;q=0, */*;q=0.1", JSON, JSON, id="all_but_msgpack"),
        pytest.param(
            "application/msgpack;q=0.2, application/json;q=0.9", JSON, JSON, id="json_liked_better"
        ),
        pytest.param(
            "application/json;q=0.2, application/msgpack;q=0.9",
            MSGPACK,
            MSGPACK,
            id="msgpack_liked",
        ),
        pytest.param("application/json, application/msgpack", JSON, MSGPACK, id="both_alike"),
        pytest.param("text/html, application/json;q=0.1", JSON, JSON, id="browser"),
        pytest.param("*/*;q=0.1, application/msgpack", MSGPACK, MSGPACK, id="rather_msgpack"),
        pytest.param("application/json;q=high", JSON, MSGPACK, id="q_is_no_number"),
    ],
)
def test_accept_chooses_the_form_of_the_answer(
    table: TablePeer, accept: str | None, control: str, data: str
):
    table.make()

    assert table.peer.get("/v1/info", accept=accept).form == control
    assert table.post("scan", {}, accept=accept).form == data


def test_control_endpoints_default_to_json_and_data_endpoints_to_messagepack(table: TablePeer):
    table.make()
    keys, priorities = nested("<i8", []), nested("<f8", [])
    data = {
        "insert": {"columns": {"x": nested("<i8", [1, 2])}},
        "sample": {"batch_size": 1},
        "update-priorities": {"keys": keys, "priorities": priorities},
        "delete": {"keys": keys},
        "scan": {},
    }
    parts = {"parts": [{"table": table.name, "batch_size": 1}]}
    posted = {
        verb: table.peer.json("POST", f"{table.path}/{verb}", document, accept=None)
        for verb, document in data.items()
    }
    posted["/v1/sample"] = table.peer.json("POST", "/v1/sample", parts, accept=None)
    control = [
        table.peer.get("/v1/info"),
        table.peer.get("/v1/tables"),
        table.peer.get(table.path),
        table.peer.msgpack("PATCH", table.path, {"sampler": {"beta": 0.5}}),
        table.peer.msgpack("PUT", table.path, {"capacity": 100}),
        table.peer.send("POST", f"{table.path}/reset"),
        table.peer.get("/healthz"),
        table.peer.get("/readyz"),
    ]

    assert {verb: (a.status, a.form) for verb, a in posted.items()} == dict.fromkeys(
        posted, (200, MSGPACK)
    )
    assert [(answer.status, answer.form) for answer in control] == [(200, JSON)] * len(control)


def test_a_problem_comes_in_the_form_that_was_accepted(table: TablePeer):
    plain = table.peer.get(table.path)
    packed = table.peer.get(table.path, accept=MSGPACK)
    data = table.post("scan", {})
    data_in_json = table.post("scan", {}, accept=JSON)

    assert [a.form for a in (plain, packed, data, data_in_json)] == [
        PROBLEM, MSGPACK, MSGPACK, PROBLEM
    ]  # fmt: skip
    assert {a.code for a in (plain, packed, data, data_in_json)} == {"unknown_table"}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"", MSGPACK, id="nothing"),
        pytest.param(b"\x80\x80", MSGPACK, id="two_documents"),
        pytest.param(b"\x80\x00", MSGPACK, id="a_byte_behind_it"),
        pytest.param(b"\x81\xa1a", MSGPACK, id="cut_short"),
        pytest.param(b"\xc1", MSGPACK, id="no_type_of_messagepack"),
        pytest.param(b"\x90", MSGPACK, id="an_array"),
        pytest.param(b"\xc0", MSGPACK, id="nil"),
        pytest.param(b"\x2a", MSGPACK, id="a_number"),
        pytest.param(b"\xdf\xff\xff\xff\xff", MSGPACK, id="a_map_of_four_billion"),
        pytest.param(b"\x91" * 5000, MSGPACK, id="very_deep"),
        pytest.param(b"", JSON, id="json_nothing"),
        pytest.param(b"{} {}", JSON, id="json_two_documents"),
        pytest.param(b"{}x", JSON, id="json_a_byte_behind_it"),
        pytest.param(b"{", JSON, id="json_cut_short"),
        pytest.param(b"[]", JSON, id="json_an_array"),
        pytest.param(b'"x"', JSON, id="json_a_string"),
        pytest.param(b"[" * 100_000, JSON, id="json_very_deep"),
        pytest.param(b'{"\xff": 1}', JSON, id="json_not_utf8"),
        pytest.param(json.dumps({"a": 1}).encode("utf-16"), JSON, id="json_utf16"),
    ],
)
@pytest.mark.parametrize(
    "verb", ["", "/insert", "/sample", "/update-priorities", "/delete", "/scan"]
)
def test_a_body_that_is_not_one_map_is_malformed(
    table: TablePeer, verb: str, body: bytes, content_type: str
):
    table.make()
    method = "POST" if verb else "PUT"

    answer = table.peer.send(method, table.path + verb, body, content_type=content_type)

    assert (answer.status, answer.code) == (400, "malformed")


@pytest.mark.parametrize(
    ("verb", "request_body", "field"),
    [
        pytest.param("", {"capacity": 5, "capcity": 6}, "capcity", id="spec"),
        pytest.param("", {"capacity": 5, "sampler": {"alfa": 1}}, "sampler.alfa", id="sampler"),
        pytest.param("/insert", {"columns": {}, "key": 1}, "key", id="insert"),
        pytest.param(
            "/insert", {"columns": {}, "writer": {"id": "a", "sequence": 1, "seq": 2}},
            "writer.seq", id="writer",
        ),
        pytest.param("/sample", {"batch_size": 1, "batchsize": 2}, "batchsize", id="sample"),
        pytest.param("/scan", {"form": 1}, "form", id="scan"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("send", [Peer.msgpack, Peer.json], ids=["msgpack", "json"])
def test_unknown_keys_are_refused_by_name(
    table: TablePeer, send: type, verb: str, request_body: dict, field: str
):
    table.peer.msgpack("PUT", table.path, {"capacity": 100})
    path = table.path + verb

    answer = send(table.peer, "POST" if verb else "PUT", path, request_body)

    assert (answer.status, answer.code) == (422, "invalid_request")
    assert answer.document["field"] == field
