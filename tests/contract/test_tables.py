"""Section 3: specs and their defaults, PUT, signatures, reset, DELETE."""

import pytest

from tests.contract.peer import Peer, TablePeer, array, nested

X = {"x": {"dtype": "<i8", "shape": []}}
PRIORITIZED = {
    "kind": "prioritized",
    "alpha": 0.6,
    "beta": 0.4,
    "stratified": True,
    "replacement": True,
    "normalize": "batch",
}
UNIFORM = {
    "kind": "uniform",
    "beta": 0.4,
    "stratified": True,
    "replacement": True,
    "normalize": "batch",
}
DEFAULTS = {
    "items": {"kind": "row"},
    "sampler": PRIORITIZED,
    "remover": {"kind": "fifo"},
    "rate_limiter": {"kind": "min_size", "min_size": 1},
    "max_times_sampled": 0,
    "seed": None,
}
SEVERAL_COLUMNS = {
    "observation/camera": {"dtype": "|u1", "shape": [84, 84]},
    "observation/speed": {"dtype": "<f4", "shape": []},
    "_a1": {"dtype": "<f8", "shape": [2, 0, 3]},
}


def test_defaults_are_those_of_the_protocol(table: TablePeer):
    made = table.peer.json("PUT", table.path, {"capacity": 7})

    assert made.status == 201
    assert made.document.keys() == {"name", "spec", "stats"}
    assert made.document["name"] == table.name
    assert made.document["spec"] == {"capacity": 7, **DEFAULTS}
    assert made.document == table.peer.get(table.path).document


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        ({"sampler": {}}, {"sampler": PRIORITIZED}),
        ({"sampler": {"alpha": 1}}, {"sampler": {**PRIORITIZED, "alpha": 1.0}}),
        ({"sampler": {"kind": "uniform"}}, {"sampler": UNIFORM}),
        ({"rate_limiter": {"min_size": 3}}, {"rate_limiter": {"kind": "min_size", "min_size": 3}}),
        ({"seed": 5, "columns": SEVERAL_COLUMNS}, {"seed": 5, "columns": SEVERAL_COLUMNS}),
        ({"columns": None, "seed": None}, {}),
    ],
)  # fmt: skip
def test_what_is_not_given_is_filled_in(table: TablePeer, given: dict, filled: dict):
    made = table.peer.msgpack("PUT", table.path, {"capacity": 7, **given})

    assert made.document["spec"] == {"capacity": 7, **DEFAULTS, **filled}


def test_put_of_an_equal_spec_finds_the_table_that_stands(table: TablePeer):
    table.make(columns=X, seed=3)
    table.fill([1, 2])

    again = table.put(columns=X, seed=3, sampler={"kind": "prioritized"}, max_times_sampled=0)

    assert again.status == 200
    assert again.document["stats"]["size"] == 2


@pytest.mark.parametrize(
    "other",
    [
        {"capacity": 101},
        {"columns": {"x": {"dtype": "<i8", "shape": [1]}}},
        {"columns": {**X, "y": {"dtype": "<i8", "shape": []}}},
        {"columns": {"y": {"dtype": "<i8", "shape": []}}},
        {"columns": {}},
        {"sampler": {"kind": "uniform"}},
        {"sampler": {"alpha": 0.7}},
        {"rate_limiter": {"min_size": 2}},
        {"seed": 4},
    ],
)
def test_put_of_a_different_spec_is_refused(table: TablePeer, other: dict):
    table.make(columns=X, seed=3)
    before = table.peer.get(table.path).document

    answer = table.put(**{"columns": X, "seed": 3, **other})

    assert (answer.status, answer.code) == (409, "table_exists")
    assert answer.document["table"] == table.name
    assert table.peer.get(table.path).document == before


def test_put_without_columns_equals_any_signature(table: TablePeer):
    table.make(columns=X)

    assert table.put().status == 200


def test_put_equals_the_spec_as_made_and_as_it_stands_now(table: TablePeer):
    table.make()
    assert table.put(columns=X).status == 409  # not fixed yet
    table.fill([1])

    as_made, as_it_stands = table.put(), table.put(columns=X)
    other = table.put(columns={"x": {"dtype": "<i4", "shape": []}})

    assert (as_made.status, as_it_stands.status, other.status) == (200, 200, 409)


def test_order_of_columns_does_not_matter(table: TablePeer):
    table.make(columns=SEVERAL_COLUMNS)

    assert table.put(columns=dict(reversed(SEVERAL_COLUMNS.items()))).status == 200


def test_the_first_insert_of_a_row_fixes_the_signature(table: TablePeer):
    table.make()
    empty = table.post("insert", {"columns": {"other": array("<f4", [], [0, 3])}})
    assert (empty.status, empty.array("keys").tolist()) == (200, [])
    assert "columns" not in table.peer.get(table.path).document["spec"]

    table.post("insert", {"columns": {"o/x": array("<f4", [[1, 2]]), "a": array("|b1", [True])}})

    assert table.peer.get(table.path).document["spec"]["columns"] == {
        "o/x": {"dtype": "<f4", "shape": [2]},
        "a": {"dtype": "|b1", "shape": []},
    }


def test_tables_are_listed_by_name_with_their_documents(peer: Peer, table: TablePeer):
    table.make(columns=X)
    other = TablePeer(peer, f"a-{table.name}").make()  # made last, and first by its name

    listed = peer.get("/v1/tables").document["tables"]
    peer.send("DELETE", other.path)

    assert [document["name"] for document in listed] == sorted(d["name"] for d in listed)
    assert table.peer.get(table.path).document in listed


def test_reset_empties_and_keeps_what_has_to_stay(table: TablePeer):
    table.make()
    table.insert([1, 2, 3], [1, 9, 1], writer={"id": "w", "sequence": 5})
    table.update([0, 77], [2, 2])
    table.sample(4)
    before = table.stats()

    answer = table.peer.send("POST", f"{table.path}/reset")

    after = table.stats()
    assert (answer.status, answer.document) == (200, {})
    assert (after["size"], after["rows"], after["priority_sum"]) == (0, 0, 0)
    totals = [
        "inserted_total",
        "sampled_total",
        "updated_total",
        "stale_total",
        "samples_per_insert",
    ]
    assert (
        [after[name] for name in totals] == [before[name] for name in totals] == [3, 4, 1, 1, 4 / 3]
    )
    assert after["max_priority"] == 1.0
    assert table.put(columns=X).status == 200  # the signature stays
    repeated = table.insert([1, 2, 3], writer={"id": "w", "sequence": 5}).document
    assert (repeated["duplicate"], table.stats()["size"]) == (True, 0)
    assert table.fill([4]) == [3]
    assert table.contents() == {3: (4, 1.0)}
    assert table.update([0, 1, 2], [1, 1, 1]).document == {"updated": 0, "stale": 3}


def test_a_table_made_again_goes_on_with_higher_keys(table: TablePeer):
    table.make(columns=X)
    assert table.fill([1, 2, 3]) == [0, 1, 2]
    dropped = table.peer.send("DELETE", table.path)
    assert (dropped.status, dropped.body) == (204, b"")
    assert table.peer.send("DELETE", table.path).code == "unknown_table"

    table.make(columns={"y": {"dtype": "<f4", "shape": []}}, capacity=2)

    new = table.peer.json("POST", f"{table.path}/insert", {"columns": {"y": nested("<f4", [0.5])}})
    stats = table.stats()
    assert new.document["keys"]["data"][0] > 2
    assert (stats["inserted_total"], stats["updated_total"], stats["size"]) == (1, 0, 1)


def test_a_table_made_again_knows_no_writers(table: TablePeer):
    table.make()
    table.insert([1], writer={"id": "w", "sequence": 5})
    table.peer.send("DELETE", table.path)
    table.make()

    answer = table.insert([1], writer={"id": "w", "sequence": 1})

    assert answer.document["duplicate"] is False


def test_a_table_made_again_with_its_seed_draws_as_before(table: TablePeer):
    drawn = []
    for _ in range(3):
        table.make(seed=3, capacity=12)  # the ring's end lies elsewhere among the next keys
        table.fill(range(10), range(10))
        drawn.append(table.sample(20).column("x").tolist())
        table.peer.send("DELETE", table.path)

    assert drawn[0] == drawn[1] == drawn[2]


def test_the_same_seed_gives_the_same_draws_whatever_the_name(table: TablePeer, peer: Peer):
    other = TablePeer(peer, f"{table.name}-twin")
    draws = []
    for one in (table.make(seed=11), other.make(seed=11)):
        one.fill(range(50), range(50))
        one.sample(0)  # refused: does not count
        one.update([-1], [float("nan")])
        draws.append([one.sample(8, batches=2).array("keys").tolist() for _ in range(3)])
    peer.send("DELETE", other.path)

    assert draws[0] == draws[1]
    assert draws[0][0] != draws[0][1]


def test_without_a_seed_draws_differ(table: TablePeer, peer: Peer):
    other = TablePeer(peer, f"{table.name}-twin")
    draws = []
    for one in (table.make(), other.make()):
        one.fill(range(50))
        draws.append(one.sample(20).array("keys").tolist())
    peer.send("DELETE", other.path)

    assert draws[0] != draws[1]  # alike once in 2.5^20
