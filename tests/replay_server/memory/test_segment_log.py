from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_server.memory.arrays import aligned_zeros
from replay_server.memory.changes import Changes
from replay_server.memory.errors import InconsistentStateError
from replay_server.memory.segment_log import SegmentLog, segment_bytes_for

SIZE = 10


class Hearing(Changes):
    def __init__(self) -> None:
        self.gone: list[str] = []

    def released(self, segment: str) -> None:
        self.gone.append(segment)


def new_log(changes: Changes | None = None, allocate: Any = aligned_zeros) -> SegmentLog:
    return SegmentLog("x", SIZE, allocate, changes or Hearing())


def put(log: SegmentLog, *pieces: bytes) -> np.ndarray:
    return log.append(b"".join(pieces), np.array([len(piece) for piece in pieces]))


def read(log: SegmentLog, locations: Any, lengths: Any) -> list[bytes]:
    return [bytes(each) for each in log.read(np.asarray(locations), np.asarray(lengths))]


def test_pieces_fill_a_segment_and_go_on_in_the_next():
    log = new_log()

    locations = put(log, b"abcd", b"efgh", b"ijk", b"l" * SIZE, b"m")

    assert read(log, locations, [4, 4, 3, 10, 1]) == [b"abcd", b"efgh", b"ijk", b"l" * 10, b"m"]
    held = {name: bytes(each.array[: each.used]) for name, each in log.segments().items()}
    assert held == {
        "x.00000001": b"abcdefgh",
        "x.00000002": b"ijk",
        "x.00000003": b"l" * 10,
        "x.00000004": b"m",
    }
    assert log.nbytes == 22


def test_a_segment_goes_with_its_last_piece_but_for_the_one_appended_to():
    changes = Hearing()
    log = new_log(changes)
    first = put(log, b"abcd", b"efgh")
    last = put(log, b"ijk", b"l")

    log.let_go(first[:1])
    log.let_go(last)

    assert changes.gone == []
    log.let_go(first[1:])
    assert changes.gone == ["x.00000001"]
    assert list(log.segments()) == ["x.00000002"]
    put(log, b"m" * SIZE)
    assert changes.gone == ["x.00000001", "x.00000002"]


@given(
    st.lists(
        st.one_of(
            st.lists(st.binary(min_size=1, max_size=SIZE), min_size=1, max_size=6),
            st.lists(st.integers(0, 50), max_size=6),
            st.just("clear"),
            st.just("recover"),
        ),
        max_size=25,
    )
)
def test_it_does_what_a_dictionary_does(program: list[Any]):
    changes, arrays = Hearing(), {}

    def allocate(name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return arrays.setdefault(name.removeprefix("segment/"), aligned_zeros(name, shape, dtype))

    log, twin = new_log(changes, allocate), {}
    for step in program:
        if step == "clear":
            log.clear()
            twin.clear()
        elif step == "recover":
            log = new_log(changes, allocate)
            lengths = np.array([len(piece) for piece in twin.values()], np.int64)
            log.recover(np.array(list(twin), np.int64), lengths)
        elif step and isinstance(step[0], bytes):
            locations = put(log, *step)
            assert not set(locations.tolist()) & set(twin)
            twin.update(zip(locations.tolist(), step, strict=True))
        else:
            keys = list(twin)
            gone = {keys[number % len(keys)] for number in step} if keys else set()
            if gone:
                log.let_go(np.array(sorted(gone)))
            for key in gone:
                del twin[key]
        for name in changes.gone:
            del arrays[name]
        changes.gone.clear()
        assert read(log, list(twin), [len(piece) for piece in twin.values()]) == list(twin.values())
        needed = {f"x.{location >> 32:08d}" for location in twin}
        assert needed <= set(log.segments())
        assert len(set(log.segments()) - needed) <= 1
        assert log.pieces == len(twin)


def test_what_was_told_of_a_segment_does_not_change():
    log = new_log()
    put(log, b"abcd")
    told = log.segments()["x.00000001"]

    put(log, b"efg")
    log.clear()

    assert (told.used, bytes(told.array[:4])) == (4, b"abcd")


def test_a_refused_segment_leaves_what_is_there_readable():
    def allocate(name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        if name.endswith("2"):
            raise MemoryError
        return aligned_zeros(name, shape, dtype)

    log = new_log(allocate=allocate)
    locations = put(log, b"abcd")
    with pytest.raises(MemoryError):
        put(log, b"efg", b"hijkl")

    assert read(log, locations, [4]) == [b"abcd"]
    assert log.pieces == 1


def test_a_piece_beyond_the_end_of_its_segment_is_an_inconsistency():
    log = new_log()

    with pytest.raises(InconsistentStateError):
        log.recover(np.array([(1 << 32) + 8]), np.array([3]))


@pytest.mark.parametrize(
    ("slots", "row_bytes", "expected"),
    [(10, 8, 1 << 16), (10**6, 7056, 1 << 24), (100_000, 7056, 2_756_250), (3, 1 << 25, 1 << 25)],
)
def test_a_segment_is_a_small_part_of_a_table_and_holds_any_row(slots, row_bytes, expected):
    assert segment_bytes_for(slots, row_bytes) == expected
