"""Section 3: samplers that go by an order."""

import pytest

from tests.contract.peer import TablePeer

PRIORITIES = [2.0, 5.0, 0.0, 5.0, 2.0]
ORDERS = {
    "fifo": [0, 1, 2, 3, 4],
    "lifo": [4, 3, 2, 1, 0],
    "min_heap": [2, 0, 4, 1, 3],  # of equal ones the older first
    "max_heap": [1, 3, 0, 4, 2],
}


@pytest.mark.parametrize("kind", ORDERS)
def test_a_batch_is_the_first_items_in_their_order(table: TablePeer, kind: str):
    table.make(sampler={"kind": kind})
    table.fill([0, 1], PRIORITIES[:2])
    table.fill([2, 3, 4], PRIORITIES[2:])

    for count in range(1, 6):
        answer = table.sample(count)

        assert answer.column("x").tolist() == ORDERS[kind][:count]
        assert answer.array("probabilities").tolist() == [1.0] * count
        assert answer.array("weights").tolist() == [1.0] * count


@pytest.mark.parametrize("kind", ORDERS)
def test_every_batch_begins_at_the_first_item(table: TablePeer, kind: str):
    table.make(sampler={"kind": kind})
    table.fill(range(5), PRIORITIES)

    answer = table.sample(2, batches=3, beta=1.0, normalize="table")

    assert answer.column("x").tolist() == [ORDERS[kind][:2]] * 3
    assert answer.array("times_sampled").tolist() == [[1, 1], [2, 2], [3, 3]]
    assert answer.array("weights").tolist() == [[1, 1]] * 3


@pytest.mark.parametrize("kind", ORDERS)
def test_more_than_there_are_wait_for_inserts(table: TablePeer, kind: str):
    table.make(sampler={"kind": kind})
    table.fill(range(5), PRIORITIES)

    answer = table.sample(7)

    assert (answer.status, answer.code) == (429, "rate_limited")
    assert "2 more inserts" in answer.document["detail"]
    assert table.stats()["sampled_total"] == 0


def test_a_heap_follows_updates(table: TablePeer):
    table.make(sampler={"kind": "max_heap"})
    keys = table.fill(range(3), [1, 2, 3])

    table.update([keys[0]], [9])

    assert table.sample(3).column("x").tolist() == [0, 2, 1]


def test_an_update_that_comes_along_is_applied_before_a_heap_is_asked(table: TablePeer):
    table.make(sampler={"kind": "min_heap"})
    keys = table.fill(range(3), [1, 2, 3])
    update = {
        "keys": {"dtype": "<i8", "shape": [1], "data": keys[2].to_bytes(8, "little")},
        "priorities": {"dtype": "|u1", "shape": [1], "data": b"\0"},
    }

    assert table.sample(1, update=update).column("x").tolist() == [2]


@pytest.mark.parametrize("kind", ["fifo", "lifo"])
def test_order_of_insertion_is_kept_where_slots_are_used_again(table: TablePeer, kind: str):
    table.make(sampler={"kind": kind}, remover={"kind": "min_heap"}, capacity=3)
    table.fill([0, 1, 2], [3, 1, 2])
    table.fill([3, 4], [9, 9])  # 1 and 2 go

    drawn = table.sample(3).column("x").tolist()

    assert drawn == ([0, 3, 4] if kind == "fifo" else [4, 3, 0])


@pytest.mark.parametrize("kind", ORDERS)
def test_ordered_samplers_have_no_further_keys(table: TablePeer, kind: str):
    answer = table.put(sampler={"kind": kind, "beta": 0.4})

    assert (answer.status, answer.document["field"]) == (422, "sampler.beta")
