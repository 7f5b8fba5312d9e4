"""Section 5: draws from several tables in one answer, all parts or none."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.peer import LONG_S, Answer, Peer, TablePeer, WaitingRequest, array, values_of
from tests.contract.steps import StepPeer, episode, transitions


@pytest.fixture
def other(table: TablePeer) -> Iterator[TablePeer]:
    second = TablePeer(table.peer, f"{table.name}-other")
    yield second
    table.peer.send("DELETE", second.path)


def part(table: TablePeer, batch_size: int, **more: Any) -> dict[str, Any]:
    return {"table": table.name, "batch_size": batch_size, **more}


def mixed(peer: Peer, *parts: dict[str, Any]) -> Answer:
    return peer.msgpack("POST", "/v1/sample", {"parts": parts})


def update(key: int, priority: float) -> dict[str, Any]:
    return {"keys": array("<i8", [key]), "priorities": array("<f8", [priority])}


def test_parts_come_in_their_order_each_as_a_draw_of_its_own(table: TablePeer, other: TablePeer):
    for one in (table, other):
        one.make(sampler={"kind": "fifo"})
    table.fill([1, 2])
    keys = other.fill([3, 4, 5])

    answer = mixed(table.peer, part(other, 2, update=update(keys[0], 7)), part(table, 1, batches=2))

    first, second = answer.document["parts"]
    assert answer.form == "application/msgpack"
    assert first.keys() == table.sample(1).document.keys()
    assert values_of(first["columns"]["x"]).tolist() == [3, 4]
    assert values_of(first["priorities"]).tolist() == [7, 1]
    assert (first["size"], first["updated"], first["stale"]) == (3, 1, 0)
    assert values_of(second["columns"]["x"]).tolist() == [[1], [1]]
    assert (other.stats()["sampled_total"], other.stats()["updated_total"]) == (2, 1)


def test_a_table_of_steps_and_one_of_rows_go_together(steps: StepPeer, other: TablePeer):
    steps.make(**transitions())
    steps.store(episode([1, 2]))
    other.make()
    other.fill([7])

    answer = mixed(steps.peer, part(steps, 1, layout="indexed"), part(other, 1))

    first, second = answer.document["parts"]
    assert set(first["columns"]["rows"]) == {"observation"}
    assert values_of(second["columns"]["x"]).tolist() == [7]


SAMPLERS = [
    {"alpha": 1.0},
    {"alpha": 1.0, "replacement": False},
    {"kind": "uniform", "replacement": False},
    {"kind": "max_heap"},
]
REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"batch_size": 9, "layout": "indexed"}, "invalid_request"),
    ({"batch_size": 4}, "rate_limited"),
    ({"batch_size": 1, "columns": ["y"]}, "schema_mismatch"),
    ({"batch_size": 1, "update": update(0, -1)}, "bad_priority"),
    ({"batch_size": 1, "update": {"keys": {"dtype": "<i8", "shape": [2], "data": b""},
      "priorities": array("<f8", [1])}}, "invalid_request"),
    ({"batch_size": 1, "table": "nowhere"}, "unknown_table"),
    ({"batch_size": 1, "table": "no name"}, "invalid_request"),
    ({"batch_size": 1, "table": "x" * 100_000}, "invalid_request"),
    ({"batch_size": 2_000_000}, "too_large"),
]  # fmt: skip


@pytest.mark.parametrize("limit", [0, 3])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
@pytest.mark.parametrize(("refused", "code"), REFUSALS)
def test_nothing_of_a_part_is_left_when_a_later_one_is_refused(
    table: TablePeer, other: TablePeer, sampler: dict, limit: int, refused: dict, code: str
):
    twin = TablePeer(table.peer, f"{table.name}-twin")
    keys = []
    for one in (table, twin):
        one.make(sampler=sampler, max_times_sampled=limit, seed=11)
        keys = one.fill(range(6), [1, 2, 3, 4, 5, 6])
        one.sample(3)
    other.make(rate_limiter={"min_size": 3})
    other.fill([1])

    first = part(table, 2, batches=2, update=update(keys[0], 50), timeout=0.0)
    answer = mixed(table.peer, first, first, {"table": other.name, **refused})

    assert answer.code == code
    assert table.contents() == twin.contents()
    for name, expected in twin.stats().items():
        assert table.stats()[name] == expected
    drawn, others = table.sample(2, batches=2), twin.sample(2, batches=2)
    for name in ("keys", "probabilities", "weights", "times_sampled", "priorities", "ages"):
        assert drawn.array(name).tolist() == others.array(name).tolist()
    table.peer.send("DELETE", twin.path)


def test_a_table_may_appear_twice(table: TablePeer):
    table.make(sampler={"kind": "max_heap"})
    keys = table.fill([1, 2, 3], [1, 2, 3])

    answer = mixed(table.peer, part(table, 1), part(table, 1, update=update(keys[0], 9)))

    drawn = [values_of(one["columns"]["x"]).tolist() for one in answer.document["parts"]]
    assert drawn == [[3], [1]]
    assert table.stats()["sampled_total"] == 2


def test_what_one_part_used_up_is_not_there_for_the_next(table: TablePeer):
    table.make(sampler={"kind": "max_heap"}, max_times_sampled=1)
    keys = table.fill([1, 2, 3], [1, 2, 3])

    answer = mixed(table.peer, part(table, 1), part(table, 1, update=update(keys[2], 9)))

    second = answer.document["parts"][1]
    assert values_of(second["columns"]["x"]).tolist() == [2]
    assert (second["updated"], second["stale"], second["size"]) == (0, 1, 2)
    assert (table.stats()["size"], table.stats()["rows"]) == (1, 1)
    assert mixed(table.peer, part(table, 1), part(table, 1)).code == "rate_limited"
    assert table.sample(1).column("x").tolist() == [1]


def test_a_step_whose_item_was_used_up_is_updated_but_not_drawn(steps: StepPeer):
    steps.make(**{**transitions(), "sampler": {"kind": "max_heap"}}, max_times_sampled=1)
    keys = steps.store(episode([1, 2, 3]))

    answer = mixed(steps.peer, part(steps, 1), part(steps, 1, update=update(keys[0], 9)))

    second = answer.document["parts"][1]
    assert values_of(second["keys"]).tolist() == keys[1:2]
    assert (second["updated"], second["stale"]) == (1, 0)
    assert steps.stats()["size"] == 0


def test_the_limiter_counts_the_parts_before(table: TablePeer):
    table.make(rate_limiter={"kind": "queue", "size": 3})
    table.fill([1, 2, 3])

    assert mixed(table.peer, part(table, 2), part(table, 2)).code == "rate_limited"
    answer = mixed(table.peer, part(table, 2), part(table, 1))

    drawn = [values_of(one["columns"]["x"]).tolist() for one in answer.document["parts"]]
    assert drawn == [[1, 2], [3]]


def test_the_longest_timeout_holds_for_all(table: TablePeer, other: TablePeer):
    for one in (table, other):
        one.make()
    document = {"parts": [part(table, 1, timeout=LONG_S), part(other, 1, timeout=0.0)]}
    waiting = WaitingRequest(table.peer, "/v1/sample", document)

    table.fill([1])
    other.fill([2])

    drawn = [values_of(one["columns"]["x"]) for one in waiting.answer().document["parts"]]
    assert [x.tolist() for x in drawn] == [[1], [2]]


def test_a_mixed_draw_that_waited_wakes_inserts_into_its_other_tables(
    table: TablePeer, other: TablePeer
):
    table.make()
    other.make(rate_limiter={"kind": "queue", "size": 1})
    other.fill([1])
    document = {"parts": [part(table, 1, timeout=LONG_S), part(other, 1)]}
    draw = WaitingRequest(table.peer, "/v1/sample", document)
    insert = other.wait_for_insert([2])

    table.fill([0])

    assert draw.answer().status == 200
    assert insert.answer().status == 200
    assert other.sample(1).column("x").tolist() == [2]


def test_who_waits_for_several_tables_gets_404_when_one_goes(table: TablePeer, other: TablePeer):
    for one in (table, other):
        one.make()
    document = {"parts": [part(table, 1, timeout=LONG_S), part(other, 1)]}
    waiting = WaitingRequest(table.peer, "/v1/sample", document)

    other.peer.send("DELETE", other.path)

    assert waiting.answer().code == "unknown_table"
    assert table.fill([1]) == [0]


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "parts"),
        ({"parts": []}, "parts"),
        ({"parts": [{"table": "t"}]}, "parts[0].batch_size"),
        ({"parts": [{"batch_size": 1}]}, "parts[0].table"),
        ({"parts": [{"table": "t", "batch_size": 1, "size": 1}]}, "parts[0].size"),
        ({"parts": [{"table": "t", "batch_size": 1}], "timeout": 1}, "timeout"),
    ],
)
def test_requests_that_are_none_are_refused_by_name(peer: Peer, document: dict, field: str):
    for send in (peer.msgpack, peer.json):
        answer = send("POST", "/v1/sample", document)

        assert (answer.status, answer.document["field"]) == (422, field)


def test_parts_are_read_and_told_in_json_too(table: TablePeer):
    table.make(sampler={"kind": "max_heap"})
    (key,) = table.fill([1])
    wired = {
        "keys": {"dtype": "<i8", "shape": [1], "data": [key]},
        "priorities": {"dtype": "<f8", "shape": [1], "data": [4.0]},
    }

    answer = table.peer.json("POST", "/v1/sample", {"parts": [part(table, 1, update=wired)]})

    (only,) = answer.document["parts"]
    assert only["priorities"]["data"] == [4.0]


def test_all_parts_together_keep_to_the_limits(table: TablePeer):
    table.make()
    table.fill([1])
    most = table.peer.get("/v1/info").document["limits"]["max_draws_per_request"]

    answer = mixed(table.peer, part(table, most), part(table, 1))

    assert (answer.status, answer.code) == (413, "too_large")
    assert table.stats()["sampled_total"] == 0
