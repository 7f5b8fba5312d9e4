"""Section 3: items that go after so many draws."""

import pytest

from tests.contract.peer import TablePeer
from tests.contract.steps import StepPeer, episode, transitions

UNIFORM = {"kind": "uniform"}


@pytest.mark.parametrize("sampler", ["uniform", "prioritized", "fifo", "max_heap"])
def test_an_item_goes_after_that_many_draws(table: TablePeer, sampler: str):
    table.make(sampler={"kind": sampler}, max_times_sampled=2)
    keys = table.fill(range(3))

    drawn = [table.sample(1).array("keys").item() for _ in range(6)]

    assert sorted(drawn) == sorted(keys * 2)
    assert (table.stats()["size"], table.stats()["rows"]) == (0, 0)
    assert table.sample(1).code == "rate_limited"
    assert table.update(keys, [1.0] * 3).document == {"updated": 0, "stale": 3}


def test_it_goes_within_a_batch_too(table: TablePeer):
    table.make(sampler=UNIFORM, max_times_sampled=2)
    keys = table.fill(range(4))

    answer = table.sample(8)

    assert sorted(answer.array("keys").tolist()) == sorted(keys * 2)
    assert sorted(answer.array("times_sampled").tolist()) == [1] * 4 + [2] * 4
    assert answer.document["size"] == 4
    assert table.stats()["size"] == 0


def test_consumed_rows_make_no_room_for_older_ones(table: TablePeer):
    table.make(capacity=3, sampler={"kind": "lifo"}, max_times_sampled=1)
    keys = table.fill([10, 11, 12])
    assert table.sample(2).array("keys").tolist() == [keys[2], keys[1]]

    table.fill([13])  # rows of the last three keys only, two of which are consumed

    assert [x for x, _ in table.contents().values()] == [13]


def test_probabilities_are_those_of_each_draw(table: TablePeer):
    table.make(sampler={"alpha": 1.0, "beta": 1.0}, max_times_sampled=1)
    table.fill([1, 2, 3, 4], [1, 2, 3, 4])

    answer = table.sample(4)

    left, expected = 10, []
    for x in answer.column("x").tolist():
        expected.append(x / left)
        left -= x
    assert answer.array("probabilities") == pytest.approx(expected)
    weights = 1 / answer.array("probabilities")
    assert answer.array("weights") == pytest.approx(weights / weights.max())


def test_weights_over_the_table_compare_every_batch_with_the_table_before_the_first(
    table: TablePeer,
):
    sampler = {"alpha": 1.0, "beta": 1.0, "normalize": "table", "replacement": False}
    table.make(sampler=sampler, max_times_sampled=1)
    table.fill([1, 2, 4], [1, 2, 4])

    answer = table.sample(1, batches=3)

    # The least probability of the table is 1/7; the last item left is drawn with 1.
    probabilities = answer.array("probabilities").ravel()
    assert probabilities[2] == 1
    assert answer.array("weights").ravel() == pytest.approx(1 / (7 * probabilities), rel=1e-6)


def test_too_many_draws_are_rate_limited_and_nothing_has_changed(table: TablePeer):
    table.make(sampler=UNIFORM, max_times_sampled=2, seed=4)
    twin = TablePeer(table.peer, f"{table.name}-twin")
    twin.make(sampler=UNIFORM, max_times_sampled=2, seed=4)
    for one in (table, twin):
        one.fill(range(3))

    answer = table.sample(3, batches=3)

    assert (answer.status, answer.code) == (429, "rate_limited")
    assert "3 more inserts" in answer.document["detail"]
    assert table.stats()["size"] == 3
    drawn, others = table.sample(3, batches=2), twin.sample(3, batches=2)
    assert drawn.column("x").tolist() == others.column("x").tolist()
    assert sorted(drawn.array("times_sampled").reshape(-1).tolist()) == [1, 1, 1, 2, 2, 2]
    table.peer.send("DELETE", twin.path)


def test_without_replacement_a_batch_draws_each_item_once(table: TablePeer):
    table.make(sampler={**UNIFORM, "replacement": False}, max_times_sampled=2)
    table.fill(range(3))

    assert table.sample(3, batches=2).status == 200
    assert table.stats()["rows"] == 0


def test_the_step_stays_where_its_item_goes(steps: StepPeer):
    steps.make(**transitions(n_step=2), max_times_sampled=1)
    keys = steps.store(episode([1, 2, 3, 4], end="open"))

    assert steps.sample(2).array("keys").tolist() == keys[:2]

    assert (steps.stats()["size"], steps.stats()["rows"]) == (0, 4)
    assert steps.update(keys, [5.0] * 4).document == {"updated": 4, "stale": 0}
    assert steps.sample(1).code == "rate_limited"  # what went stays gone
    steps.store([(5, 0, False, True, True)])
    assert steps.sample(2).array("keys").tolist() == keys[2:]
    assert steps.stats()["size"] == 0


def test_what_went_stays_gone_when_the_limit_is_lifted(steps: StepPeer):
    steps.make(**transitions(), max_times_sampled=1)
    steps.store(episode([1, 2, 3]))
    steps.sample(1)

    steps.peer.json("PATCH", steps.path, {"max_times_sampled": 0, "sampler": UNIFORM})

    assert steps.stats()["size"] == 1
    assert set(steps.sample(32).column("action").tolist()) == {9}


def test_items_drawn_often_enough_go_when_a_limit_is_set(table: TablePeer):
    table.make(sampler={"kind": "fifo"})
    keys = table.fill(range(3))
    table.sample(2)

    table.peer.json("PATCH", table.path, {"max_times_sampled": 1})

    assert list(table.contents()) == keys[2:]
    assert table.sample(1).array("keys").tolist() == keys[2:]
