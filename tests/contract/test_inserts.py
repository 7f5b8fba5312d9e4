"""Sections 4 and 5: insert, its keys, its refusals, and exactly once."""

from typing import Any

import pytest

from tests.contract.peer import TablePeer, array, values_of

TWO_COLUMNS = {"x": {"dtype": "<i8", "shape": []}, "v": {"dtype": "<f4", "shape": [2]}}


def two_columns(count: int) -> dict[str, Any]:
    return {"x": array("<i8", range(count)), "v": array("<f4", [[0.5, 1.5]] * count)}


def test_keys_are_consecutive_and_ascend_over_inserts(table: TablePeer):
    table.make(capacity=5)

    keys = [table.fill(range(count)) for count in (1, 3, 2, 5)]

    assert keys == [[0], [1, 2, 3], [4, 5], [6, 7, 8, 9, 10]]


def test_the_table_holds_the_last_capacity_rows(table: TablePeer):
    table.make(capacity=3)
    table.fill([10, 11])

    table.fill([12, 13])

    assert table.contents() == {1: (11, 1.0), 2: (12, 1.0), 3: (13, 1.0)}
    assert (table.stats()["size"], table.stats()["inserted_total"]) == (3, 4)


def test_deleted_rows_make_no_room_for_older_ones(table: TablePeer):
    table.make(capacity=3)
    table.fill([10, 11, 12])
    table.delete([1, 2])

    table.fill([13])  # rows of the last three keys only: 1, 2 and 3

    assert table.contents() == {3: (13, 1.0)}


def test_an_insert_of_nothing_is_answered_with_no_keys(table: TablePeer):
    table.make(columns=TWO_COLUMNS)

    answer = table.post("insert", {"columns": two_columns(0) | {"v": array("<f4", [], [0, 2])}})

    assert values_of(answer.document["keys"]).shape == (0,)
    assert table.stats()["inserted_total"] == 0


def test_an_answer_has_keys_and_duplicate_and_nothing_else(table: TablePeer):
    table.make()

    document = table.insert([1, 2]).document

    assert document.keys() == {"keys", "duplicate"}
    assert document["keys"]["dtype"] == "<i8"
    assert document["duplicate"] is False


def test_more_rows_than_the_capacity_are_refused(table: TablePeer):
    table.make(capacity=3)

    answer = table.insert(range(4))

    assert (answer.status, answer.code) == (422, "invalid_request")
    assert answer.document["field"] == "columns"
    assert table.fill(range(3)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("change", "column"),
    [
        pytest.param({"x": None}, "x", id="missing"),
        pytest.param({"y": array("<i8", [1, 2])}, "y", id="unknown"),
        pytest.param({"x": array("<i4", [1, 2])}, "x", id="dtype"),
        pytest.param({"v": array("<f4", [[1], [2]])}, "v", id="shape"),
        pytest.param({"v": array("<f4", [1, 2])}, "v", id="axes"),
        pytest.param({"v": array("<f4", [[1, 2]] * 3)}, "v", id="rows"),
        pytest.param({"x": array("<i8", 1)}, "x", id="no_axis_of_rows"),
    ],
)
def test_columns_that_are_not_the_tables_are_a_mismatch(
    table: TablePeer, change: dict, column: str
):
    table.make(columns=TWO_COLUMNS)
    columns = {n: a for n, a in {**two_columns(2), **change}.items() if a is not None}

    answer = table.post("insert", {"columns": columns})

    assert (answer.status, answer.code) == (422, "schema_mismatch")
    assert answer.document["column"] == column
    assert answer.document["expected"] != answer.document["got"]
    assert table.stats()["inserted_total"] == 0


def test_no_columns_at_all_are_refused(table: TablePeer):
    table.make()

    assert table.post("insert", {"columns": {}}).document["field"] == "columns"
    assert table.post("insert", {}).document["field"] == "columns"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"priorities": array("<f8", [1])}, "priorities"),
        ({"priorities": array("<f8", [[1, 1]])}, "priorities"),
        ({"priorities": array("|b1", [1, 1])}, "priorities"),
        ({"streams": array("<i8", [0, 0])}, "streams"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": "5"}, "timeout"),
        ({"writer": {"id": "w"}}, "writer.sequence"),
        ({"writer": {"id": 7, "sequence": 1}}, "writer.id"),
        ({"writer": {"id": "w", "sequence": -1}}, "writer.sequence"),
        ({"writer": {"id": "w", "sequence": 1.5}}, "writer.sequence"),
        ({"writer": {"id": "w", "sequence": 2**63}}, "writer.sequence"),
    ],
)
def test_other_faults_of_an_insert_are_told_by_field(table: TablePeer, more: dict, field: str):
    table.make()

    answer = table.post("insert", {"columns": {"x": array("<i8", [1, 2])}, **more})

    assert (answer.status, answer.code) == (422, "invalid_request")
    assert answer.document["field"] == field
    assert table.stats()["inserted_total"] == 0


def test_an_insert_sent_again_happens_once(table: TablePeer):
    table.make()
    writer = {"id": "actor-7", "sequence": 12}

    answers = [table.insert([5, 6], writer=writer).document for _ in range(3)]

    assert [answer["duplicate"] for answer in answers] == [False, True, True]
    assert [values_of(answer["keys"]).tolist() for answer in answers] == [[0, 1]] * 3
    assert table.contents() == {0: (5, 1.0), 1: (6, 1.0)}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"columns": {"x": array("<i8", [9, 9, 9])}}, id="other_rows"),
        pytest.param({"columns": {"other": array("<f4", [1])}}, id="other_columns"),
        pytest.param({"columns": {}}, id="no_columns"),
        pytest.param({"columns": {}, "priorities": array("<f8", [-1])}, id="bad_priority"),
        pytest.param({"columns": {"x": array("<i8", range(101))}}, id="more_than_the_capacity"),
        pytest.param({"columns": {}, "streams": array("<i8", [0, 0])}, id="streams"),
        pytest.param({"columns": {}, "timeout": 1e9}, id="too_long_a_timeout"),
        pytest.param({"columns": {"x": array("<i8", [1], shape=[7])}}, id="broken_array"),
    ],
)
def test_a_repeated_sequence_is_a_duplicate_whatever_its_content(table: TablePeer, content: dict):
    table.make()
    writer = {"id": "w", "sequence": 1}
    table.insert([5, 6], writer=writer)

    answer = table.post("insert", {**content, "writer": writer})

    assert (answer.status, answer.document["duplicate"]) == (200, True)
    assert answer.array("keys").tolist() == [0, 1]
    assert table.stats()["inserted_total"] == 2


def test_a_repeated_insert_gives_its_keys_even_when_the_rows_are_gone(table: TablePeer):
    table.make(capacity=2)
    writer = {"id": "w", "sequence": 1}
    table.insert([1, 2], writer=writer)
    table.fill([3, 4])

    answer = table.insert([1, 2], writer=writer)

    assert answer.array("keys").tolist() == [0, 1]
    assert sorted(table.contents()) == [2, 3]


@pytest.mark.parametrize("content", [[5], range(101)], ids=["good", "bad"])
def test_a_lower_sequence_is_stale_and_told_the_last(table: TablePeer, content: list[int]):
    table.make()
    table.insert([1], writer={"id": "w", "sequence": 7})

    answer = table.insert(content, writer={"id": "w", "sequence": 6})

    assert (answer.status, answer.code) == (409, "stale_sequence")
    assert answer.document["last"] == 7
    assert table.stats()["inserted_total"] == 1


def test_gaps_between_sequences_are_fine_and_writers_count_apart(table: TablePeer):
    table.make()
    stamps = [("a", 1), ("b", 1), ("a", 1000), ("", 0), ("b", 2), ("a", 2**63 - 1)]

    answers = [table.insert([1], writer={"id": i, "sequence": s}).document for i, s in stamps]

    assert [values_of(answer["keys"])[0] for answer in answers] == [0, 1, 2, 3, 4, 5]
    assert not any(answer["duplicate"] for answer in answers)


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param({"columns": {"y": array("<i8", [1])}}, id="schema_mismatch"),
        pytest.param({"columns": {"x": array("<i8", range(101))}}, id="too_many_rows"),
        pytest.param(
            {"columns": {"x": array("<i8", [1])}, "priorities": array("<f8", [-1])},
            id="bad_priority",
        ),
        pytest.param({"columns": {}, "typo": 1}, id="unknown_key"),
        pytest.param({"columns": {"x": array("<i8", [1])}, "timeout": 1e9}, id="too_long_a_wait"),
    ],
)
def test_a_refused_insert_does_not_use_up_its_sequence(table: TablePeer, refused: dict):
    table.make(columns={"x": {"dtype": "<i8", "shape": []}})
    writer = {"id": "w", "sequence": 1}
    assert table.post("insert", {**refused, "writer": writer}).status in (413, 422)

    answer = table.insert([5], writer=writer)

    assert (answer.status, answer.document["duplicate"]) == (200, False)
    assert table.contents() == {0: (5, 1.0)}


def test_an_empty_insert_uses_up_its_sequence(table: TablePeer):
    table.make()
    writer = {"id": "w", "sequence": 1}
    table.insert([], writer=writer)

    answer = table.insert([5], writer=writer)

    assert (answer.document["duplicate"], answer.array("keys").tolist()) == (True, [])


def test_a_writers_sequences_belong_to_one_table(table: TablePeer):
    other = TablePeer(table.peer, f"{table.name}-other").make()
    table.make()
    writer = {"id": "w", "sequence": 5}
    table.insert([1], writer=writer)

    answer = other.insert([2], writer={"id": "w", "sequence": 1})
    table.peer.send("DELETE", other.path)

    assert (answer.status, answer.document["duplicate"]) == (200, False)
