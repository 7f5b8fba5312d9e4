"""Section 3: changes of a live table."""

from typing import Any

import pytest

from tests.contract.peer import Answer, TablePeer

PRIORITIZED = {
    "kind": "prioritized", "alpha": 0.6, "beta": 0.4, "stratified": True, "replacement": True,
    "normalize": "batch",
}  # fmt: skip


def patch(table: TablePeer, **change: Any) -> Answer:
    return table.peer.json("PATCH", table.path, change)


def test_a_sampler_is_merged_key_by_key(table: TablePeer):
    table.make(sampler={"beta": 0.9})

    answer = patch(table, sampler={"alpha": 1.0})

    assert answer.status == 200
    assert answer.document["name"] == table.name
    assert answer.document["spec"]["sampler"] == {**PRIORITIZED, "beta": 0.9, "alpha": 1.0}
    assert answer.document == table.peer.get(table.path).document


def test_a_changed_kind_replaces_the_object(table: TablePeer):
    table.make(sampler={"beta": 0.9}, rate_limiter={"min_size": 3})

    patch(table, sampler={"kind": "uniform"})
    document = patch(table, sampler={"kind": "prioritized"}).document

    assert document["spec"]["sampler"] == PRIORITIZED
    assert document["spec"]["rate_limiter"] == {"kind": "min_size", "min_size": 3}


def test_raw_priorities_are_kept(table: TablePeer):
    table.make(sampler={"alpha": 0.5})
    table.fill([1, 2], [1, 4])
    assert table.stats()["priority_sum"] == 3

    patch(table, sampler={"alpha": 1.0})
    assert table.stats()["priority_sum"] == 5
    patch(table, sampler={"kind": "max_heap"})
    assert table.sample(2).column("x").tolist() == [2, 1]
    patch(table, sampler={"kind": "prioritized", "alpha": 2.0})

    answer = table.sample(8)
    expected = {1: 1 / 17, 2: 16 / 17}
    told = dict(
        zip(answer.column("x").tolist(), answer.array("probabilities").tolist(), strict=True)
    )
    assert told == pytest.approx({x: expected[x] for x in told})
    assert table.stats()["priority_sum"] == 17


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"capacity": 5}, "capacity"),
        ({"seed": 1}, "seed"),
        ({"items": {"kind": "row"}}, "items"),
        ({"remover": {"kind": "lifo"}}, "remover"),
        ({"columns": {}}, "columns"),
        ({"sampler": {"gamma": 1}}, "sampler.gamma"),
        ({"sampler": {"alpha": -1}}, "sampler.alpha"),
        ({"sampler": {"kind": "best"}}, "sampler.kind"),
        ({"sampler": "uniform"}, "sampler"),
        ({"rate_limiter": {"min_size": 101}}, "rate_limiter.min_size"),
        ({"rate_limiter": {"kind": "queue"}}, "rate_limiter.size"),
        ({"max_times_sampled": -1}, "max_times_sampled"),
        ({"max_times_sampled": "1"}, "max_times_sampled"),
    ],
)
def test_other_changes_are_refused_and_change_nothing(table: TablePeer, change: dict, field: str):
    table.make()
    before = table.peer.get(table.path).document

    answer = patch(table, **{"sampler": {"beta": 0.1}, **change})

    assert (answer.status, answer.code) == (422, "invalid_request")
    assert answer.document["field"] == field
    assert table.peer.get(table.path).document == before


def test_priorities_too_large_for_a_new_alpha_are_told(table: TablePeer):
    table.make(sampler={"alpha": 1.0})
    table.fill([1], [1e200])

    answer = patch(table, sampler={"alpha": 2.0})

    assert (answer.status, answer.code) == (422, "bad_priority")
    assert table.stats()["priority_sum"] == 1e200


def test_a_changed_limiter_begins_anew(table: TablePeer):
    limiter = {
        "kind": "sample_to_insert_ratio", "samples_per_insert": 1, "min_size": 1,
        "error_buffer": 2,
    }  # fmt: skip
    table.make(rate_limiter=limiter)
    table.fill([0])
    table.fill([1, 2])
    assert table.insert([3]).code == "rate_limited"  # d = 3 = r m + e

    patch(table, sampler={"beta": 0.5})
    assert table.insert([3]).code == "rate_limited"
    patch(table, rate_limiter={"min_size": 1})
    assert table.insert([3]).status == 200  # d = 1


def test_a_change_wakes_who_waits(table: TablePeer):
    table.make(rate_limiter={"min_size": 5})
    table.fill([0])
    waiting = table.wait_for_sample(1)

    patch(table, rate_limiter={"min_size": 1})

    assert waiting.answer().status == 200


def test_a_table_becomes_a_queue(table: TablePeer):
    table.make()
    table.fill([0, 1])

    spec = patch(table, rate_limiter={"kind": "queue", "size": 3}).document["spec"]

    assert (spec["sampler"], spec["max_times_sampled"]) == ({"kind": "fifo"}, 1)
    assert patch(table, max_times_sampled=2).document["field"] == "max_times_sampled"
    assert table.sample(2).column("x").tolist() == [0, 1]
    assert table.stats()["rows"] == 0


def test_put_equals_the_spec_as_made_and_as_it_stands(table: TablePeer):
    columns = {"x": {"dtype": "<i8", "shape": []}}
    table.make(columns=columns)
    patch(table, sampler={"beta": 0.9})

    assert table.put(columns=columns).status == 200
    assert table.put().status == 200  # without columns: equals any signature
    assert table.put(sampler={"beta": 0.9}).status == 200
    assert table.put(sampler={"beta": 0.8}).code == "table_exists"
    assert table.peer.get(table.path).document["spec"]["sampler"]["beta"] == 0.9


def test_columns_that_an_insert_fixed_are_those_of_the_spec_as_made_too(table: TablePeer):
    table.make()
    table.fill([1])
    patch(table, sampler={"beta": 0.9})

    assert table.put(columns={"x": {"dtype": "<i8", "shape": []}}).status == 200
    assert table.put(columns={"x": {"dtype": "<i4", "shape": []}}).code == "table_exists"
