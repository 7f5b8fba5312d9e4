"""Section 11: what goes on in the tables, for those who watch."""

import threading
from typing import Any

import pytest

from tests.contract.peer import LONG_S, Peer, TablePeer
from tests.contract.steps import StepPeer, episode, transitions
from tests.server_process import ServerProcess

RATIO = {
    "kind": "sample_to_insert_ratio",
    "samples_per_insert": 2.0,
    "min_size": 2,
    "error_buffer": 4.0,
}


def of(table: TablePeer) -> dict[str, Any] | None:
    """What the list of all tables tells of one, which may be half a second old."""
    tables = table.peer.get("/v1/activity").document["tables"]
    return next((each for each in tables if each["name"] == table.name), None)


def closer(table: TablePeer) -> dict[str, Any]:
    answer = table.peer.get(f"{table.path}/activity")
    assert answer.status == 200
    document: dict[str, Any] = answer.document
    return document


def looked(table: TablePeer, until: Any) -> dict[str, Any]:
    """Look until `until` holds of what is told, as a page does."""
    given_up = threading.Event()
    for _ in range(int(LONG_S / 0.1)):
        if (found := of(table)) is not None and until(found):
            return found
        given_up.wait(0.1)
    raise AssertionError(found)


def test_a_starved_learner_is_told_that_the_actors_are_slow(table: TablePeer):
    table.make(rate_limiter=RATIO)
    table.fill([1, 2, 3])
    assert table.sample(4).status == 200
    waiting = table.wait_for_sample(4)

    told = looked(table, lambda found: found["verdict"]["state"] == "actors_slow")

    assert told["draws"]["waiting"] == 1
    assert told["draws"]["held_share"] > 0.1
    assert told["draws"]["held_seconds_total"] > 0
    assert told["inserts"]["waiting"] == 0
    assert told["limiter_position"] == pytest.approx(2 / 8)
    table.fill([4, 5])
    assert waiting.answer().status == 200


def test_actors_that_are_held_back_are_told_that_the_learner_is_slow(table: TablePeer):
    table.make(rate_limiter=RATIO)
    table.fill([1, 2])
    table.fill([3, 4])
    waiting = table.wait_for_insert([5, 6], writer={"id": "actor-7", "sequence": 1})

    told = looked(table, lambda found: found["verdict"]["state"] == "learner_slow")

    assert told["inserts"]["waiting"] == 1
    assert told["inserts"]["wait_share"] == told["inserts"]["held_share"] > 0.1
    assert told["writers_at_work"] == 1
    assert told["limiter_position"] == 1.0
    assert table.sample(4).status == 200
    assert waiting.answer().status == 200


def test_of_four_actors_of_which_one_waits_each_waits_a_quarter_of_the_time(table: TablePeer):
    table.make(rate_limiter=RATIO)

    def of_all(found: dict[str, Any]) -> bool:
        return found["writers_at_work"] == 4 and found["inserts"]["wait_share"] > 0.05

    looked(table, lambda _: True)  # rows are those since somebody looked
    for actor in range(4):
        assert table.insert([1], writer={"id": f"actor-{actor}", "sequence": 1}).status == 200
    waiting = table.wait_for_insert([5, 6], writer={"id": "actor-0", "sequence": 2})

    told = looked(table, of_all)

    assert told["inserts"]["wait_share"] == pytest.approx(told["inserts"]["held_share"] / 4, 0.01)
    assert table.sample(4).status == 200
    assert waiting.answer().status == 200


def test_who_wait_for_each_other_for_ever_are_told_that_they_are_stuck(table: TablePeer):
    table.make(rate_limiter=RATIO)
    table.fill([1, 2])
    inserted = table.wait_for_insert([3, 4, 5])  # of twice 4, which the limiter has room for, it
    drawn = table.wait_for_sample(6)  # would take 6, and there are 4

    told = looked(table, lambda found: found["verdict"]["state"] == "stuck")

    assert "error_buffer (now 4)" in told["verdict"]["advice"]
    more = {"rate_limiter": {"error_buffer": 6.0}}
    assert table.peer.json("PATCH", table.path, more).status == 200
    assert inserted.answer().status == 200
    assert drawn.answer().status == 200


def test_refusals_are_counted_and_make_a_side_wait(table: TablePeer):
    table.make(rate_limiter=RATIO)
    table.fill([1, 2, 3])
    refused = 0

    def refuse(found: dict[str, Any]) -> bool:
        nonlocal refused
        while table.sample(8).status == 200:
            pass
        refused += 1
        return found["verdict"]["state"] == "actors_slow"

    told = looked(table, refuse)

    assert 0 < told["draws"]["refused_total"] <= refused
    assert told["inserts"]["refused_total"] == 0


def test_totals_and_the_spec_are_told(table: TablePeer):
    table.make(capacity=10, sampler={"kind": "uniform"})
    keys = table.fill([1, 2, 3])
    table.sample(6)
    table.update([*keys, 2**50], [1.0, 2.0, 3.0, 4.0])

    told = closer(table)["table"]

    assert (told["items"], told["sampler"]) == ("row", "uniform")
    assert told["rate_limiter"] == {"kind": "min_size", "min_size": 1}
    assert (told["capacity"], told["size"], told["rows"]) == (10, 3, 3)
    assert (told["inserted_total"], told["sampled_total"]) == (3, 6)
    assert (told["updated_total"], told["stale_total"]) == (3, 1)
    assert told["bytes"] == table.stats()["bytes"]
    assert told["limiter_position"] is None


def test_rates_are_those_since_somebody_looked(table: TablePeer):
    table.make()

    def work(found: dict[str, Any]) -> bool:
        table.fill([2, 3])
        table.sample(16)
        return found["inserts"]["per_second"] is not None

    told = looked(table, work)

    assert told["inserts"]["per_second"] > 0
    assert told["samples_per_insert"] == pytest.approx(8.0)
    assert told["verdict"]["state"] == "free"


def test_a_closer_look_shows_priorities_ages_and_writers(table: TablePeer):
    table.make()
    table.insert([1, 2, 3], [0.5, 1.0, 0.5], writer={"id": "first", "sequence": 4})
    table.insert([4, 5], [0.0, 1.0], writer={"id": "<b>second</b>", "sequence": 7})
    table.sample(10)

    told = closer(table)

    assert told["priorities"]["looked_at"] == 5
    assert told["priorities"]["zeros"] == 1
    assert sum(told["priorities"]["counts"]) == 5
    assert told["ages"]["looked_at"] == 10
    assert told["age_quantiles"] == table.stats()["sample_age"]
    assert told["writers"] == [
        {"id": "<b>second</b>", "sequence": 7, "rows_since": 0, "is_waiting": False},
        {"id": "first", "sequence": 4, "rows_since": 2, "is_waiting": False},
    ]
    assert told["writers_total"] == 2


def test_a_closer_look_is_remembered_for_a_while(table: TablePeer):
    table.make()
    before = closer(table)

    table.fill([1])

    assert closer(table) == before  # so that many who look cost no more than one


def test_priorities_of_steps_are_those_of_items(steps: StepPeer):
    steps.make(**transitions(n_step=2))
    steps.store(episode([1, 2, 3, 4, 5]))

    told = closer(steps)

    assert told["table"]["items"] == "transition"
    assert told["priorities"]["looked_at"] == told["table"]["size"] == 4


def test_a_closer_look_at_no_table_is_refused(peer: Peer):
    assert peer.get("/v1/tables/none-such/activity").code == "unknown_table"


def test_memory_and_durability_of_a_server_without_a_directory(table: TablePeer):
    table.make()

    told = table.peer.get("/v1/activity").document

    assert told["durability"] == {"survives": "memory", "lag_seconds": None}
    assert 0 < told["memory"]["taken"] < told["memory"]["limit"]
    assert told["memory"]["resident"] is None or told["memory"]["resident"] > 2**20


@pytest.mark.parametrize(("durability", "lag"), [("process", None), ("power", 0.0)])
def test_durability_is_told(tmp_path: Any, durability: str, lag: float | None):
    server = ServerProcess("--port=0", f"--data-dir={tmp_path}", f"--durability={durability}")
    try:
        with Peer(server.url) as peer:
            told = peer.get("/v1/activity").document["durability"]
    finally:
        server.stop()

    assert told == {"survives": durability, "lag_seconds": lag}
