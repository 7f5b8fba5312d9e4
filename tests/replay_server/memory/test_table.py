import numpy as np
import pytest

from replay_server.memory.errors import (
    InvalidPriorityError,
    NothingToDrawError,
    RateLimitedError,
    StaleSequenceError,
)
from replay_server.memory.rate_limiters import MinSize
from replay_server.memory.samplers import PrioritizedSampler, UniformSampler
from replay_server.memory.signature import ColumnType, Signature
from replay_server.memory.table import Table


def make_table(capacity=4, alpha=1.0, beta=1.0, min_size=1, seed=0, **options) -> Table:
    sampler = options.pop("sampler", None) or PrioritizedSampler(alpha, beta, True, "batch")
    return Table(
        capacity=capacity, sampler=sampler, limiter=MinSize(min_size), seed=seed, **options
    )


def rows(*numbers: int) -> dict[str, np.ndarray]:
    return {"x": np.array(numbers, np.int64)}


def stored(table: Table) -> dict[int, int]:
    """Key -> content, in the order of keys."""
    slots, _ = table.scan(-1, 10**6, "key")
    return dict(
        zip(
            table.keys_at(slots)[0].tolist(),
            table.gathering(slots, ["x"]).run()["x"].tolist(),
            strict=True,
        )
    )


def test_the_first_insert_of_a_row_fixes_the_signature():
    table = make_table()

    table.insert({"x": np.zeros((0, 3), np.float32)})
    assert table.signature is None
    table.insert({"x": np.zeros((1, 2), np.float32)})

    assert table.signature == Signature({"x": ColumnType(np.dtype("<f4"), (2,))})


def test_the_oldest_rows_go_and_keys_are_consecutive():
    table = make_table(capacity=3)

    keys = [table.insert(rows(*part))[0].tolist() for part in [(10, 11), (12, 13), (14,), ()]]

    assert keys == [[0, 1], [2, 3], [4], []]
    assert stored(table) == {2: 12, 3: 13, 4: 14}
    assert table.size == 3


@pytest.mark.parametrize("capacity", [1, 2, 3, 8, 65])
def test_an_insert_of_a_full_capacity_replaces_everything(capacity):
    table = make_table(capacity=capacity)

    for first in (0, 1000, 2000):
        table.insert(rows(*range(first, first + capacity)))

    assert list(stored(table).values()) == list(range(2000, 2000 + capacity))
    assert table.size == capacity
    assert table.priority_sum == capacity


def test_deleted_rows_make_no_room_for_older_ones():
    table = make_table(capacity=3)
    table.insert(rows(10, 11, 12))

    table.delete(np.array([1, 2]))
    table.insert(rows(13))

    assert stored(table) == {3: 13}  # of the last three keys, two were deleted
    assert table.size == 1


def test_a_key_given_twice_in_one_delete_is_deleted_once_and_stale_once():
    table = make_table()
    table.insert(rows(10, 11, 12))

    assert table.delete(np.array([1, 7, 1, -1])) == (1, 3)

    assert (table.size, table.deleted_total, table.priority_sum) == (2, 1, 2.0)
    assert (table.updated_total, table.stale_total) == (0, 0)
    assert stored(table) == {0: 10, 2: 12}


def test_keys_are_never_used_again_after_a_reset():
    table = make_table(capacity=3)
    table.insert(rows(10, 11), np.array([5.0, 6.0]), ("w", 3))

    table.reset()

    assert (table.size, table.max_priority, stored(table)) == (0, 1.0, {})
    assert table.insert(rows(12))[0].tolist() == [2]
    assert table.update_priorities(np.array([0, 1]), np.array([9.0, 9.0])) == (0, 2)
    assert table.insert(rows(99), None, ("w", 3))[0].tolist() == [0, 1]  # the writers stay
    assert (table.inserted_total, table.size) == (3, 1)


def test_the_keys_of_a_table_made_again_go_on_above_the_highest():
    table = make_table(first_key=7)

    first = table.insert(rows(10))[0].tolist()[0]

    assert first >= 7
    assert table.update_priorities(np.arange(7), np.ones(7)) == (0, 7)
    assert table.next_key == first + 1


def test_a_repeated_insert_happens_once_whatever_its_content():
    table = make_table()

    first = table.insert(rows(10, 11), None, ("w", 5))
    again = table.insert({"other": np.zeros(9)}, np.array([-1.0]), ("w", 5))

    assert (first[0].tolist(), first[1]) == ([0, 1], False)
    assert (again[0].tolist(), again[1]) == ([0, 1], True)
    assert (table.inserted_total, table.size) == (2, 2)


def test_a_sequence_behind_the_last_is_stale_and_a_gap_is_fine():
    table = make_table()
    table.insert(rows(10), None, ("w", 5))

    with pytest.raises(StaleSequenceError):
        table.insert(rows(11), None, ("w", 4))

    assert table.insert(rows(12), None, ("w", 900))[0].tolist() == [1]
    assert table.insert(rows(13), None, ("v", 0))[0].tolist() == [2]


def test_a_refused_insert_does_not_use_up_its_sequence():
    table = make_table()

    with pytest.raises(InvalidPriorityError):
        table.insert(rows(10), np.array([np.nan]), ("w", 1))

    assert table.insert(rows(10), None, ("w", 1))[1] is False


def test_an_update_with_the_draw_is_seen_by_that_draw():
    table = make_table()
    table.insert(rows(10, 11, 12), np.array([1.0, 0.0, 0.0]))

    draw = table.draw(5, update=(np.array([0, 2, 77]), np.array([0.0, 3.0, 1.0])))

    assert draw.keys.tolist() == [2] * 5
    assert draw.priorities.tolist() == [3.0] * 5
    assert (draw.updated, draw.stale, draw.size) == (2, 1, 3)
    assert (table.updated_total, table.stale_total) == (2, 1)


def test_an_update_with_the_draw_may_bring_the_first_mass():
    table = make_table()
    table.insert(rows(10, 11), np.zeros(2))
    with pytest.raises(NothingToDrawError) as caught:
        table.draw(1)

    draw = table.draw(2, update=(np.array([1]), np.array([2.0])))

    assert caught.value.size == 2
    assert draw.keys.tolist() == [1, 1]


def test_a_barren_update_with_the_draw_is_taken_back():
    table = make_table()
    table.insert(rows(10, 11, 12), np.array([2.0, 0.0, 5.0]))
    keys = np.array([0, 2, 2, 0, 99])

    with pytest.raises(NothingToDrawError):
        table.draw(1, update=(keys, np.array([9.0, 8.0, 0.0, 0.0, 7.0])))

    slots, _ = table.scan(-1, 9, "key")
    assert table.keys_at(slots)[1].tolist() == [2.0, 0.0, 5.0]
    assert (table.max_priority, table.priority_sum) == (5.0, 7.0)
    assert (table.updated_total, table.stale_total) == (0, 0)
    assert set(table.draw(50).keys.tolist()) == {0, 2}


def test_the_limiter_is_asked_before_the_update_is_applied():
    table = make_table(min_size=3)
    table.insert(rows(10, 11))

    with pytest.raises(RateLimitedError) as caught:
        table.draw(1, update=(np.array([0]), np.array([9.0])))

    assert caught.value.missing == "1 more insert"
    assert table.max_priority == 1.0


def test_priority_zero_is_drawn_uniformly_but_never_by_priority():
    uniform = make_table(sampler=UniformSampler(0.4, True, "table"))
    prioritized = make_table(alpha=0.0)
    for table in (uniform, prioritized):
        table.insert(rows(10, 11, 12, 13), np.array([0.0, 1.0, 5.0, 0.0]))

    assert sorted(uniform.draw(4).keys.tolist()) == [0, 1, 2, 3]
    assert uniform.draw(4).weights.tolist() == [1.0] * 4
    assert uniform.draw(4).probabilities.tolist() == [0.25] * 4
    assert set(prioritized.draw(100).keys.tolist()) == {1, 2}
    assert prioritized.size == 4
    assert (uniform.priority_sum, prioritized.priority_sum) == (6.0, 2.0)


@pytest.mark.parametrize("size", [1, 9, 200])
def test_a_scan_in_pages_meets_every_row_once_in_order(size):
    table = make_table(capacity=200)
    table.insert(rows(*range(size)))
    table.delete(np.arange(0, size, 3))

    met, after, more = [], -1, True
    while more:
        slots, more = table.scan(after, 7, "key")
        met += table.keys_at(slots)[0].tolist()
        after = met[-1] if met else -1

    assert met == [key for key in range(size) if key % 3]


def test_a_scan_passes_over_a_long_run_of_deleted_rows():
    table = make_table(capacity=200_000)
    table.insert({"x": np.arange(200_000)})
    table.delete(np.arange(1, 199_999))

    assert list(stored(table)) == [0, 199_999]
    slots, more = table.scan(0, 1, "key")
    assert (table.keys_at(slots)[0].tolist(), more) == ([199_999], False)


def test_a_row_that_has_just_gone_stays_readable_for_a_reader_under_way():
    table = make_table(capacity=3)
    table.insert(rows(10, 11, 12))
    draw = table.draw(3)

    table.insert(rows(13))  # the one slot of slack

    assert table.gathering(draw.slots, ["x"]).run()["x"].tolist() == [10, 11, 12]
