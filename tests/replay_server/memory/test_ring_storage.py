import numpy as np
import pytest

from replay_server.memory.arrays import aligned_zeros
from replay_server.memory.ring_storage import RingStorage
from replay_server.memory.signature import ColumnType, Signature

SLOTS = 5
SIGNATURE = Signature(
    {
        "number": ColumnType(np.dtype("<i8"), ()),
        "image": ColumnType(np.dtype("|u1"), (2, 3)),
        "nothing": ColumnType(np.dtype("<f4"), (0,)),
    }
)


def rows(first: int, count: int) -> dict[str, np.ndarray]:
    numbers = np.arange(first, first + count)
    image = np.broadcast_to(numbers.astype(np.uint8)[:, None, None], (count, 2, 3))
    return {"number": numbers, "image": image, "nothing": np.empty((count, 0), np.float32)}


@pytest.fixture
def storage() -> RingStorage:
    return RingStorage(SIGNATURE, SLOTS, aligned_zeros)


def put(storage: RingStorage, first_key: int, columns: dict[str, np.ndarray]) -> None:
    storage.write((first_key + np.arange(len(columns["number"]))) % SLOTS, columns)


@pytest.mark.parametrize("first_key", range(2 * SLOTS))
@pytest.mark.parametrize("count", range(SLOTS + 1))
def test_rows_lie_where_their_keys_say_across_the_end(storage, first_key, count):
    put(storage, first_key, rows(100 + first_key, count))

    keys = np.arange(first_key, first_key + count)
    got = storage.gather(keys % SLOTS, ["number", "image", "nothing"])

    for name, expected in rows(100 + first_key, count).items():
        np.testing.assert_array_equal(got[name], expected, strict=True)


def test_writing_leaves_the_other_slots_alone(storage):
    put(storage, 0, rows(10, 5))

    put(storage, 9, rows(20, 2))  # slots 4 and 0

    assert storage.gather(np.arange(5), ["number"])["number"].tolist() == [21, 11, 12, 13, 20]


def test_rows_go_to_scattered_slots_and_of_one_given_twice_the_last_stays(storage):
    put(storage, 0, rows(10, 5))

    storage.write(np.array([3, 1, 3]), rows(20, 3))

    assert storage.gather(np.arange(5), ["number"])["number"].tolist() == [10, 21, 12, 22, 14]


def test_gathered_rows_are_copies_that_later_writes_do_not_touch(storage):
    put(storage, 0, rows(10, 5))

    before = storage.gather(np.arange(5), ["number"])
    put(storage, 5, rows(20, 5))

    assert before["number"].tolist() == [10, 11, 12, 13, 14]


def test_what_was_written_is_a_copy(storage):
    source = rows(10, 1)

    put(storage, 0, source)
    source["number"][:] = 0

    assert storage.gather(np.array([0]), ["number"])["number"].tolist() == [10]


def test_gather_keeps_axes_duplicates_and_the_order_of_names(storage):
    put(storage, 0, rows(10, 5))

    got = storage.gather(np.array([[1, 1], [4, 0]]), ["image", "number"])

    assert list(got) == ["image", "number"]
    assert got["number"].tolist() == [[11, 11], [14, 10]]
    assert got["image"].shape == (2, 2, 2, 3)
    assert got["image"][1, 0].tolist() == [[14] * 3] * 2


def test_columns_come_from_the_allocator_by_name():
    asked = {}

    def allocate(name, shape, dtype):
        asked[name] = (shape, dtype.str)
        return np.zeros(shape, dtype)

    RingStorage(SIGNATURE, SLOTS, allocate)

    assert asked == {
        "column/number": ((5,), "<i8"),
        "column/image": ((5, 2, 3), "|u1"),
        "column/nothing": ((5, 0), "<f4"),
    }
