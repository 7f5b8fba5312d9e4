"""What stands on the wire, byte by byte: a change of it is to be seen in a review.

The bytes are those of `docs/vectors`, which every client's tests read; `python -m tests.vectors`
writes them anew.
"""

import inspect
import json

import msgpack
import msgspec
import numpy as np
import pytest

from replay_wire import messages
from replay_wire.arrays import Array
from replay_wire.codec import decode, encode
from replay_wire.json_codec import decode_json, encode_json
from tests.vectors.bodies import (
    ARRAYS,
    BODIES,
    arrays,
    bodies,
    committed_bodies,
    document_of,
    text_of,
)
from tests.vectors.disassembly import assemble, disassemble
from tests.vectors.messages import BY_NAME

GOLDEN = committed_bodies()
MEANINGS = json.loads(BODIES.read_text("utf-8"))


def test_every_message_has_a_golden_body():
    declared = {
        name
        for name in messages.__all__
        if inspect.isclass(getattr(messages, name))
        and issubclass(getattr(messages, name), msgspec.Struct)
    }

    assert set(BY_NAME) == declared | {"TableSpec"}
    assert list(GOLDEN) == list(BY_NAME)


def test_the_committed_vectors_are_what_the_program_writes():
    assert BODIES.read_text("utf-8") == text_of(bodies())
    assert ARRAYS.read_text("utf-8") == text_of(arrays())


@pytest.mark.parametrize("name", BY_NAME)
def test_a_message_is_encoded_to_its_golden_body(name):
    body = b"".join(encode(document_of(BY_NAME[name])))

    assert body.hex(" ") == GOLDEN[name].hex(" ")


@pytest.mark.parametrize("name", BY_NAME)
def test_a_golden_body_is_decoded_to_its_message(name):
    body, message = GOLDEN[name], BY_NAME[name]

    if isinstance(message, messages.Problem):
        assert messages.Problem.from_document(msgpack.unpackb(body)) == message
    else:
        decoded = decode(body, type(message))
        assert b"".join(encode(decoded)) == b"".join(encode(message))
        for field in message.__struct_fields__:
            if not isinstance(
                getattr(message, field), (Array, dict, list, messages.PriorityUpdate)
            ):
                assert getattr(decoded, field) == getattr(message, field), field


@pytest.mark.parametrize("name", sorted(set(BY_NAME) - {"Problem", "TableSpec"}))
def test_the_meaning_of_a_golden_body_is_the_same_message_in_json(name):
    meaning = MEANINGS[name]["meaning"]

    message = decode_json(json.dumps(meaning).encode(), type(BY_NAME[name]))

    assert json.loads(encode_json(message)) == meaning


@pytest.mark.parametrize("vector", json.loads(ARRAYS.read_text("utf-8")), ids=lambda v: v["dtype"])
def test_an_array_of_each_dtype_has_its_bytes(vector):
    expected = np.array(vector["values"]).astype(vector["dtype"])

    array = Array(
        vector["dtype"], tuple(vector["shape"]), memoryview(bytes.fromhex(vector["data"]))
    )

    np.testing.assert_array_equal(array.to_numpy(), expected)


def test_lines_of_a_body_are_the_body():
    body = msgpack.packb({"a": [1, -70_000, 2.5, None], "b": bytes(20), "c": b"\x01" + bytes(9)})

    assert assemble(disassemble(body)) == body
