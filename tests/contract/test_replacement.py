"""Section 5: draws without replacement."""

from collections import Counter
from typing import Any

import pytest

from tests.contract.peer import TablePeer

DISTINCT: dict[str, Any] = {"alpha": 1.0, "replacement": False}


@pytest.mark.parametrize("kind", ["prioritized", "uniform"])
def test_the_items_of_a_batch_are_distinct(table: TablePeer, kind: str):
    table.make(sampler={"kind": kind, "replacement": False})
    table.fill(range(20), range(1, 21))

    keys = table.sample(20, batches=3).array("keys")

    assert [len(set(batch)) for batch in keys.tolist()] == [20, 20, 20]


def test_probabilities_and_weights_are_those_before_the_batch(table: TablePeer):
    table.make(sampler={**DISTINCT, "beta": 1.0})
    table.fill(range(4), [1, 2, 3, 4])

    answer = table.sample(4, batches=2)

    assert (answer.array("probabilities") == (answer.column("x") + 1) / 10).all()
    assert answer.array("weights") == pytest.approx(1 / (answer.column("x") + 1))


def test_too_few_are_rate_limited_and_nothing_has_changed(table: TablePeer):
    table.make(sampler=DISTINCT, seed=1)
    twin = TablePeer(table.peer, f"{table.name}-twin").make(sampler=DISTINCT, seed=1)
    for one in (table, twin):
        one.fill(range(5), [1, 1, 1, 0, 1])

    answer = table.sample(5)

    assert (answer.status, answer.code) == (429, "rate_limited")
    assert "1 more insert" in answer.document["detail"]
    drawn, others = table.sample(2, batches=5), twin.sample(2, batches=5)
    assert drawn.column("x").tolist() == others.column("x").tolist()
    assert drawn.array("times_sampled").tolist() == others.array("times_sampled").tolist()
    table.peer.send("DELETE", twin.path)


def test_nothing_with_mass_is_nothing_to_draw(table: TablePeer):
    table.make(sampler=DISTINCT)
    table.fill([1], [0])

    assert table.sample(1).code == "nothing_to_draw"


def test_ordered_pairs_come_as_often_as_they_should(table: TablePeer):
    table.make(sampler=DISTINCT, seed=5)
    table.fill([1, 2, 3], [1, 2, 3])
    draws = 20_000

    pairs = table.sample(2, batches=draws).column("x").tolist()

    counts = Counter(map(tuple, pairs))
    expected = {(a, b): a / 6 * b / (6 - a) for a in (1, 2, 3) for b in (1, 2, 3) if a != b}
    chi_square = sum((counts[pair] - draws * p) ** 2 / (draws * p) for pair, p in expected.items())
    assert chi_square < 25.7  # five degrees of freedom: one in 10,000 is beyond it
