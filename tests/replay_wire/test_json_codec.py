import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from replay_wire.arrays import DTYPES, Array
from replay_wire.errors import InvalidMessageError, MalformedBodyError
from replay_wire.json_codec import decode_json, element_count, encode_json
from replay_wire.messages import (
    DeleteRequest,
    InsertRequest,
    MixedSampleRequest,
    PriorityUpdate,
    Problem,
    SamplePart,
    SampleRequest,
)
from replay_wire.specs import TableSpec


def finite_arrays(dtype: str) -> st.SearchStrategy[np.ndarray]:
    elements = {"allow_nan": False, "allow_infinity": False} if "f" in dtype else None
    shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)
    return hnp.arrays(dtype, shapes, elements=elements)


def decoded_array(dtype: object, shape: object, data: object) -> np.ndarray:
    body = json.dumps({"keys": {"dtype": dtype, "shape": shape, "data": data}}).encode()
    return decode_json(body, DeleteRequest).keys.to_numpy("keys")


def refusal(dtype: object, shape: object, data: object) -> InvalidMessageError:
    with pytest.raises(InvalidMessageError) as caught:
        decoded_array(dtype, shape, data)
    assert len(str(caught.value)) < 400
    return caught.value


@given(st.sampled_from(list(DTYPES)).flatmap(finite_arrays))
def test_decode_undoes_encode_bit_by_bit(array):
    request = InsertRequest(columns={"x": Array.from_numpy(array)})

    back = decode_json(encode_json(request), InsertRequest).columns["x"].to_numpy()

    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_an_array_is_a_nested_list_that_people_can_read():
    array = Array.from_numpy(np.array([[True, False]]))

    assert json.loads(encode_json({"x": array})) == {
        "x": {"dtype": "|b1", "shape": [1, 2], "data": [[True, False]]}
    }


def test_nan_and_infinities_are_null_in_answers():
    array = Array.from_numpy(np.array([np.nan, np.inf, -np.inf, 1.5]))

    document = json.loads(encode_json({"x": array, "y": float("nan"), "z": [float("inf")]}))

    assert document["x"]["data"] == [None, None, None, 1.5]
    assert (document["y"], document["z"]) == (None, [None])


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "nan"])
def test_nan_and_infinities_are_no_json_in_requests(word):
    body = '{"keys":{"dtype":"<f8","shape":[1],"data":[WORD]}}'.replace("WORD", word)

    with pytest.raises(MalformedBodyError):
        decode_json(body.encode(), DeleteRequest)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
def test_null_is_no_element_in_requests(dtype):
    assert refusal(dtype, [2], [None, 1.0]).field == "keys.data"


@pytest.mark.parametrize(
    ("dtype", "element"),
    [
        ("|u1", 256),
        ("|u1", -1),
        ("|i1", 128),
        ("<i8", 2**63),
        ("<i8", -(2**63) - 1),
        ("<u8", 2**64),
        ("<i4", 10**400),
        ("<f2", 65536.0),
        ("<f4", 1e39),
        ("<f4", 10**39),
        ("<f8", 10**400),
    ],
)
def test_an_element_beyond_the_dtype_is_refused(dtype, element):
    assert refusal(dtype, [2], [1, element]).field == "keys.data"


@pytest.mark.parametrize("literal", ["1e999", "-1e999", "1" * 5000])
@pytest.mark.parametrize(
    "place", ['{"batch_size":NUMBER}', '{"columns":[NUMBER]}', '{"x":{"y":[NUMBER]}}']
)
def test_a_number_beyond_every_type_is_refused(literal, place):
    with pytest.raises(InvalidMessageError):
        decode_json(place.replace("NUMBER", literal).encode(), SampleRequest)


@pytest.mark.parametrize(
    ("dtype", "elements"),
    [
        pytest.param("<i8", [1.0], id="float_for_int"),
        pytest.param("<i8", [True], id="bool_for_int"),
        pytest.param("<i8", [1, True], id="bool_among_ints"),
        pytest.param("<f4", [1.5, False], id="bool_among_floats"),
        pytest.param("<f4", ["1.5"], id="string_for_float"),
        pytest.param("|b1", [0], id="int_for_bool"),
        pytest.param("|b1", [True, 1], id="int_among_bools"),
        pytest.param("<f4", [{}], id="map"),
        pytest.param("<f4", [[1.0]], id="list"),
    ],
)
def test_an_element_of_another_kind_is_refused(dtype, elements):
    assert refusal(dtype, [len(elements)], elements).field == "keys.data"


def test_long_and_many_strings_take_no_more_memory_than_their_body():
    refusal("<f4", [100_001], ["a" * 100_000] + [""] * 100_000)  # padded, that would be 40 GB


@pytest.mark.parametrize(
    ("shape", "data"),
    [
        pytest.param([2, 2], [[1, 2], [3]], id="ragged"),
        pytest.param([2, 2], [[1, 2], 3], id="ragged_in_depth"),
        pytest.param([4], [[1, 2], [3, 4]], id="too_deep"),
        pytest.param([2, 2], [1, 2, 3, 4], id="too_flat"),
        pytest.param([3], [1, 2], id="too_short"),
        pytest.param([0], [1], id="not_empty"),
        pytest.param([1], [], id="empty"),
        pytest.param([1], 1, id="scalar"),
        pytest.param([], [1], id="not_scalar"),
        pytest.param([1], "AAAAAAAAAAA=", id="base64"),
        pytest.param([1], None, id="null"),
        pytest.param([1], {}, id="map"),
        pytest.param([10**4000] * 3, [1], id="huge_lengths"),
        pytest.param([1] * 100_000, [1], id="many_axes"),
        pytest.param([[[1]]], [1], id="nested_shape"),
    ],
)
def test_data_that_is_not_nested_as_the_shape_says_is_refused(shape, data):
    assert refusal("<i8", shape, data).field == "keys.data"


@pytest.mark.parametrize("shape", [None, 1, "1", {}, [-1], ["1"], [0.0], [None], [2**63]])
def test_an_ill_typed_shape_is_refused(shape):
    assert refusal("<i8", shape, []).field.startswith(("keys.shape", "keys.data"))


@pytest.mark.parametrize("dtype", ["", "f4", ">f4", "float", "x" * 10_000])
def test_an_unknown_dtype_is_refused(dtype):
    assert refusal(dtype, [1], [1.0]).field == "keys.dtype"


def test_an_int_is_a_float_too_however_large():
    assert decoded_array("<f4", [2], [10**20, 1]).tolist() == [np.float32(1e20), 1.0]


def test_specs_and_problems_are_json_too():
    spec = decode_json(b'{"capacity": 5, "sampler": {"alpha": 1}}', TableSpec)
    problem = Problem("urn:x", "Bad", 422, "it is bad", "invalid_request", {"field": "keys"})

    assert decode_json(encode_json(spec.document()), TableSpec) == spec
    assert Problem.from_document(json.loads(encode_json(problem))) == problem


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"1", b"null", b'"x"', b"{}{}", b"{} x", b"\xff"]
)
def test_a_body_that_is_not_one_json_map_is_malformed(body):
    with pytest.raises(MalformedBodyError):
        decode_json(body, SampleRequest)


def test_text_is_no_pad():
    body = b'{"keys":{"dtype":"<i8","shape":[0],"data":[],"pad":"AAAA"}}'

    with pytest.raises(InvalidMessageError) as caught:
        decode_json(body, DeleteRequest)

    assert caught.value.field == "keys.pad"


def test_arrays_in_the_parts_of_a_mixed_draw_are_read_too():
    keys = {"dtype": "<i8", "shape": [1], "data": [7]}
    priorities = {"dtype": "<f8", "shape": [1], "data": [0.5]}
    part = {
        "table": "t",
        "batch_size": 1,
        "update": {"keys": keys, "priorities": priorities},
    }

    message = decode_json(json.dumps({"parts": [part]}).encode(), MixedSampleRequest)

    update = message.parts[0].update
    assert update is not None
    assert update.keys.to_numpy().tolist() == [7]
    assert update.priorities.to_numpy().tolist() == [0.5]


@pytest.mark.parametrize(
    ("shape", "count"),
    [((), 1), ((2, 3), 6), ((2, 0), 2), ((2, 3, 0, 5), 6), ((0, 7), 1), ((2**40, 0), 2**40)],
)
def test_lists_without_elements_count_as_elements(shape, count):
    array = Array("|u1", shape, memoryview(bytes(0 if 0 in shape else count)))

    assert element_count({"x": array}) == count


def test_elements_of_all_parts_of_a_message_are_counted():
    keys = Array.from_numpy(np.arange(5))
    update = PriorityUpdate(keys=keys, priorities=Array.from_numpy(np.ones(5)))
    part = SamplePart(table="t", batch_size=1, update=update)

    assert element_count(MixedSampleRequest(parts=[part, part])) == 20
    assert element_count(TableSpec(capacity=7)) == 0
