"""Whatever bytes come: a message, or one of the wire's own errors, and no memory taken for it."""

import json
import tracemalloc
from typing import Any

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from replay_wire.arrays import Array
from replay_wire.codec import decode
from replay_wire.errors import MalformedBodyError, WireFormatError
from replay_wire.json_codec import decode_json
from replay_wire.messages import (
    DeleteRequest,
    InsertRequest,
    PriorityUpdate,
    SampleReply,
    SampleRequest,
    ScanRequest,
    TableDocument,
)
from replay_wire.specs import TableSpec

REQUESTS = [InsertRequest, SampleRequest, PriorityUpdate, DeleteRequest, ScanRequest, TableSpec]
TYPES = st.sampled_from([*REQUESTS, SampleReply, TableDocument])
KEYS = {"dtype": "<i8", "shape": [2], "pad": b"\0", "data": bytes(16)}
FLOATS = {"dtype": "<f4", "shape": [2, 1], "data": bytes(8)}
SPEC = {"capacity": 9, "columns": {"x": {"dtype": "<f4", "shape": [2]}}, "sampler": {"alpha": 1.0}}
DOCUMENTS: list[dict[str, Any]] = [
    {"columns": {"x": FLOATS}, "priorities": FLOATS, "writer": {"id": "a", "sequence": 1}},
    {"batch_size": 4, "beta": 0.5, "columns": ["x"], "update": {"keys": KEYS, "priorities": KEYS}},
    {"keys": KEYS, "priorities": FLOATS},
    {"keys": KEYS},
    {"after": 1, "limit": 3, "columns": ["x"], "order": "key"},
    SPEC,
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.sampled_from(["<f4", "data", "kind", "prioritized", "fifo", 2**53, 2**63, -1, 0])
)
WORDS = ["keys", "columns", "dtype", "shape", "data", "pad", "writer", "id", "batch_size", "kind"]
NAMES = st.sampled_from(WORDS) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def survive(decoder: Any, body: bytes, message_type: type[Any]) -> None:
    """Decode and look at every array, as a server does; the wire's own errors are fine."""
    try:
        message = decoder(body, message_type)
        parts = [getattr(message, name) for name in message.__struct_fields__]
        columns = getattr(message, "columns", None)
        parts += columns.values() if isinstance(columns, dict) else ()
        for part in parts:
            if isinstance(part, Array):
                part.to_numpy("field")
    except WireFormatError as error:
        told = str(error)
    else:
        told = ""
    assert len(told) < 1000


@given(st.binary(max_size=200), TYPES)
def test_random_bytes_are_survived(body, message_type):
    survive(decode, body, message_type)
    survive(decode_json, body, message_type)


@given(st.dictionaries(NAMES, VALUES, max_size=5), TYPES)
def test_random_documents_are_survived(document, message_type):
    survive(decode, msgpack.packb(document), message_type)
    survive(decode_json, json.dumps(document, default=repr).encode(), message_type)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid body with a few bytes changed, cut out or put in."""
    body = bytearray(msgpack.packb(draw(st.sampled_from(DOCUMENTS))))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        stop = min(len(body), start + draw(st.integers(0, 3)))
        body[start:stop] = draw(st.binary(max_size=3))
    return bytes(body)


@given(mutated(), TYPES)
def test_mutated_bodies_are_survived(body, message_type):
    survive(decode, body, message_type)


@given(st.sampled_from(DOCUMENTS), st.data(), TYPES)
def test_a_valid_document_with_a_foreign_value_is_survived(document, data, message_type):
    changed = json.loads(json.dumps(document, default=lambda raw: list(raw)))
    where = changed
    while True:
        name = data.draw(st.sampled_from(sorted(where)))
        if not isinstance(where[name], dict) or data.draw(st.booleans()):
            break
        where = where[name]
    where[name] = data.draw(VALUES)

    survive(decode, msgpack.packb(changed), message_type)
    survive(decode_json, json.dumps(changed, default=repr).encode(), message_type)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_body_cut_anywhere_is_malformed(document):
    body = msgpack.packb(document)
    message_type = REQUESTS[DOCUMENTS.index(document)]
    survive(decode, body, message_type)

    for end in range(len(body)):
        with pytest.raises(WireFormatError):
            decode(body[:end], message_type)
    with pytest.raises(MalformedBodyError):
        decode(body[:-1], message_type)


@pytest.mark.parametrize(
    ("message_type", "body"),
    [
        pytest.param(SampleRequest, b"\x81\xa7columns\xdd\xff\xff\xff\xff", id="list"),
        pytest.param(InsertRequest, b"\x81\xa7columns\xdf\xff\xff\xff\xff", id="map"),
        pytest.param(InsertRequest, b"\xdf\xff\xff\xff\xff", id="root"),
        pytest.param(SampleRequest, b"\x81\xa7columns\x91\xdb\xff\xff\xff\xff", id="string"),
        pytest.param(
            DeleteRequest, b"\x81\xa4keys\x81\xa5shape\xdd\xff\xff\xff\xff\x01", id="shape"
        ),
        pytest.param(DeleteRequest, b"\x81\xa4keys\x81\xa4data\xc6\xff\xff\xff\xff", id="bin"),
        pytest.param(TableSpec, b"\x81\xa8capacity\xdd\xff\xff\xff\xff", id="untyped_list"),
        pytest.param(TableSpec, b"\x81\xa8capacity\xdf\xff\xff\xff\xff", id="untyped_map"),
        pytest.param(TableSpec, b"\x81\xa8capacity\xc9\xff\xff\xff\xff\x05", id="ext"),
    ],
)
def test_a_huge_declared_count_takes_no_memory(message_type, body):
    tracemalloc.start()
    try:
        with pytest.raises(MalformedBodyError):
            decode(body, message_type)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 1_000_000


@pytest.mark.parametrize("depth", [100, 500, 700, 950, 1_000, 100_000])
@pytest.mark.parametrize("message_type", REQUESTS)
def test_deep_nesting_is_refused(depth, message_type):
    for name in ("x", "columns", "capacity", "keys"):
        key = msgpack.packb(name)
        quoted = f'"{name}":'.encode()
        for body in (
            b"\x81" + key + b"\x91" * depth + b"\x01",
            b"\x81" + key + (b"\x81" + key) * depth + b"\x01",
        ):
            with pytest.raises(WireFormatError):
                decode(body, message_type)
        for body in (
            b"{" + quoted + b"[" * depth + b"1" + b"]" * depth + b"}",
            (b"{" + quoted) * depth + b"1" + b"}" * depth,
            b'{"keys":{"dtype":"<f4","shape":[1],"data":' + b"[" * depth + b"]" * depth + b"}}",
            b'{"keys":{"dtype":"<f4","data":[1],"shape":' + b"[" * depth + b"]" * depth + b"}}",
        ):
            with pytest.raises(WireFormatError):
                decode_json(body, message_type)


@example(b"\xc7\x0c\xff" + b"\xff" * 12)
@example(b"\xd6\xff" + b"\xff" * 4)
@example(b"\xd7\xff" + b"\xff" * 8)
@example(b"\xc7\x0c\xff" + b"\0" * 4 + b"\x7f" + b"\xff" * 7)
@given(st.binary(max_size=20).map(lambda raw: b"\xc7" + bytes([len(raw)]) + b"\xff" + raw))
def test_extensions_and_timestamps_are_refused(extension):
    for message_type, name in ((SampleRequest, "batch_size"), (TableSpec, "capacity")):
        with pytest.raises(WireFormatError):
            decode(b"\x81" + msgpack.packb(name) + extension, message_type)
