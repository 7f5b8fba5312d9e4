"""Section 5: sample, what it answers, what it refuses."""

from typing import Any

import numpy as np
import pytest

from tests.contract.peer import TablePeer, array

ALPHA_1 = {"kind": "prioritized", "alpha": 1.0}
ARRAYS = {
    "keys": "<i8",
    "probabilities": "<f8",
    "weights": "<f4",
    "priorities": "<f8",
    "times_sampled": "<i4",
    "ages": "<i8",
}


def update(keys: list[int], priorities: list[float]) -> dict[str, Any]:
    return {"keys": array("<i8", keys), "priorities": array("<f8", priorities)}


@pytest.mark.parametrize(("batches", "shape"), [(1, [4]), (3, [3, 4])])
def test_an_answer_has_every_array_in_its_dtype_and_shape(
    table: TablePeer, batches: int, shape: list[int]
):
    table.make(columns={"x": {"dtype": "<i8", "shape": []}, "v": {"dtype": "<f2", "shape": [2, 5]}})
    columns = {"x": array("<i8", [1, 2]), "v": array("<f2", np.ones((2, 2, 5)))}
    table.post("insert", {"columns": columns})

    document = table.sample(4, batches=batches).document

    assert document.keys() == {*ARRAYS, "columns", "size", "updated", "stale"}
    for name, dtype in ARRAYS.items():
        assert (document[name]["dtype"], document[name]["shape"]) == (dtype, shape)
    assert document["columns"]["v"]["shape"] == [*shape, 2, 5]
    assert document["columns"]["x"]["shape"] == shape
    assert (document["size"], document["updated"], document["stale"]) == (2, 0, 0)


def test_columns_are_those_of_the_keys(table: TablePeer):
    table.make()
    table.fill([100, 101, 102, 103])

    answer = table.sample(50)

    assert (answer.column("x") == answer.array("keys") + 100).all()


def test_probabilities_weights_and_ages_by_hand(table: TablePeer):
    table.make(sampler={**ALPHA_1, "beta": 0.5})
    table.fill([0, 1], [1, 3])  # P = 1/4, 3/4
    table.fill([2, 3], [0, 0])

    answer = table.sample(4)  # stratified: one in each quarter of the mass 1 + 3

    assert answer.array("keys").tolist() == [0, 1, 1, 1]
    assert answer.array("probabilities").tolist() == [0.25, 0.75, 0.75, 0.75]
    assert answer.array("priorities").tolist() == [1, 3, 3, 3]
    assert answer.array("weights").tolist() == pytest.approx([1, *[(1 / 3) ** 0.5] * 3])
    assert answer.array("times_sampled").tolist() == [1, 1, 2, 3]
    assert answer.array("ages").tolist() == [3, 2, 2, 2]
    assert answer.document["size"] == 4


def test_alpha_is_applied_once(table: TablePeer):
    table.make(sampler={"alpha": 0.5})
    table.fill([0, 1], [1, 9])  # masses 1 and 3

    answer = table.sample(4)

    assert answer.array("probabilities").tolist() == [0.25, 0.75, 0.75, 0.75]
    assert answer.array("priorities").tolist() == [1, 9, 9, 9]


@pytest.mark.parametrize(
    ("request_body", "weight"),
    [
        ({}, (1 / 3) ** 0.5),
        ({"beta": 1}, 1 / 3),
        ({"beta": 0.0}, 1.0),
        ({"beta": 2.0}, 1 / 9),
        ({"normalize": "table"}, (1 / 6) ** 0.5),
        ({"normalize": "table", "beta": 1.0}, 1 / 6),
        ({"normalize": "batch", "beta": 1.0}, 1 / 3),
        ({"normalize": None, "beta": None}, (1 / 3) ** 0.5),
    ],
)
def test_beta_and_normalize_of_the_request_win(
    table: TablePeer, request_body: dict[str, Any], weight: float
):
    # masses 1, 2 and 6: one draw in each of [0, 4.5) and [4.5, 9), until both 2 and 6 come
    table.make(sampler={**ALPHA_1, "beta": 0.5}, seed=1)
    table.fill([0, 1, 2], [1, 2, 6])

    answer = table.sample(2, **request_body)
    while answer.array("priorities").tolist() != [2, 6]:
        answer = table.sample(2, **request_body)

    heavy = answer.array("weights")[1]
    assert heavy == pytest.approx(weight, rel=1e-6)


def test_table_wide_weights_forget_items_that_are_gone(table: TablePeer):
    table.make(capacity=2, sampler={**ALPHA_1, "beta": 1.0, "normalize": "table"})
    table.fill([0, 1], [0.001, 4])
    table.sample(1)
    table.fill([2], [2])  # 0 goes, and 2 is now the least

    weights = {}
    for _ in range(20):
        answer = table.sample(4)
        weights |= dict(zip(answer.array("priorities"), answer.array("weights"), strict=True))

    assert weights == {4.0: pytest.approx(0.5), 2.0: pytest.approx(1.0)}


def test_table_wide_weights_do_not_count_items_of_priority_0(table: TablePeer):
    table.make(sampler={**ALPHA_1, "normalize": "table"})
    table.fill([0, 1], [0, 4])

    assert table.sample(1).array("weights").tolist() == [1.0]


def test_each_batch_is_weighted_by_itself(table: TablePeer):
    table.make(sampler={**ALPHA_1, "beta": 1.0, "stratified": False})
    table.fill([0, 1], [1, 2])

    answer = table.sample(1, batches=40)

    assert set(answer.array("priorities").ravel().tolist()) == {1.0, 2.0}
    assert (answer.array("weights") == 1).all()


def test_times_sampled_count_up_over_batches_and_requests(table: TablePeer):
    table.make()
    table.fill([0])

    first = table.sample(2, batches=2).array("times_sampled").tolist()
    second = table.sample(3).array("times_sampled").tolist()

    assert (first, second) == ([[1, 2], [3, 4]], [5, 6, 7])
    assert table.stats()["sampled_total"] == 7


def test_only_the_columns_that_are_asked_for_are_drawn(table: TablePeer):
    table.make()
    table.post("insert", {"columns": {c: array("<i8", [1]) for c in ("a", "b", "c/d")}})

    chosen = [
        list(table.sample(1, columns=names).document["columns"])
        for names in (["b"], ["c/d", "a"], ["a", "a"], [], None)
    ]

    assert chosen == [["b"], ["c/d", "a"], ["a"], [], ["a", "b", "c/d"]]


def test_a_column_that_is_not_there_is_a_mismatch(table: TablePeer):
    table.make()
    table.fill([0])

    answer = table.sample(1, columns=["x", "y"])

    assert (answer.status, answer.code) == (422, "schema_mismatch")
    assert answer.document["column"] == "y"
    assert table.stats()["sampled_total"] == 0


def test_the_update_is_applied_before_the_draw(table: TablePeer):
    table.make(sampler=ALPHA_1)
    table.fill([0, 1])

    answer = table.sample(8, update=update([0, 1, 9], [0, 4, 4]))

    assert answer.array("keys").tolist() == [1] * 8
    assert answer.array("priorities").tolist() == [4] * 8
    assert (answer.document["updated"], answer.document["stale"]) == (2, 1)
    assert (table.stats()["updated_total"], table.stats()["stale_total"]) == (2, 1)
    assert table.stats()["max_priority"] == 4


def test_the_limiter_is_asked_first_and_tells_what_is_missing(table: TablePeer):
    table.make(capacity=400, rate_limiter={"min_size": 313})
    table.fill([0], [0.0])  # there is nothing to draw either, but the limiter goes first

    answer = table.sample(1, update=update([0], [5]))

    assert (answer.status, answer.code) == (429, "rate_limited")
    assert "312 more inserts" in answer.document["detail"]
    assert int(answer.headers["retry-after"]) >= 0
    stats = table.stats()
    assert (stats["updated_total"], stats["max_priority"], stats["sampled_total"]) == (0, 1.0, 0)


def test_an_empty_table_draws_nothing_even_with_a_min_size_of_0(table: TablePeer):
    table.make(rate_limiter={"min_size": 0})

    assert table.sample(1).code == "rate_limited"


def test_items_without_mass_are_nothing_to_draw_at_once(table: TablePeer):
    table.make()
    table.fill([0, 1], [0, 0])

    answer = table.sample(1, timeout=500)

    assert (answer.status, answer.code) == (409, "nothing_to_draw")


def test_a_refused_draw_takes_its_update_back(table: TablePeer):
    table.make(sampler=ALPHA_1)
    table.fill([0, 1], [2, 3])
    before, rows = table.stats(), table.contents()

    answer = table.sample(1, update=update([0, 1, 0, 7], [9, 0, 0, 1]))

    assert answer.code == "nothing_to_draw"
    assert (table.stats(), table.contents()) == (before, rows)


@pytest.mark.parametrize(
    ("request_body", "field"),
    [
        ({}, "batch_size"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": -1}, "batch_size"),
        ({"batch_size": "1"}, "batch_size"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"batch_size": 1, "batches": 0}, "batches"),
        ({"batch_size": 1, "beta": -0.5}, "beta"),
        ({"batch_size": 1, "beta": float("nan")}, "beta"),
        ({"batch_size": 1, "beta": float("inf")}, "beta"),
        ({"batch_size": 1, "normalize": "none"}, "normalize"),
        ({"batch_size": 1, "columns": "x"}, "columns"),
        ({"batch_size": 1, "columns": [1]}, "columns[0]"),
        ({"batch_size": 1, "layout": "indexed"}, "layout"),
        ({"batch_size": 1, "layout": "flat"}, "layout"),
        ({"batch_size": 1, "timeout": -1}, "timeout"),
        ({"batch_size": 1, "timeout": float("nan")}, "timeout"),
        ({"batch_size": 1, "update": []}, "update"),
        ({"batch_size": 1, "update": {"keys": 1}}, "update.keys"),
    ],
)
def test_a_request_that_is_none_is_told_by_field(
    table: TablePeer, request_body: dict[str, Any], field: str
):
    table.make()
    table.fill([0])

    answer = table.post("sample", request_body)

    assert (answer.status, answer.code, answer.document["field"]) == (422, "invalid_request", field)
    assert table.stats()["sampled_total"] == 0
