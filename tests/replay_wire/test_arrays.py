import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from replay_wire.arrays import DTYPES, MAX_DIMENSIONS, Array
from replay_wire.errors import InvalidMessageError, UnsupportedArrayError

EITHER_ORDER = [name.replace("<", order) for name in DTYPES for order in "<>"]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    """Every dtype, shape and byte order, lying in memory in any way."""
    array = draw(hnp.arrays(draw(st.sampled_from(EITHER_ORDER)), draw(SHAPES)))
    if draw(st.booleans()):
        array = array.T
    if array.ndim and draw(st.booleans()):
        array = array[:: draw(st.sampled_from([-1, 2]))]
    return array


@given(arrays())
def test_to_numpy_undoes_from_numpy(array):
    wired = Array.from_numpy(array)

    back = wired.to_numpy()

    little = array.astype(array.dtype.newbyteorder("<"))
    np.testing.assert_array_equal(back, little, strict=True)
    assert back.dtype.str == array.dtype.str.replace(">", "<")
    assert wired.data.nbytes == array.nbytes


def test_the_twelve_dtypes_of_the_protocol_are_carried():
    assert " ".join(DTYPES) == "|b1 |i1 |u1 <i2 <u2 <i4 <u4 <i8 <u8 <f2 <f4 <f8"
    assert all(dtype.str == name for name, dtype in DTYPES.items())


def test_bytes_are_little_endian_in_c_order():
    array = np.array([[1, 2], [3, 256]], ">u2").T

    wired = Array.from_numpy(array)

    assert (wired.dtype, wired.shape) == ("<u2", (2, 2))
    assert bytes(wired.data).hex(" ", 2) == "0100 0300 0200 0001"


def test_a_contiguous_array_is_not_copied_either_way():
    array = np.arange(6.0).reshape(2, 3)

    back = Array.from_numpy(array).to_numpy()

    assert np.shares_memory(back, array)
    assert back.flags.writeable


def test_a_read_only_buffer_gives_a_read_only_array():
    assert not Array("|u1", (3,), memoryview(b"abc")).to_numpy().flags.writeable


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(np.array([None]), id="object"),
        pytest.param(np.array(["text"]), id="string"),
        pytest.param(np.array([b"bytes"]), id="bytes"),
        pytest.param(np.zeros(1, np.complex64), id="complex"),
        pytest.param(np.zeros(1, "M8[s]"), id="datetime"),
        pytest.param(np.zeros(1, [("a", "<f4")]), id="record"),
        pytest.param(np.zeros(1, np.longdouble), id="long_double"),
    ],
)
def test_a_dtype_that_the_protocol_has_no_name_for_is_unsupported(array):
    with pytest.raises(UnsupportedArrayError) as caught:
        Array.from_numpy(array)

    assert caught.value.dtype == array.dtype


@pytest.mark.parametrize("got", [0, 7, 9, 16])
def test_a_wrong_number_of_bytes_is_refused(got):
    array = Array("<f4", (2, 1), memoryview(bytes(got)))

    with pytest.raises(InvalidMessageError) as caught:
        array.to_numpy("columns.x")

    assert caught.value.field == "columns.x.data"
    assert "expected 8 bytes" in caught.value.reason
    assert f"got {got}" in caught.value.reason


@pytest.mark.parametrize(
    "dtype", ["", "f4", "float32", ">f4", "=f4", "|O", "<f16", "<M8[s]", "|b1 ", "<U1", "x" * 10**6]
)
def test_an_unknown_dtype_is_refused(dtype):
    with pytest.raises(InvalidMessageError) as caught:
        Array(dtype, (1,), memoryview(b"12345678")).to_numpy("keys")

    assert caught.value.field == "keys.dtype"
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((0, 2**62), id="zero_rows_of_too_much"),
        pytest.param((2**62, 2**62), id="overflowing_product"),
        pytest.param((2**61, 8), id="product_that_wraps_to_zero"),
        pytest.param((2**63 - 1,) * MAX_DIMENSIONS, id="hundreds_of_digits"),
        pytest.param((1,) * (MAX_DIMENSIONS + 1), id="too_many_axes"),
        pytest.param((0,) * 100_000, id="far_too_many_axes"),
    ],
)
def test_a_shape_that_no_ndarray_has_is_refused_without_taking_memory(shape):
    with pytest.raises(InvalidMessageError) as caught:
        Array("<f8", shape, memoryview(b"")).to_numpy("keys")

    assert caught.value.field == "keys.shape"
    assert len(str(caught.value)) < 400


def test_a_huge_shape_with_few_bytes_is_refused_without_taking_memory():
    with pytest.raises(InvalidMessageError) as caught:
        Array("|u1", (2**40,), memoryview(b"abc")).to_numpy("keys")

    assert caught.value.field == "keys.data"


@pytest.mark.parametrize("shape", [(0, 2**40), (3, 0), (0,) * MAX_DIMENSIONS])
def test_an_empty_array_may_have_any_shape_that_can_exist(shape):
    assert Array("<f8", shape, memoryview(b"")).to_numpy().shape == shape


@pytest.mark.parametrize("before", [2, 100_000])
def test_a_bool_is_a_byte_of_0_or_1(before: int):
    good = b"\0\1" * (before // 2)
    assert Array("|b1", (before,), memoryview(good)).to_numpy().tolist()[:2] == [False, True]
    with pytest.raises(InvalidMessageError) as caught:
        Array("|b1", (before + 1,), memoryview(good + b"\2")).to_numpy("columns.x")
    assert caught.value.field == "columns.x.data"
