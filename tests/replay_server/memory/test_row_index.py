import numpy as np
import pytest

from replay_server.memory.arrays import aligned_zeros
from replay_server.memory.row_index import RowIndex


def keys(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@pytest.fixture
def index() -> RowIndex:
    """Five slots; keys 8 to 11 lie in slots 3, 4, 0 and 1."""
    index = RowIndex(5, aligned_zeros)
    index.put(np.arange(8, 12), 20, np.array([0.5, 1.5, 2.5, 3.5]))
    return index


@pytest.mark.parametrize("slots", [1, 2, 5])
def test_a_fresh_index_has_no_rows(slots):
    index = RowIndex(slots, aligned_zeros)

    assert index.find(np.arange(-3, 3 * slots)).tolist() == []


def test_key_zero_is_found_once_it_is_there():
    index = RowIndex(5, aligned_zeros)

    index.put(keys(0), 0, np.array([1.0]))

    assert index.find(np.arange(-5, 11)).tolist() == [0]


def test_put_tells_slots_and_keeps_what_is_known_of_rows(index):
    slots = index.find(np.arange(8, 12))

    assert slots.tolist() == [3, 4, 0, 1]
    assert index.keys[slots].tolist() == [8, 9, 10, 11]
    assert index.ordinals[slots].tolist() == [20, 21, 22, 23]
    assert index.priorities[slots].tolist() == [0.5, 1.5, 2.5, 3.5]


@pytest.mark.parametrize(
    "stranger",
    [
        pytest.param(-1, id="the_mark_of_a_free_slot"),
        pytest.param(-2, id="negative_of_a_used_slot"),
        pytest.param(3, id="older_key_of_the_slot"),
        pytest.param(13, id="later_key_of_the_slot"),
        pytest.param(12, id="free_slot"),
        pytest.param(2**63 - 1, id="largest"),
        pytest.param(-(2**63), id="smallest"),
    ],
)
def test_a_key_that_is_not_there_is_not_found(index, stranger):
    assert index.find(keys(stranger)).tolist() == []


def test_find_keeps_the_order_duplicates_and_positions(index):
    slots, positions = index.find_with_positions(keys(10, 99, 8, -1, 10))

    assert slots.tolist() == [0, 3, 0]
    assert positions.tolist() == [0, 2, 4]
    assert index.find(keys(10, 99, 8, -1, 10)).tolist() == [0, 3, 0]


def test_a_removed_row_is_gone_and_its_neighbours_are_not(index):
    index.remove(keys(4))

    assert index.find(np.arange(8, 12)).tolist() == [3, 0, 1]


def test_a_slot_that_is_used_again_answers_for_its_new_key_only(index):
    index.times_sampled[3] = 9

    index.put(keys(13), 24, np.array([7.0]))

    assert index.find(keys(8, 13)).tolist() == [3]
    assert index.times_sampled[3] == 0
    assert index.ordinals[3] == 24


def test_clear_strikes_every_row_out(index):
    index.clear()

    assert index.find(np.arange(0, 20)).tolist() == []
