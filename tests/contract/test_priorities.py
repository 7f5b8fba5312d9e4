"""Section 4: priorities, the highest so far, updates, stale keys."""

import math

import numpy as np
import pytest

from tests.contract.peer import TablePeer, array

ALPHA_1 = {"kind": "prioritized", "alpha": 1.0}


@pytest.mark.parametrize("dtype", ["|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8",
                                   "<f2", "<f4", "<f8"])  # fmt: skip
def test_priorities_come_in_any_float_or_integer_dtype(table: TablePeer, dtype: str):
    table.make()
    keys = table.post(
        "insert", {"columns": {"x": array("<i8", [7, 8])}, "priorities": array(dtype, [3, 0])}
    ).array("keys")

    table.post(
        "update-priorities", {"keys": array("<i8", keys[1:]), "priorities": array(dtype, [5])}
    )

    assert table.contents() == {0: (7, 3.0), 1: (8, 5.0)}


def test_priorities_are_kept_as_float64(table: TablePeer):
    table.make()

    table.fill([0, 0, 0], [0.1, 1 / 3, 5e-324])

    assert [p for _, p in table.contents().values()] == [0.1, 1 / 3, 5e-324]


@pytest.mark.parametrize(
    ("alpha", "highest"),
    # p^alpha <= 1e300 / capacity, with a capacity of 100
    [(1.0, 1e298), (2.0, 1e149), (0.5, None), (0.0, None)],
)
def test_priorities_beyond_what_sums_can_hold_are_bad(
    table: TablePeer, alpha: float, highest: float | None
):
    table.make(sampler={"alpha": alpha})
    largest = float(np.finfo(np.float64).max) if highest is None else highest * (1 - 1e-12)

    assert table.insert([1], [largest]).status == 200
    assert math.isfinite(table.stats()["priority_sum"])
    if highest is not None:
        answer = table.insert([1], [highest * (1 + 1e-12)])
        assert (answer.status, answer.code) == (422, "bad_priority")
    assert table.stats()["max_priority"] == largest


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -1e-300, -1.0])
def test_what_is_no_priority_is_refused_everywhere_and_changes_nothing(
    table: TablePeer, bad: float
):
    table.make()
    table.fill([1, 2], [1, 2])
    before, rows = table.stats(), table.contents()
    update = {"keys": array("<i8", [0, 1]), "priorities": array("<f8", [9, bad])}

    answers = [
        table.insert([3, 4], [1, bad]),
        table.post("update-priorities", update),
        table.sample(1, update=update),
        table.update([99], [bad]),
    ]

    assert [(answer.status, answer.code) for answer in answers] == [(422, "bad_priority")] * 4
    assert (table.stats(), table.contents()) == (before, rows)


def test_a_new_item_gets_the_highest_priority_so_far(table: TablePeer):
    table.make(capacity=4)
    table.fill([0], [0.25])  # lower than the first highest, 1.0
    table.fill([1])
    table.fill([2], [3.0])
    table.update([2], [0.5])  # never falls
    table.fill([3])
    table.update([3], [7.0])
    table.delete([3])  # nor by a delete
    table.fill([4])

    priorities = {key: priority for key, (_, priority) in table.contents().items()}

    assert priorities == {1: 1.0, 2: 0.5, 4: 7.0}
    assert table.stats()["max_priority"] == 7.0


def test_overwritten_rows_do_not_take_the_highest_priority_along(table: TablePeer):
    table.make(capacity=1)
    table.fill([0], [5.0])
    table.fill([1], [0.0])

    table.fill([2])

    assert table.contents() == {2: (2, 5.0)}


def test_stale_updates_and_overruled_ones_do_not_raise_the_highest(table: TablePeer):
    table.make(capacity=1)
    table.fill([0])
    table.fill([1])

    answer = table.update([0, 55, -3, 1, 1], [100, 200, 300, 400, 2])

    assert answer.document == {"updated": 2, "stale": 3}
    assert table.contents() == {1: (1, 2.0)}
    assert table.stats()["max_priority"] == 2.0


def test_of_one_key_given_twice_the_last_wins(table: TablePeer):
    table.make(sampler=ALPHA_1)
    table.fill([0, 1])

    answer = table.update([0, 1, 0, 0], [8, 3, 9, 4])

    assert answer.document == {"updated": 4, "stale": 0}
    assert table.contents() == {0: (0, 4.0), 1: (1, 3.0)}
    assert table.stats()["priority_sum"] == 7.0
    assert table.stats()["updated_total"] == 4


def test_a_late_update_does_no_harm_to_the_row_that_took_the_place(table: TablePeer):
    table.make(capacity=2)
    slots_and_more = 200  # every place has been taken many times over
    for first in range(0, slots_and_more, 2):
        table.fill([first, first + 1])

    answer = table.update(range(slots_and_more - 2), [50.0] * (slots_and_more - 2))

    assert answer.document == {"updated": 0, "stale": 198}
    assert [p for _, p in table.contents().values()] == [1.0, 1.0]
    assert table.stats()["stale_total"] == 198


@pytest.mark.parametrize("key", [-1, -(2**63), 2**53, 2**63 - 1, 1])
def test_keys_that_were_never_issued_are_stale(table: TablePeer, key: int):
    table.make()
    table.fill([0])

    assert table.update([key], [5.0]).document == {"updated": 0, "stale": 1}
    assert table.delete([key]).document == {"deleted": 0, "stale": 1}
    assert table.sample(1, update={"keys": array("<i8", [key]), "priorities": array("<f8", [2])}
                        ).document["stale"] == 1  # fmt: skip
    assert table.contents() == {0: (0, 1.0)}


def test_an_update_of_nothing_is_fine(table: TablePeer):
    table.make()

    assert table.update([], []).document == {"updated": 0, "stale": 0}


@pytest.mark.parametrize(
    ("keys", "priorities", "field"),
    [
        pytest.param(array("<i4", [0]), array("<f8", [1]), "keys", id="keys_of_another_dtype"),
        pytest.param(array("<f8", [0]), array("<f8", [1]), "keys", id="keys_are_floats"),
        pytest.param(array("<i8", [[0]]), array("<f8", [1]), "keys", id="keys_of_two_axes"),
        pytest.param(array("<i8", 0), array("<f8", 1), "keys", id="keys_of_no_axis"),
        pytest.param(array("<i8", [0]), array("<f8", [1, 2]), "priorities", id="too_many"),
        pytest.param(array("<i8", [0, 0]), array("<f8", [1]), "priorities", id="too_few"),
        pytest.param(array("<i8", [0]), array("|b1", [1]), "priorities", id="bools"),
        pytest.param(None, array("<f8", [1]), "keys", id="no_keys"),
    ],
)
def test_an_update_that_is_none_is_told_by_field(
    table: TablePeer, keys: dict, priorities: dict, field: str
):
    table.make()
    table.fill([0])
    update = {"keys": keys, "priorities": priorities}

    alone = table.post("update-priorities", update)
    with_a_draw = table.sample(1, update=update)

    assert (alone.status, alone.code, alone.document["field"]) == (422, "invalid_request", field)
    assert with_a_draw.document["field"] == f"update.{field}"


def test_items_of_priority_0_are_never_drawn_whatever_alpha_is(table: TablePeer):
    table.make(sampler={"alpha": 0.0})
    table.fill([0, 1, 2], [0, 5, 0.001])

    answer = table.sample(100)

    assert set(answer.array("keys").tolist()) == {1, 2}
    assert set(answer.array("probabilities").tolist()) == {0.5}
    assert answer.document["size"] == 3


def test_a_uniform_sampler_draws_items_of_priority_0_too(table: TablePeer):
    table.make(sampler={"kind": "uniform"})
    table.fill([0, 1], [0, 5])

    answer = table.sample(2)

    assert sorted(answer.array("keys").tolist()) == [0, 1]
    assert answer.array("probabilities").tolist() == [0.5, 0.5]
    assert answer.array("weights").tolist() == [1, 1]
