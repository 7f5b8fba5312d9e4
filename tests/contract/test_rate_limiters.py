"""Section 3: limiters that hold inserts and draws to a ratio, give or take."""

import time
from typing import Any

import pytest

from tests.contract.peer import TablePeer
from tests.contract.steps import StepPeer, episode, onward, transitions

AT_ONCE_S = 0.2


def ratio(r: float, m: int, e: float) -> dict[str, Any]:
    return {
        "kind": "sample_to_insert_ratio",
        "samples_per_insert": r,
        "min_size": m,
        "error_buffer": e,
    }


def queue(size: int) -> dict[str, Any]:
    return {"kind": "queue", "size": size}


def test_draws_and_inserts_keep_to_the_ratio(table: TablePeer):
    table.make(rate_limiter=ratio(2, 3, 4))  # r m = 6: d is kept from 2 to 10
    table.fill([0, 1, 2])  # d = 6: at most m items, so that it passes whatever d is

    assert table.sample(5).code == "rate_limited"  # d would be 1
    assert table.sample(4).status == 200  # 2
    assert "1 more insert" in table.sample(1).document["detail"]
    table.fill([3, 4, 5, 6])  # 10
    answer = table.insert([7])
    assert (answer.status, answer.code) == (429, "rate_limited")
    assert "2 more draws" in answer.document["detail"]
    assert answer.headers["retry-after"]
    assert table.sample(2).status == 200
    assert table.insert([7]).status == 200
    assert table.stats()["inserted_total"] == 8


def test_min_size_counts_items_and_not_rows(steps: StepPeer):
    steps.make(**transitions(), rate_limiter={"min_size": 3})
    steps.store(episode([1, 2, 3]))

    assert "1 more insert" in steps.sample(1).document["detail"]  # three rows, but two items
    steps.store(episode([4, 5]))
    assert steps.sample(1).document["size"] == 3


def test_draws_need_min_size_items(table: TablePeer):
    table.make(rate_limiter=ratio(1, 3, 100))
    table.fill([0, 1])

    assert "1 more insert" in table.sample(1).document["detail"]


def test_inserts_that_leave_at_most_min_size_always_pass(table: TablePeer):
    table.make(rate_limiter=ratio(1, 4, 1))
    for _ in range(5):
        keys = table.fill([0, 1, 2, 3])
        table.delete(keys)

    assert table.stats()["inserted_total"] == 20
    table.fill([0, 1, 2, 3])
    assert table.insert([4]).code == "rate_limited"


def test_what_goes_for_new_rows_does_not_count(table: TablePeer):
    table.make(capacity=4, rate_limiter=ratio(1, 3, 1))
    keys = table.fill([0, 1, 2])
    table.delete(keys[1:])
    table.fill([3])  # three keys, then four: 0 and 3

    assert table.fill([4, 5])  # 0 goes for it, so that 3, 4 and 5 are left
    assert table.stats()["size"] == 3


@pytest.mark.parametrize("verb", ["insert", "sample"])
def test_more_than_twice_the_buffer_at_once_is_refused(table: TablePeer, verb: str):
    table.make(rate_limiter=ratio(1, 1, 2))
    table.fill([0])

    answer = table.insert(range(5)) if verb == "insert" else table.sample(5, timeout=30)

    assert (answer.status, answer.code) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("limiter", "field"),
    [
        (ratio(1, 1, 0.5), "rate_limiter.error_buffer"),
        (ratio(3, 1, 2.5), "rate_limiter.error_buffer"),
        (ratio(0.1, 1, 0.9), "rate_limiter.error_buffer"),
        (ratio(0, 1, 1), "rate_limiter.samples_per_insert"),
        (ratio(1, 101, 1), "rate_limiter.min_size"),
        (ratio(1e308, 50, 1e308), "rate_limiter"),
        ({"kind": "sample_to_insert_ratio", "min_size": 1, "error_buffer": 1},
         "rate_limiter.samples_per_insert"),
        ({"kind": "sample_to_insert_ratio", "samples_per_insert": 1, "error_buffer": 1},
         "rate_limiter.min_size"),
        ({"kind": "sample_to_insert_ratio", "samples_per_insert": 1, "min_size": 1},
         "rate_limiter.error_buffer"),
        ({"kind": "queue"}, "rate_limiter.size"),
        (queue(0), "rate_limiter.size"),
        (queue(101), "rate_limiter.size"),
    ],
)  # fmt: skip
def test_infeasible_limiters_are_refused_at_once(table: TablePeer, limiter: dict, field: str):
    answer = table.put(rate_limiter=limiter)

    assert (answer.status, answer.document["field"]) == (422, field)


def test_numbers_beyond_counting_do_no_harm(table: TablePeer):
    table.make(rate_limiter=ratio(5e-324, 1, 1))
    table.fill([0])

    assert table.sample(2).code == "rate_limited"


def test_steps_without_items_bring_nothing_to_a_standstill(steps: StepPeer):
    steps.make(**transitions(), rate_limiter=ratio(1, 10, 2))
    for number in range(10):  # episodes of two rows hold one item each
        assert steps.steps(episode([number, number])).status == 200

    assert steps.stats()["size"] == 10
    assert steps.steps(episode([1, 1])).code == "rate_limited"
    assert steps.steps([(1, 0, True, False, False)]).status == 200  # ten items still
    assert steps.sample(4).status == 200


def test_a_refused_insert_of_steps_changes_nothing(steps: StepPeer):
    steps.make(**transitions(), rate_limiter=ratio(1, 2, 1), capacity=6)
    keys = steps.store(episode([1, 2, 3], end="open"))  # d = 3, two items

    for _ in range(3):
        assert steps.steps(onward([4, 5])).code == "rate_limited"
        assert steps.steps(onward([4], end="terminal"), streams=[7]).status == 200
        steps.delete([steps.scan().array("keys").max()])
    assert steps.stats()["size"] == 2
    assert steps.sample(2).array("keys").tolist() == keys[:2]


def test_an_insert_that_waits_is_woken_by_a_draw(table: TablePeer):
    table.make(rate_limiter=ratio(1, 1, 1))
    delays = []
    for _ in range(3):  # the best of three: the machine may be busy
        table.peer.send("POST", f"{table.path}/reset")
        table.fill([0])
        table.fill([1])
        waiting = table.wait_for_insert([2])
        assert table.sample(1).status == 200
        drawn_at = time.perf_counter()
        assert waiting.answer().status == 200
        delays.append(time.perf_counter() - drawn_at)

    assert min(delays) < AT_ONCE_S


def test_a_draw_that_waits_for_the_ratio_is_woken_by_an_insert(table: TablePeer):
    table.make(rate_limiter=ratio(1, 1, 1))
    table.fill([0])
    assert table.sample(1).status == 200
    waiting = table.wait_for_sample(1)

    table.fill([1])

    assert waiting.answer().document["size"] == 2


def test_reset_begins_the_count_anew_and_wakes_inserts(table: TablePeer):
    table.make(rate_limiter=ratio(1, 1, 1))
    table.fill([0])
    table.fill([1])
    waiting = table.wait_for_insert([2])

    table.peer.send("POST", f"{table.path}/reset")

    assert waiting.answer().status == 200  # d = 1
    assert table.stats()["size"] == 1
    assert table.insert([3]).status == 200  # 2
    assert table.insert([4]).code == "rate_limited"
