"""Section 5: delete and scan; section 3: stats."""

import pytest

from tests.contract.peer import TablePeer, array

ALPHA_1 = {"kind": "prioritized", "alpha": 1.0}


def test_deleted_rows_are_gone_and_their_keys_stay_so(table: TablePeer):
    table.make(sampler=ALPHA_1)
    table.fill([10, 11, 12], [1, 2, 4])

    answer = table.delete([1])

    assert (answer.status, answer.document) == (200, {"deleted": 1, "stale": 0})
    assert table.contents() == {0: (10, 1.0), 2: (12, 4.0)}
    assert (table.stats()["size"], table.stats()["priority_sum"]) == (2, 5.0)
    assert set(table.sample(50).array("keys").tolist()) == {0, 2}
    assert table.update([1], [9]).document == {"updated": 0, "stale": 1}
    assert table.delete([1]).document == {"deleted": 0, "stale": 1}
    assert table.fill([13]) == [3]


def test_of_a_key_given_twice_the_second_is_stale(table: TablePeer):
    table.make()
    table.fill([0, 1])

    assert table.delete([1, 1, 7, -1]).document == {"deleted": 1, "stale": 3}


def test_a_table_may_be_deleted_empty_and_filled_again(table: TablePeer):
    table.make(capacity=3)
    table.fill([0, 1, 2])
    table.delete([0, 1, 2])
    assert table.sample(1).code == "rate_limited"

    table.fill([3, 4])

    assert table.contents() == {3: (3, 1.0), 4: (4, 1.0)}


@pytest.mark.parametrize(
    "keys", [array("<i4", [0]), array("<i8", [[0]]), [0], None], ids=["i4", "2d", "list", "null"]
)
def test_keys_to_delete_are_int64(table: TablePeer, keys: object):
    table.make()
    table.fill([0])

    answer = table.post("delete", {"keys": keys})

    assert (answer.status, answer.document["field"]) == (422, "keys")


def test_a_scan_is_paged_by_key(table: TablePeer):
    table.make(capacity=10)
    table.fill(range(4))
    table.fill(range(4, 14))
    table.delete([6, 11])  # 4 5 7 8 9 10 12 13 are left
    pages, after, more = [], -1, True
    while more:
        answer = table.scan(after=after, limit=3)
        keys = answer.array("keys").tolist()
        assert answer.column("x").tolist() == keys
        pages.append(keys)
        after, more = keys[-1], answer.document["more"]

    assert pages == [[4, 5, 7], [8, 9, 10], [12, 13]]


@pytest.mark.parametrize(
    ("request_body", "keys", "more"),
    [
        ({"limit": 4}, [0, 1, 2, 3], False),
        ({"limit": 3}, [0, 1, 2], True),
        ({"after": 1}, [2, 3], False),
        ({"after": 1, "limit": 1}, [2], True),
        ({"after": 3}, [], False),
        ({"after": 2**63 - 1}, [], False),
        ({"after": -(2**63)}, [0, 1, 2, 3], False),
        ({"order": "priority"}, [1, 3, 0, 2], False),
        ({"order": "priority", "limit": 1}, [1], True),
        ({"order": "priority", "limit": 2}, [1, 3], True),
        ({"order": "priority", "limit": 3}, [1, 3, 0], True),
        ({"order": "priority", "after": 1}, [3, 2], False),
        ({"order": "priority", "after": 2**63 - 1}, [], False),
        ({"order": "key", "after": None}, None, None),
    ],
)
def test_scan_by_key_and_by_priority(
    table: TablePeer, request_body: dict, keys: list[int] | None, more: bool | None
):
    table.make()
    table.fill([0, 1, 2, 3], [2, 7, 1, 7])  # ties go by key

    answer = table.scan(**request_body)

    if keys is None:
        assert answer.code == "invalid_request"
        return
    assert answer.array("keys").tolist() == keys
    assert answer.document["more"] is more


def test_a_scan_answers_keys_priorities_columns_and_more(table: TablePeer):
    table.make()
    table.fill([5], [0.5])

    document = table.scan().document

    assert document.keys() == {"keys", "priorities", "columns", "more"}
    assert (document["keys"]["dtype"], document["priorities"]["dtype"]) == ("<i8", "<f8")


def test_a_scan_of_a_table_without_signature_is_empty(table: TablePeer):
    table.make()

    document = table.scan().document

    assert (document["keys"]["shape"], document["columns"], document["more"]) == ([0], {}, False)


def test_a_scan_of_chosen_columns(table: TablePeer):
    table.make()
    table.post("insert", {"columns": {c: array("<i8", [1]) for c in ("a", "b")}})

    assert list(table.scan(columns=["b"]).document["columns"]) == ["b"]
    assert list(table.scan(columns=[]).document["columns"]) == []
    assert table.scan(columns=["z"]).document["column"] == "z"


@pytest.mark.parametrize(
    ("request_body", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": -1}, "limit"),
        ({"after": 1.5}, "after"),
        ({"after": 2**63}, "after"),
        ({"order": "age"}, "order"),
    ],
)
def test_a_scan_that_is_none_is_told_by_field(table: TablePeer, request_body: dict, field: str):
    table.make()

    answer = table.scan(**request_body)

    assert (answer.status, answer.document["field"]) == (422, field)


def test_the_default_limit_of_a_scan_is_4096(table: TablePeer):
    table.make(capacity=5000)
    table.fill(range(4097))

    answer = table.scan()

    assert (len(answer.array("keys")), answer.document["more"]) == (4096, True)


def test_reading_changes_nothing(table: TablePeer):
    table.make(seed=1)
    table.fill(range(10), range(10))
    before = table.stats()

    table.scan()
    table.scan(order="priority")
    table.peer.get("/v1/tables")

    assert table.stats() == before
    assert set(table.sample(5).array("times_sampled").tolist()) <= {1, 2, 3}


def test_stats_of_a_new_table(table: TablePeer):
    table.make()

    stats = table.stats()

    zeros = ["size", "rows", "inserted_total", "sampled_total", "updated_total", "stale_total",
             "priority_sum", "samples_per_insert"]  # fmt: skip
    assert [stats[name] for name in zeros] == [0] * 8
    assert stats["max_priority"] == 1.0
    assert stats["bytes"] > 0
    assert stats["sample_age"] == {"0.5": None, "0.9": None, "0.99": None}


def test_stats_count_what_happened(table: TablePeer):
    table.make(capacity=4, sampler={"alpha": 0.5})
    table.fill([0, 1, 2, 3, 4][:4], [1, 4, 9, 16])
    table.fill([4], [0])  # 0 goes; of priority 0, but an item: masses 2 + 3 + 4 + 0
    table.update([1, 0, 4], [25, 1, 0])  # masses 5 + 3 + 4 + 0
    table.sample(6, batches=2)
    table.sample(1, update={"keys": array("<i8", [3, 99]), "priorities": array("<f8", [4, 4])})

    stats = table.stats()

    assert stats["size"] == stats["rows"] == 4
    assert (stats["inserted_total"], stats["sampled_total"]) == (5, 13)
    assert (stats["updated_total"], stats["stale_total"]) == (3, 2)
    assert stats["max_priority"] == 25
    assert stats["priority_sum"] == 10
    assert stats["samples_per_insert"] == 13 / 5


def test_sample_ages_are_quantiles_of_what_was_drawn(table: TablePeer):
    table.make(sampler={"kind": "fifo"})
    table.fill(range(11))

    table.sample(11)  # of the ages 0 to 10

    assert table.stats()["sample_age"] == pytest.approx({"0.5": 5, "0.9": 9, "0.99": 9.9})


def test_bytes_grow_with_rows_and_capacity(table: TablePeer):
    table.make(columns={"v": {"dtype": "<f4", "shape": [1000]}})

    assert 100 * 4000 <= table.stats()["bytes"] <= 2 * 100 * 4000
