import numpy as np
import pytest

from replay_server.memory.arguments import checked_keys, checked_priorities
from replay_server.memory.errors import InvalidArgumentError, InvalidPriorityError


@pytest.mark.parametrize(
    "keys", [np.array([1.0]), np.array([1], np.int32), np.array([[1]]), np.array(1)]
)
def test_keys_are_int64_on_one_axis(keys):
    with pytest.raises(InvalidArgumentError) as caught:
        checked_keys(keys, "update.keys")
    assert caught.value.field == "update.keys"


def test_what_is_checked_is_a_copy():
    keys, priorities = np.array([1, 2]), np.array([1.0, 2.0])

    checked_keys(keys, "keys")[0] = 9
    checked_priorities(priorities, 2, 5.0, "priorities")[0] = 9.0

    assert (keys[0], priorities[0]) == (1, 1.0)


@pytest.mark.parametrize("dtype", ["|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8"])
@pytest.mark.parametrize("strided", [False, True])
def test_priorities_of_any_integer_dtype_are_kept_as_float64(dtype, strided):
    sent = np.array([3, 0, 100, 0], dtype)[:: 2 if strided else 1]

    checked = checked_priorities(sent, len(sent), 1e300, "priorities")

    assert checked.dtype == np.float64
    assert checked.flags.c_contiguous
    assert checked.tolist() == sent.tolist()


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -1.0, -(2.0**-14)])
def test_nan_infinite_and_negative_priorities_are_refused_in_every_dtype(dtype, bad):
    with pytest.raises(InvalidPriorityError) as caught:
        checked_priorities(np.array([1.0, bad], dtype), 2, 1e300, "priorities")
    assert caught.value.position == 1


def test_a_priority_at_the_limit_is_taken_and_the_next_one_is_not():
    above = np.nextafter(7.0, 8.0)

    assert checked_priorities(np.array([7.0, 0.0]), 2, 7.0, "priorities").tolist() == [7.0, 0.0]
    with pytest.raises(InvalidPriorityError):
        checked_priorities(np.array([7.0, above]), 2, 7.0, "priorities")


@pytest.mark.parametrize(
    "priorities",
    [np.ones(2), np.ones((3, 1)), np.ones(()), np.ones(3, np.bool_), np.ones(3, np.complex64)],
)
def test_priorities_are_as_many_real_numbers_as_there_are_keys(priorities):
    with pytest.raises(InvalidArgumentError) as caught:
        checked_priorities(priorities, 3, 1e300, "priorities")
    assert caught.value.field == "priorities"
