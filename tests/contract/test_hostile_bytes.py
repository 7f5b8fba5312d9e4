"""Whatever comes, the answer is 4xx with a code, and nothing has changed."""

import json
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.peer import JSON, MSGPACK, Peer, TablePeer, array

WRITES = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
VALID: dict[str, dict[str, Any]] = {
    "": {
        "capacity": 9,
        "columns": {"x": {"dtype": "<i8", "shape": []}},
        "sampler": {"kind": "prioritized", "alpha": 0.6},
        "rate_limiter": {"kind": "min_size", "min_size": 1},
        "seed": 3,
    },
    "/insert": {
        "columns": {"x": array("<i8", [1, 2])},
        "priorities": array("<f8", [1, 2]),
        "writer": {"id": "w", "sequence": 12},
        "timeout": 0.0,
    },
    "/sample": {
        "batch_size": 3,
        "batches": 2,
        "beta": 0.5,
        "columns": ["x"],
        "normalize": "table",
        "update": {"keys": array("<i8", [0]), "priorities": array("<f8", [1])},
    },
    "/update-priorities": {"keys": array("<i8", [0, 1]), "priorities": array("<f8", [1, 2])},
    "/delete": {"keys": array("<i8", [0, 1])},
    "/scan": {"after": -1, "limit": 5, "order": "key", "columns": ["x"]},
    "/reset": {},
}
PLACES = sorted(VALID)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3)
)


def send(table: TablePeer, place: str, body: bytes, **headers: str) -> None:
    """Send a body, which must not make the server fail, nor change anything when it is refused."""
    method = "POST" if place else "PUT"
    before = table.peer.get("/v1/tables").document

    answer = table.peer.send(method, table.path + place, body, **headers)

    assert answer.status < 500, (answer.document, body)
    if answer.status >= 400:
        assert answer.code
        assert table.peer.get("/v1/tables").document == before


@pytest.fixture
def filled(server_url: str, table: TablePeer) -> TablePeer:
    table.make(rate_limiter={"min_size": 0})
    table.fill(range(5))
    return table


@WRITES
@given(
    place=st.sampled_from(PLACES),
    body=st.binary(max_size=60),
    form=st.sampled_from([MSGPACK, JSON]),
    coding=st.sampled_from(["", "", "gzip", "zstd"]),
)
def test_random_bytes_do_no_harm(
    filled: TablePeer, place: str, body: bytes, form: str, coding: str
):
    send(filled, place, body, content_type=form, content_encoding=coding)


@WRITES
@given(data=st.data(), place=st.sampled_from(PLACES))
def test_valid_bodies_with_bytes_changed_do_no_harm(
    filled: TablePeer, data: st.DataObject, place: str
):
    body = bytearray(msgpack.packb(VALID[place]))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.none() | st.integers(0, len(body)))

    send(filled, place, bytes(body[:cut]))


def paths(document: Any) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    inner = document.items() if isinstance(document, dict) else ()
    return [()] + [(key, *rest) for key, value in inner for rest in paths(value)]


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A document with another value at a place."""
    if not path:
        return value
    return {**document, path[0]: changed(document[path[0]], path[1:], value)}


@WRITES
@given(data=st.data(), place=st.sampled_from(PLACES), value=VALUES)
def test_valid_bodies_with_a_value_changed_do_no_harm(
    filled: TablePeer, data: st.DataObject, place: str, value: Any
):
    path = data.draw(st.sampled_from(paths(VALID[place])))
    body = msgpack.packb(changed(VALID[place], path, value))

    send(filled, place, body, content_type=MSGPACK)


@WRITES
@given(data=st.data(), place=st.sampled_from(PLACES), value=VALUES, key=SCALARS)
def test_valid_bodies_with_a_key_added_do_no_harm(
    filled: TablePeer, data: st.DataObject, place: str, value: Any, key: Any
):
    path = data.draw(st.sampled_from(paths(VALID[place])))
    target: Any = VALID[place]
    for part in path:
        target = target[part]
    grown = {**target, key: value} if isinstance(target, dict) else {key: value}

    send(filled, place, msgpack.packb(changed(VALID[place], path, grown)), content_type=MSGPACK)


@WRITES
@given(
    place=st.sampled_from(PLACES),
    document=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["columns", "x", "dtype", "shape", "data", "keys", "priorities"]),
                inner,
                max_size=4,
            )
        ),
    ),
)
def test_any_json_does_no_harm(filled: TablePeer, place: str, document: Any):
    send(filled, place, json.dumps(document).encode(), content_type=JSON)


@WRITES
@given(
    shape=st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 3), max_size=4),
    dtype=st.sampled_from(["|b1", "<i8", "<f8", "|u1", "<f2"]),
    count=st.integers(0, 24),
    place=st.sampled_from(["/insert", "/delete", "/update-priorities"]),
)
def test_declared_shapes_do_no_harm(
    filled: TablePeer, shape: list[int], dtype: str, count: int, place: str
):
    wired = {"dtype": dtype, "shape": shape, "data": bytes(count)}
    bodies = {
        "/insert": {"columns": {"x": wired}, "priorities": wired},
        "/delete": {"keys": wired},
        "/update-priorities": {"keys": wired, "priorities": wired},
    }

    send(filled, place, msgpack.packb(bodies[place]))


HEADER_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)


@WRITES
@given(
    name=st.sampled_from(["accept", "accept_encoding", "content_type", "content_encoding"]),
    value=HEADER_TEXT | st.lists(HEADER_TEXT, max_size=3).map(";q=,".join),
)
def test_any_header_does_no_harm(filled: TablePeer, name: str, value: str):
    send(filled, "/scan", b"\x80", **{name: value})


@WRITES
@given(path=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20))
def test_any_path_gets_an_answer(peer: Peer, path: str):
    for prefix in ("/", "/v1/tables/", "/v1/tables/none-such/"):
        assert peer.get((prefix + path).replace("#", "").replace("?", "")).status < 500
