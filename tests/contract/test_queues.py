"""Section 3: queues, of which each item is drawn once."""

from typing import Any

import pytest

from tests.contract.peer import TablePeer, array


def queue(size: int) -> dict[str, Any]:
    return {"kind": "queue", "size": size}


def test_each_item_of_a_queue_is_drawn_once_and_in_order(table: TablePeer):
    table.make(rate_limiter=queue(4))
    spec = table.peer.get(table.path).document["spec"]
    assert (spec["sampler"], spec["max_times_sampled"]) == ({"kind": "fifo"}, 1)
    table.fill([0, 1, 2])

    first = table.sample(2)
    table.fill([3, 4, 5])
    rest = table.sample(2, batches=2)

    assert first.column("x").tolist() == [0, 1]
    assert rest.column("x").tolist() == [[2, 3], [4, 5]]
    assert table.contents() == {}
    assert (table.stats()["size"], table.stats()["rows"]) == (0, 0)


def test_a_queue_tells_what_is_missing(table: TablePeer):
    table.make(rate_limiter=queue(4))
    table.fill([0, 1, 2])

    assert "1 more insert" in table.sample(4).document["detail"]
    assert "2 more draws" in table.insert([3, 4, 5]).document["detail"]
    assert table.insert(range(5)).status == 422
    assert table.sample(5).status == 422


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"sampler": {"kind": "uniform"}}, "sampler.kind"),
        ({"max_times_sampled": 2}, "max_times_sampled"),
        ({"items": {"kind": "transition"}}, "rate_limiter.kind"),
    ],
)
def test_what_contradicts_a_queue_is_refused(table: TablePeer, more: dict, field: str):
    answer = table.put(rate_limiter=queue(4), **more)

    assert (answer.status, answer.document["field"]) == (422, field)


def test_a_queue_wakes_who_waits_on_either_side(table: TablePeer):
    table.make(rate_limiter=queue(2))
    draw = table.wait_for_sample(2)
    table.fill([0])
    table.fill([1])
    assert draw.answer().column("x").tolist() == [0, 1]
    table.fill([2, 3])
    inserts = [table.wait_for_insert([4]), table.wait_for_insert([5])]

    assert table.sample(1).column("x").tolist() == [2]
    assert inserts[0].answer().status == 200
    assert table.sample(2).column("x").tolist() == [3, 4]
    assert inserts[1].answer().status == 200


def test_clients_that_hang_up_lose_nothing_of_a_queue(table: TablePeer):
    table.make(rate_limiter=queue(2))
    waiting = table.wait_for_sample(1)
    waiting.hang_up()
    table.peer.settle()
    table.fill([0, 1])
    insert = table.wait_for_insert([2])
    insert.hang_up()
    table.peer.settle()

    assert table.sample(2).column("x").tolist() == [0, 1]
    assert table.stats()["inserted_total"] == 2


def test_an_answer_lost_on_its_way_is_lost(table: TablePeer):
    table.make(rate_limiter=queue(4))
    table.fill([0, 1, 2])

    table.wait_for_sample(2).hang_up()  # drawn, and the answer read by nobody

    assert table.sample(1).column("x").tolist() == [2]
    assert table.sample(1).code == "rate_limited"
    assert table.stats()["sampled_total"] == 3


def test_a_deletion_wakes_an_insert_that_then_leaves_few(table: TablePeer):
    table.make(rate_limiter=queue(2))
    keys = table.fill([0, 1])
    waiting = table.wait_for_insert([2])

    table.post("delete", {"keys": array("<i8", keys[:1])})

    assert waiting.answer().status == 200


def test_an_insert_of_no_rows_passes_a_queue_that_is_too_full(table: TablePeer):
    table.make(capacity=4)
    table.fill([0, 1, 2])
    table.peer.json("PATCH", table.path, {"rate_limiter": queue(1)})

    answer = table.insert([], writer={"id": "a", "sequence": 0})

    assert (answer.status, answer.array("keys").tolist()) == (200, [])
    assert table.insert([3]).code == "rate_limited"
