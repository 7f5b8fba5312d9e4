"""Any sequence of requests leaves a table as the same sequence leaves a plain Python model."""

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.contract.peer import Answer, Peer, TablePeer, array

ALPHA, BETA = 0.5, 0.75
PRIORITIES = st.sampled_from([0.0, 0.25, 1.0, 4.0, 9.0, 1e-3, 1e6])
PLACES = st.integers(-9, 2)  # of keys, counted from the next one: some gone, some not issued
_numbers = itertools.count()


@dataclass
class Row:
    x: int
    priority: float
    ordinal: int
    times_sampled: int = 0

    @property
    def mass(self) -> float:
        return self.priority**ALPHA if self.priority else 0.0


@dataclass
class Model:
    """What docs/protocol.md says of a table, in the plainest words."""

    capacity: int
    min_size: int
    next_key: int = 0
    is_new: bool = True  # the first key is known to be at least `next_key`
    max_priority: float = 1.0
    rows: dict[int, Row] = field(default_factory=dict)
    writers: dict[str, tuple[int, list[int]]] = field(default_factory=dict)
    inserted: int = 0
    sampled: int = 0
    updated: int = 0
    stale: int = 0

    def insert(
        self, numbers: list[int], priorities: list[float] | None, got: list[int]
    ) -> list[int]:
        """Return the keys that should have come; a table's very first is taken from `got`."""
        if self.is_new and numbers and got:
            assert got[0] >= self.next_key
            self.next_key, self.is_new = got[0], False
        given = [self.max_priority] * len(numbers) if priorities is None else priorities
        keys = []
        for x, priority in zip(numbers, given, strict=True):
            self.rows[self.next_key] = Row(x, priority, self.inserted)
            self.rows.pop(self.next_key - self.capacity, None)
            self.max_priority = max(self.max_priority, priority)
            keys.append(self.next_key)
            self.next_key += 1
            self.inserted += 1
        return keys

    def update(self, pairs: list[tuple[int, float]]) -> tuple[int, int]:
        there = [(key, priority) for key, priority in pairs if key in self.rows]
        for key, priority in dict(there).items():
            self.rows[key].priority = priority
            self.max_priority = max(self.max_priority, priority)
        self.updated += len(there)
        self.stale += len(pairs) - len(there)
        return len(there), len(pairs) - len(there)


def wired(pairs: list[tuple[int, float]]) -> dict[str, Any]:
    return {
        "keys": array("<i8", [key for key, _ in pairs]),
        "priorities": array("<f8", [priority for _, priority in pairs]),
    }


class TableMachine(RuleBasedStateMachine):
    url = ""
    stratified = True

    def __init__(self) -> None:
        super().__init__()
        self.peer = Peer(self.url)
        self.table = TablePeer(self.peer, f"model-{next(_numbers)}")
        self.make(0)

    def make(self, first_key: int) -> None:
        sampler = {"alpha": ALPHA, "beta": BETA, "stratified": self.stratified}
        self.table.make(capacity=7, rate_limiter={"min_size": 2}, sampler=sampler)
        self.model = Model(7, 2, next_key=first_key)

    def teardown(self) -> None:
        self.peer.send("DELETE", self.table.path)
        self.peer.close()

    @rule(rows=st.lists(st.tuples(st.integers(0, 99), PRIORITIES), max_size=7), given=st.booleans())
    def insert(self, rows: list[tuple[int, float]], given: bool) -> None:
        numbers = [x for x, _ in rows]
        priorities = [priority for _, priority in rows] if given else None

        answer = self.table.insert(numbers, priorities)

        keys = answer.array("keys").tolist()
        assert keys == self.model.insert(numbers, priorities, keys)

    @rule(writer=st.sampled_from("ab"), sequence=st.integers(0, 4), rows=st.integers(0, 3))
    def insert_once(self, writer: str, sequence: int, rows: int) -> None:
        last, keys = self.model.writers.get(writer, (-1, []))

        answer = self.table.insert(range(rows), writer={"id": writer, "sequence": sequence})

        if sequence < last:
            assert (answer.code, answer.document["last"]) == ("stale_sequence", last)
            return
        assert answer.document["duplicate"] is (sequence == last)
        got = answer.array("keys").tolist()
        if sequence > last:
            keys = self.model.insert(list(range(rows)), None, got)
            self.model.writers[writer] = sequence, keys
        assert got == keys

    def keyed(self, pairs: list[tuple[int, float]] | None) -> list[tuple[int, float]] | None:
        """Places and priorities as keys and priorities."""
        if pairs is None:
            return None
        return [(self.model.next_key + place, priority) for place, priority in pairs]

    @rule(places=st.lists(st.tuples(PLACES, PRIORITIES), max_size=6))
    def update(self, places: list[tuple[int, float]]) -> None:
        pairs = self.keyed(places) or []

        answer = self.table.post("update-priorities", wired(pairs))

        updated, stale = self.model.update(pairs)
        assert answer.document == {"updated": updated, "stale": stale}

    @rule(places=st.lists(PLACES, max_size=6))
    def delete(self, places: list[int]) -> None:
        keys = [self.model.next_key + place for place in places]
        there = {key for key in keys if key in self.model.rows}

        answer = self.table.delete(keys)

        assert answer.document == {"deleted": len(there), "stale": len(keys) - len(there)}
        for key in there:
            del self.model.rows[key]

    @rule(
        batch_size=st.integers(1, 5),
        batches=st.integers(1, 3),
        normalize=st.sampled_from(["batch", "table"]),
        places=st.none() | st.lists(st.tuples(PLACES, PRIORITIES), max_size=4),
    )
    def sample(
        self, batch_size: int, batches: int, normalize: str, places: list[tuple[int, float]] | None
    ) -> None:
        pairs = self.keyed(places)
        update = {} if pairs is None else {"update": wired(pairs)}

        answer = self.table.sample(batch_size, batches=batches, normalize=normalize, **update)

        rows = self.model.rows
        after = {key: row.priority for key, row in rows.items()}
        after |= {key: priority for key, priority in pairs or () if key in rows}
        if len(rows) < self.model.min_size:
            assert answer.code == "rate_limited"
        elif not any(after.values()):
            assert answer.code == "nothing_to_draw"
        else:
            counts = self.model.update(pairs or [])
            assert (answer.document["updated"], answer.document["stale"]) == counts
            assert answer.document["size"] == len(rows)
            self.check_draws(answer, batch_size, normalize)

    def check_draws(self, answer: Answer, batch_size: int, normalize: str) -> None:
        rows = self.model.rows
        total = sum(row.mass for row in rows.values())
        least_of_table = min(row.mass for row in rows.values() if row.mass)
        names = ["keys", "probabilities", "weights", "priorities", "times_sampled", "ages"]
        drawn = [answer.array(name).reshape(-1, batch_size).tolist() for name in names]
        xs = answer.column("x").reshape(-1, batch_size).tolist()
        for *batch, batch_xs in zip(*drawn, xs, strict=True):
            keys = batch[0]
            least = min(rows[key].mass for key in keys)
            if normalize == "table":
                least = least_of_table
            for draw in zip(*batch, batch_xs, strict=True):
                key, probability, weight, priority, times_sampled, age, x = draw
                row = rows[key]
                row.times_sampled += 1
                self.model.sampled += 1
                assert row.mass > 0
                assert probability == pytest.approx(row.mass / total, rel=1e-12)
                assert weight == pytest.approx((least / row.mass) ** BETA, rel=1e-6)
                assert (priority, x) == (row.priority, row.x)
                assert times_sampled == row.times_sampled
                assert age == self.model.inserted - 1 - row.ordinal

    @rule(place=PLACES, limit=st.integers(1, 8), order=st.sampled_from(["key", "priority"]))
    def scan(self, place: int, limit: int, order: str) -> None:
        after = self.model.next_key + place
        keys = sorted(key for key in self.model.rows if key > after)
        if order == "priority":
            keys.sort(key=lambda key: -self.model.rows[key].priority)

        answer = self.table.scan(after=after, limit=limit, order=order)

        assert answer.array("keys").tolist() == keys[:limit]
        assert answer.document["more"] is (len(keys) > limit)

    @rule(numbers=st.integers(8, 12))
    def refused_insert(self, numbers: int) -> None:
        assert self.table.insert(range(numbers)).code == "invalid_request"

    @rule()
    def reset(self) -> None:
        self.peer.send("POST", f"{self.table.path}/reset")
        self.model.rows.clear()
        self.model.max_priority = 1.0

    @rule()
    def make_again(self) -> None:
        self.peer.send("DELETE", self.table.path)
        self.make(self.model.next_key)

    @invariant()
    def the_table_is_as_the_model_says(self) -> None:
        model, stats = self.model, self.table.stats()
        rows = {key: (row.x, row.priority) for key, row in model.rows.items()}
        assert self.table.contents() == rows
        told = ["size", "inserted_total", "sampled_total", "updated_total", "stale_total"]
        expected = [len(rows), model.inserted, model.sampled, model.updated, model.stale]
        assert [stats[name] for name in told] == expected
        assert stats["max_priority"] == model.max_priority
        masses = sum(row.mass for row in model.rows.values())
        assert stats["priority_sum"] == pytest.approx(masses, rel=1e-12)


@pytest.mark.parametrize("stratified", [True, False], ids=["stratified", "plain"])
def test_a_table_is_at_all_times_as_the_model_says(server_url: str, stratified: bool):
    TableMachine.url, TableMachine.stratified = server_url, stratified

    run_state_machine_as_test(
        TableMachine,
        settings=settings(max_examples=40, stateful_step_count=40, deadline=None),
    )
