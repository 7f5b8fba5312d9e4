import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from replay_wire.arrays import DTYPES, Array
from replay_wire.codec import ALIGNMENT, decode, encode
from replay_wire.errors import InvalidMessageError, MalformedBodyError
from replay_wire.messages import (
    DeleteRequest,
    InsertRequest,
    PriorityUpdate,
    Problem,
    SampleRequest,
    UpdateReply,
    WriterStamp,
)
from replay_wire.specs import TableSpec


def little(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder("<"))


ANY_ARRAY = st.sampled_from([n.replace("<", order) for n in DTYPES for order in "<>"]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
)
NAMES = st.text(min_size=0, max_size=40)
# Where lengths change the headers of MessagePack, and where arrays are no longer copied.
SIZES = st.sampled_from([0, 1, 63, 64, 65, 255, 256, 257, 8191, 8192, 8193, 65535, 65536])


def joined(message: object) -> bytes:
    return b"".join(encode(message))


@given(st.dictionaries(NAMES, ANY_ARRAY, max_size=3))
def test_decode_undoes_encode(columns):
    request = InsertRequest(columns={n: Array.from_numpy(a) for n, a in columns.items()})

    back = decode(joined(request), InsertRequest)

    assert list(back.columns) == list(columns)
    for name, array in columns.items():
        np.testing.assert_array_equal(back.columns[name].to_numpy(), little(array), strict=True)


@given(st.dictionaries(NAMES, ANY_ARRAY, max_size=3))
def test_any_messagepack_library_reads_a_body(columns):
    request = InsertRequest(columns={n: Array.from_numpy(a) for n, a in columns.items()})

    document = msgpack.unpackb(joined(request))

    assert list(document) == ["columns"]
    for name, array in columns.items():
        wired = document["columns"][name]
        assert set(wired) == {"dtype", "shape", "pad", "data"}
        assert not any(wired["pad"])
        read = np.frombuffer(wired["data"], wired["dtype"]).reshape(wired["shape"])
        np.testing.assert_array_equal(read, little(array), strict=True)


def address(buffer: object) -> int:
    return int(np.frombuffer(buffer, np.uint8).ctypes.data)  # type: ignore[call-overload]


@given(st.lists(st.tuples(SIZES, NAMES), max_size=6, unique_by=lambda part: part[1]))
def test_data_starts_on_a_boundary_of_the_whole_body(parts):
    columns = {name: Array.from_numpy(np.full(size, 7, np.uint8)) for size, name in parts}
    body = joined(InsertRequest(columns=columns))

    back = decode(body, InsertRequest).columns

    for size, name in parts:
        assert bytes(back[name].data) == b"\7" * size
        if size:
            assert (address(back[name].data) - address(body)) % ALIGNMENT == 0


def test_arrays_of_a_body_are_views_of_it():
    body = bytearray(joined(DeleteRequest(keys=Array.from_numpy(np.array([5, 6])))))

    keys = decode(body, DeleteRequest).keys.to_numpy()
    body[body.index(5)] = 9

    assert keys.tolist() == [9, 6]


def test_a_large_array_is_sent_from_where_it_lies():
    rows = np.zeros(70_000, np.uint8)

    buffers = encode(InsertRequest(columns={"x": Array.from_numpy(rows)}))

    assert any(np.shares_memory(np.frombuffer(part, np.uint8), rows) for part in buffers)


@pytest.mark.parametrize("shape", [(0, 0xA3706164), (0xA3, 0x70, 0x61, 0x64, 0)])
def test_a_length_whose_bytes_look_like_a_key_does_not_garble_the_body(shape):
    """0xA3 "pad" is how MessagePack writes the key that follows the shape."""
    body = joined({"x": Array.from_numpy(np.zeros(shape, np.uint8))})

    assert msgpack.unpackb(body)["x"]["shape"] == list(shape)


def test_a_padless_body_of_another_library_is_read():
    keys = {"data": b"\1\0\0\0\0\0\0\0", "shape": [1], "dtype": "<i8"}

    back = decode(msgpack.packb({"keys": keys}), DeleteRequest)

    assert back.keys.to_numpy().tolist() == [1]


def test_fields_at_their_default_are_left_out_of_requests_but_not_of_replies():
    assert msgpack.unpackb(joined(SampleRequest(batch_size=3))) == {"batch_size": 3}
    assert msgpack.unpackb(joined(SampleRequest(batch_size=3, batches=2))) == {
        "batch_size": 3,
        "batches": 2,
    }
    assert msgpack.unpackb(joined(UpdateReply(updated=0, stale=0))) == {"updated": 0, "stale": 0}


def test_nested_messages_come_back_equal():
    array = Array.from_numpy(np.array([1.5]))
    stamp = WriterStamp(id="ÿ", sequence=2**63 - 1)
    insert = InsertRequest(columns={}, writer=stamp, timeout=0.5)
    sample = SampleRequest(
        batch_size=1, columns=["a"], update=PriorityUpdate(keys=array, priorities=array)
    )

    assert decode(joined(insert), InsertRequest) == insert
    assert decode(joined(sample), SampleRequest).update is not None
    assert decode(joined(sample), SampleRequest).columns == ["a"]


def test_a_spec_comes_back_equal_and_needs_no_kind():
    spec = decode(msgpack.packb({"capacity": 5, "sampler": {"alpha": 1.0}}), TableSpec)

    assert decode(joined(spec.document()), TableSpec) == spec


def test_a_problem_is_one_flat_map():
    problem = Problem("urn:x", "Bad", 422, "it is bad", "invalid_request", {"field": "keys"})

    document = msgpack.unpackb(joined(problem))

    assert document["field"] == "keys"
    assert document["status"] == 422
    assert Problem.from_document(document) == problem


@pytest.mark.parametrize("value", [{1, 2}, object(), np.int64(1), np.zeros(1)])
def test_what_has_no_messagepack_form_is_a_type_error(value):
    with pytest.raises(TypeError):
        encode({"x": value})


@pytest.mark.parametrize("extra", [b"\0", b"\xc0", b"\x80", b"garbage"])
def test_bytes_after_the_document_are_malformed(extra):
    for message_type in (SampleRequest, TableSpec):
        with pytest.raises(MalformedBodyError):
            decode(joined({"batch_size": 1, "capacity": 1}) + extra, message_type)


@pytest.mark.parametrize("document", [None, 1, "x", [], [{"batch_size": 1}], b"x", True, 0.5])
def test_a_document_that_is_no_map_is_malformed(document):
    for message_type in (SampleRequest, TableSpec):
        with pytest.raises(MalformedBodyError):
            decode(msgpack.packb(document), message_type)


def test_a_string_is_no_data():
    keys = {"dtype": "|u1", "shape": [4], "data": "abcd"}

    with pytest.raises(InvalidMessageError) as caught:
        decode(msgpack.packb({"keys": keys}), DeleteRequest)

    assert caught.value.field == "keys.data"
