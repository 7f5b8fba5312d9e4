from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_server.memory import segment_log
from replay_server.memory.arrays import aligned_zeros
from replay_server.memory.changes import Changes
from replay_server.memory.compressed_column import CompressedColumn
from replay_server.memory.errors import InconsistentStateError
from replay_server.memory.signature import ColumnType

SLOTS = 40
COMPRESSIONS = pytest.mark.parametrize("compression", ["lz4", "zstd"])
DTYPES = ["|b1", "|i1", "<u2", "<i8", "<f2", "<f8"]


class Arrays(Changes):
    """Keeps what a column is made of, so that another can go on from it."""

    def __init__(self) -> None:
        self.index: dict[str, np.ndarray] = {}
        self.segments: dict[str, np.ndarray] = {}
        self.heard: list[str] = []

    def allocate(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        kept = self.segments if name.startswith("segment/") else self.index
        name = name.removeprefix("segment/")
        return kept.setdefault(name, aligned_zeros(name, shape, dtype))

    def touched(self, names: Any, places: np.ndarray) -> None:
        self.heard += names

    def released(self, segment: str) -> None:
        del self.segments[segment]


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_log, "_FEWEST_BYTES", 200)


def new_column(arrays: Arrays, column: ColumnType, slots: int = SLOTS) -> CompressedColumn:
    return CompressedColumn("x", column, slots, arrays.allocate, arrays)


def some_rows(rng: np.random.Generator, count: int, column: ColumnType) -> np.ndarray:
    """Rows of any bytes; half of them all alike."""
    size = column.nbytes
    data = rng.integers(0, 2 if column.dtype == np.bool_ else 256, (count, size), np.uint8)
    data[rng.random(count) < 0.5] = 1
    return data.view(column.dtype).reshape(count, *column.shape)


@COMPRESSIONS
@given(
    dtype=st.sampled_from(DTYPES),
    shape=st.sampled_from([(), (3,), (7, 5), (1, 1, 300)]),
    seed=st.integers(0, 2**32),
    counts=st.lists(st.integers(1, 30), max_size=12),
)
def test_it_gathers_what_an_array_does(
    compression: Any, dtype: str, shape: tuple[int, ...], seed: int, counts: list[int]
):
    rng = np.random.default_rng(seed)
    type_ = ColumnType(np.dtype(dtype), shape, compression)
    arrays = Arrays()
    column, twin = new_column(arrays, type_), np.zeros((SLOTS, *shape), dtype)
    live: set[int] = set()
    key = 0
    for count in counts:
        slots = np.arange(key, key + count) % SLOTS
        rows = some_rows(rng, count, type_)
        column.place(slots, column.pack(rows))
        twin[slots] = rows
        live |= set(slots.tolist())
        key += count
        gone = np.array([slot for slot in sorted(live) if rng.random() < 0.1], np.int64)
        column.let_go(gone)
        twin[gone] = np.zeros(shape, dtype)
        live -= set(gone.tolist())
        if rng.random() < 0.3:
            column = new_column(arrays, type_)
            column.recover(np.array(sorted(live), np.int64))
        asked = rng.integers(0, SLOTS, (3, 5))
        found = column.gather(asked)
        assert found.dtype == twin.dtype
        assert found.shape == (3, 5, *shape)
        assert found.tobytes() == twin[asked].tobytes()
        everything = np.arange(SLOTS)
        assert column.gather(everything).tobytes() == twin[everything].tobytes()


def alike(count: int, seed: int = 1) -> np.ndarray:
    rows = np.tile(np.random.default_rng(0).integers(0, 256, 500, np.uint8), (count, 1))
    rows[:, :20] = np.random.default_rng(seed).integers(0, 256, (count, 20))
    return rows


OF_BYTES = ColumnType(np.dtype("|u1"), (500,), "zstd")


@pytest.mark.parametrize("a_time", [1, 7, 200])
def test_a_dictionary_is_trained_on_the_first_rows_however_they_come(a_time: int):
    arrays = Arrays()
    column, rows = new_column(arrays, OF_BYTES, 1000), alike(600)

    for first in range(0, 600, a_time):
        piece = rows[first : first + a_time]
        column.place(np.arange(first, first + len(piece)), column.pack(piece))

    assert column.nbytes < 500 * 500 + 100 * 250  # those after the first get small
    assert arrays.heard.count("dictionary/x") == 1
    np.testing.assert_array_equal(column.gather(np.arange(600)), rows)


def test_a_dictionary_is_there_after_a_recovery():
    arrays = Arrays()
    column, rows = new_column(arrays, OF_BYTES, 1000), alike(600)
    column.place(np.arange(600), column.pack(rows))
    before = column.nbytes

    again = new_column(arrays, OF_BYTES, 1000)
    again.recover(np.arange(600))
    again.place(np.arange(600, 700), again.pack(alike(100, seed=2)))

    np.testing.assert_array_equal(again.gather(np.arange(600)), rows)
    np.testing.assert_array_equal(again.gather(np.arange(600, 700)), alike(100, seed=2))
    assert again.nbytes < before + 100 * 250
    assert arrays.heard.count("dictionary/x") == 1


def test_noise_is_kept_as_it_is_and_takes_no_more():
    column = new_column(Arrays(), ColumnType(np.dtype("|u1"), (100,), "lz4"))
    noise = np.random.default_rng(1).integers(0, 256, (20, 100), np.uint8)

    column.place(np.arange(20), column.pack(noise))

    assert column.nbytes == noise.nbytes
    np.testing.assert_array_equal(column.gather(np.arange(20)), noise)


def test_each_row_is_unpacked_once_however_often_it_is_asked_for(monkeypatch):
    column = new_column(Arrays(), OF_BYTES)
    column.place(np.arange(10), column.pack(np.zeros((10, 500), np.uint8)))
    counts = []
    codec = column._codec
    unpack = codec.decompress
    monkeypatch.setattr(
        codec, "decompress", lambda pieces, size: counts.append(len(pieces)) or unpack(pieces, size)
    )

    column.gather(np.array([[3, 4, 5], [4, 5, 6], [4, 5, 6]]))

    assert counts == [4]


def test_an_answer_can_be_written_to():
    column = new_column(Arrays(), OF_BYTES)
    column.place(np.arange(10), column.pack(np.zeros((10, 500), np.uint8)))

    column.gather(np.arange(3))[:] = 7

    assert not column.gather(np.arange(3)).any()


def test_rows_that_are_nowhere_are_an_inconsistency():
    arrays = Arrays()
    new_column(arrays, OF_BYTES)

    with pytest.raises(InconsistentStateError):
        new_column(arrays, OF_BYTES).recover(np.array([3]))
