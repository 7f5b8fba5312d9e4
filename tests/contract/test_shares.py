"""What a shard is asked by the parts of a cluster: all or nothing, as all requests are."""

from typing import Any

import pytest

from tests.contract.peer import Answer, TablePeer, array

COLUMNS = {"x": {"dtype": "<f4", "shape": []}}
FLOAT_MAX = 1.7976931348623157e308


@pytest.fixture
def share(table: TablePeer) -> TablePeer:
    assert table.put(capacity=10, columns=COLUMNS, cluster_capacity=20).status == 201
    return table


def insert(share: TablePeer, sequence: int, *, dtype: str = "<f4", **more: Any) -> Answer:
    rows = {
        "columns": {"x": array(dtype, [float(sequence)])},
        "writer": {"id": "w", "sequence": sequence},
    }
    return share.post("shard/insert", {"rows": rows, **more})


def noted(share: TablePeer, shard: int) -> dict[str, int]:
    found: dict[str, int] = share.post("shard/writers", {"left": shard}).document["left"]
    return found


def test_where_a_writer_comes_from_is_noted_with_its_rows(share: TablePeer):
    assert insert(share, 3, left=[1, 2]).status == 200
    assert insert(share, 4).status == 200

    assert noted(share, 1) == noted(share, 2) == {"w": 3}
    assert noted(share, 3) == {}


def test_a_repeated_insert_notes_where_its_writer_comes_from(share: TablePeer):
    assert insert(share, 3).status == 200

    again = insert(share, 3, left=[1])

    assert again.document["duplicate"]
    assert noted(share, 1) == {"w": 3}


def test_a_refused_insert_of_a_shard_notes_nothing_and_hears_of_nothing(share: TablePeer):
    before = share.stats()

    answer = insert(share, 3, dtype="<i8", left=[1, 2], highest=7.0, seen=0.0)

    assert (answer.status, answer.code) == (422, "schema_mismatch")
    assert share.stats() == before
    assert noted(share, 1) == {}


def test_new_rows_get_the_highest_priority_of_the_cluster(share: TablePeer):
    assert insert(share, 1, highest=7.0, seen=1.0).status == 200
    assert insert(share, 2, highest=9.0, seen=8.0).status == 200  # it was emptied since: old news

    assert share.stats()["max_priority"] == 7.0
    assert share.post("scan", {}).array("priorities").tolist() == [7.0, 7.0]


@pytest.mark.parametrize("path", ["shard/insert", "shard/draw"])
def test_a_highest_priority_that_no_row_could_have_is_not_heard_of(share: TablePeer, path: str):
    change = {"sampler": {"kind": "prioritized", "alpha": 1.0}}
    assert share.peer.json("PATCH", share.path, change).status == 200
    assert insert(share, 1).status == 200
    news = {"highest": FLOAT_MAX, "seen": 0.0}

    if path == "shard/insert":
        assert insert(share, 2, **news).status == 200
    else:
        assert share.post(path, {"targets": array("<f8", [0.5]), **news}).status == 200
    assert insert(share, 3).status == 200

    assert share.stats()["max_priority"] == 1.0
    drawn = share.post("sample", {"batch_size": 2})
    assert drawn.status == 200


def test_a_shard_draws_at_points_though_its_items_go_with_their_draws(table: TablePeer):
    spec = {"capacity": 10, "columns": COLUMNS, "cluster_capacity": 20, "max_times_sampled": 1}
    assert table.put(**spec).status == 201
    for sequence in (1, 2, 3):
        assert insert(table, sequence).status == 200

    drawn = table.post("shard/draw", {"targets": array("<f8", [0.5, 0.5, 0.5])})

    assert drawn.status == 200
    assert sorted(drawn.array("keys")) == [0, 1, 2]


@pytest.mark.parametrize("limit", [0, 2], ids=["unlimited", "limited"])
@pytest.mark.parametrize("kind", ["prioritized", "uniform"])
def test_a_shard_draws_at_the_targets(share: TablePeer, limit: int, kind: str):
    change = {"sampler": {"kind": kind}, "max_times_sampled": limit}
    assert share.peer.json("PATCH", share.path, change).status == 200
    keys = [int(insert(share, number).array("keys")[0]) for number in range(1, 5)]

    answer = share.post("shard/draw", {"targets": array("<f8", [0.0, 0.3, 0.6, 0.99])})

    assert answer.status == 200
    assert answer.document["drawn"]
    assert answer.array("keys").tolist() == keys
    assert answer.array("probabilities").tolist() == [0.25] * 4
