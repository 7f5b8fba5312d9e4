"""The table against a plain model of it, in any order of requests.

Each accepted request also goes to a second table of the same seed, which never sees the refused
ones: if those changed anything, the two would draw different items.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from replay_server.memory import errors
from replay_server.memory.rate_limiters import MinSize
from replay_server.memory.samplers import PrioritizedSampler, UniformSampler
from replay_server.memory.table import Table
from tests.replay_server.memory.table_model import TableModel

PRIORITIES = st.sampled_from([0.0, 0.25, 1.0, 2.0, 3.5, 100.0])
KEYS = st.integers(-3, 40) | st.sampled_from([2**63 - 1, -(2**63)])
UPDATES = st.lists(st.tuples(KEYS, PRIORITIES), max_size=8)
BAD_PRIORITIES = st.sampled_from([-1.0, math.nan, math.inf, -math.inf])
PARTS = ["keys", "probabilities", "weights", "priorities", "times_sampled", "ages"]
WRITERS = st.none() | st.tuples(st.sampled_from("abc"), st.integers(0, 6))


def arrays_of(pairs: list[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([key for key, _ in pairs], np.int64), np.array([p for _, p in pairs])


class TableMachine(RuleBasedStateMachine):
    @initialize(
        capacity=st.integers(1, 12),
        min_size=st.integers(0, 3),
        kind=st.sampled_from([0.0, 0.5, 1.0, 2.0, "uniform"]),
        stratified=st.booleans(),
        normalize=st.sampled_from(["batch", "table"]),
        seed=st.integers(0, 5),
        first_key=st.sampled_from([0, 7]),
    )
    def make(self, capacity, min_size, kind, stratified, normalize, seed, first_key):
        options = (0.4, stratified, normalize)
        sampler = (
            UniformSampler(*options) if kind == "uniform" else PrioritizedSampler(kind, *options)
        )
        self.table, self.twin = (
            Table(
                capacity=capacity,
                sampler=sampler,
                limiter=MinSize(min_size),
                seed=seed,
                first_key=first_key,
                writer_limit=2,
            )
            for _ in range(2)
        )
        self.model = TableModel(capacity, min_size, sampler, self.table.next_key)
        self.writers: dict[str, tuple[int, list[int]]] = {}

    def both(self, request: Callable[[Table], Any]) -> Any:
        request(self.twin)
        return request(self.table)

    @rule(count=st.integers(0, 12), data=st.data(), given=st.booleans(), writer=WRITERS)
    def insert(self, count, data, given, writer):
        count = min(count, self.model.capacity)
        priorities = data.draw(st.lists(PRIORITIES, min_size=count, max_size=count))
        first = self.model.inserted
        columns = {"x": np.arange(first, first + count)}
        sent = np.array(priorities) if given else None
        last, answered = self.writers.get(writer[0], (-1, [])) if writer else (-1, [])
        if writer and writer[1] < last:
            with pytest.raises(errors.StaleSequenceError):
                self.table.insert(columns, sent, writer)
            return

        keys, duplicate = self.both(lambda table: table.insert(columns, sent, writer))

        assert duplicate == bool(writer and writer[1] == last)
        expected = (
            answered if duplicate else self.model.insert(count, priorities if given else None)
        )
        assert keys.tolist() == expected
        if writer:  # the one that was heard of last stands at the end; two are remembered
            self.writers.pop(writer[0], None)
            self.writers[writer[0]] = (writer[1], expected)
            self.writers = dict(list(self.writers.items())[-2:])

    @rule(bad=BAD_PRIORITIES, writer=WRITERS)
    def refused_insert(self, bad, writer):
        last = self.writers.get(writer[0], (-1, []))[0] if writer else -1
        if writer and writer[1] <= last:
            return
        with pytest.raises(errors.InvalidPriorityError):
            self.table.insert({"x": np.array([7])}, np.array([bad]), writer)
        with pytest.raises(errors.SignatureMismatchError):
            self.table.insert({"x": np.array([7]), "y": np.array([7, 8])}, None, writer)
        with pytest.raises(errors.InvalidArgumentError):
            self.table.insert({"x": np.zeros(self.model.capacity + 1, np.int64)}, None, writer)

    @rule(pairs=UPDATES)
    def update(self, pairs):
        told = self.both(lambda table: table.update_priorities(*arrays_of(pairs)))

        assert told == self.model.update(pairs)
        self.model.updated += told[0]
        self.model.stale += told[1]

    @rule(pairs=UPDATES, bad=BAD_PRIORITIES)
    def refused_update(self, pairs, bad):
        update = arrays_of([*pairs, (self.model.next_key - 1, bad)])
        with pytest.raises(errors.InvalidPriorityError):
            self.table.update_priorities(*update)
        with pytest.raises(errors.InvalidPriorityError):
            self.table.draw(2, update=update)

    @rule(keys=st.lists(KEYS, max_size=6))
    def delete(self, keys):
        told = self.both(lambda table: table.delete(np.array(keys, np.int64)))

        gone = self.model.rows.keys() & set(keys)
        assert told == (len(gone), len(keys) - len(gone))
        for key in gone:
            del self.model.rows[key]

    @rule(sure=st.sampled_from([False, False, False, True]))
    def reset(self, sure):
        if sure:
            self.both(lambda table: table.reset())
            self.model.rows.clear()
            self.model.highest = 1.0

    @rule(
        batch_size=st.integers(1, 6),
        batches=st.integers(1, 3),
        beta=st.none() | st.sampled_from([0.0, 0.4, 1.0]),
        normalize=st.none() | st.sampled_from(["batch", "table"]),
        pairs=st.none() | UPDATES,
    )
    def draw(self, batch_size, batches, beta, normalize, pairs):
        model = self.model
        update = None if pairs is None else arrays_of(pairs)
        options = {"beta": beta, "normalize": normalize, "update": update}
        refusal: type[Exception] | None = None
        if len(model.rows) < max(model.min_size, 1):
            refusal = errors.RateLimitedError
        elif model.would_be_barren(pairs or []):
            refusal = errors.NothingToDrawError
        if refusal is not None:
            with pytest.raises(refusal):
                self.table.draw(batch_size, batches, **options)
            return

        draw = self.table.draw(batch_size, batches, **options)
        twin = self.twin.draw(batch_size, batches, **options)
        updated, stale = model.update(pairs or [])
        model.updated += updated
        model.stale += stale
        model.sampled += batches * batch_size

        assert draw.keys.tolist() == twin.keys.tolist()
        assert draw.keys.shape == ((batch_size,) if batches == 1 else (batches, batch_size))
        assert (draw.size, draw.updated, draw.stale) == (len(model.rows), updated, stale)
        beta = model.sampler.beta if beta is None else beta
        for batch in range(batches):
            part = {
                name: getattr(draw, name).reshape(batches, -1)[batch].tolist() for name in PARTS
            }
            weights = model.weights(part["keys"], beta, normalize or model.sampler.normalize)
            assert part["weights"] == pytest.approx(weights, rel=1e-6)
            self.check_items(part)
        content = self.table.gather(draw.slots, ["x"])["x"]
        ordinals = [model.rows[key].ordinal for key in draw.keys.flat]
        assert content.ravel().tolist() == ordinals

    def check_items(self, part: dict[str, list[Any]]) -> None:
        total = math.fsum(map(self.model.mass, self.model.rows.values()))
        for position, key in enumerate(part["keys"]):
            row = self.model.rows[key]
            row.times_sampled += 1
            assert self.model.mass(row) > 0.0
            assert part["probabilities"][position] == pytest.approx(self.model.mass(row) / total)
            assert part["priorities"][position] == row.priority
            assert part["times_sampled"][position] == row.times_sampled
            assert part["ages"][position] == self.model.inserted - 1 - row.ordinal

    @rule(
        after=st.integers(-2, 40),
        limit=st.integers(1, 14),
        order=st.sampled_from(["key", "priority"]),
    )
    def scan(self, after, limit, order):
        slots, more = self.table.scan(after, limit, order)

        expected = sorted(key for key in self.model.rows if key > after)
        if order == "priority":
            expected.sort(key=lambda key: (-self.model.rows[key].priority, key))
        keys, priorities = self.table.keys_at(slots)
        assert keys.tolist() == expected[:limit]
        assert priorities.tolist() == [self.model.rows[key].priority for key in keys]
        assert more == (len(expected) > limit)

    @invariant()
    def counters_agree(self):
        if not hasattr(self, "table"):
            return
        table, model = self.table, self.model
        assert table.size == len(model.rows) <= model.capacity
        assert table.next_key == model.next_key
        assert table.max_priority == model.highest
        assert table.inserted_total == model.inserted
        assert (table.updated_total, table.stale_total) == (model.updated, model.stale)
        assert table.sampled_total == model.sampled
        exponent = getattr(model.sampler, "alpha", 1.0)
        raised = [row.priority**exponent for row in model.rows.values() if row.priority]
        assert table.priority_sum == pytest.approx(math.fsum(raised))


TestTable = TableMachine.TestCase
TestTable.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
