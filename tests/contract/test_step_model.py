"""Any sequence of requests leaves a table of steps as it leaves a twin of plain rows."""

import itertools
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.contract.peer import Answer, Peer
from tests.contract.steps import Step, StepPeer
from tests.replay_server.memory.step_twin import StepTwin

CAPACITY, GAMMA, BETA = 9, 0.5, 1.0
PLACES = st.integers(-CAPACITY - 2, 1)  # of keys, counted from the next one
PRIORITIES = st.sampled_from([0.0, 0.25, 1.0, 4.0])
KINDS = st.sampled_from(["first", "middle", "middle", "middle", "truncated", "terminal"])
ROWS = st.lists(st.tuples(st.integers(0, 1), KINDS), min_size=1, max_size=6)
_numbers = itertools.count()


class StepMachine(RuleBasedStateMachine):
    url = ""
    items: dict[str, Any]
    shape: tuple[int, int, int, bool]

    def __init__(self) -> None:
        super().__init__()
        self.peer = Peer(self.url)
        self.table = StepPeer(self.peer, f"step-model-{next(_numbers)}")
        sampler = {"alpha": 1.0, "beta": BETA}
        self.table.make(capacity=CAPACITY, items=self.items, sampler=sampler)
        self.twin = StepTwin(CAPACITY, *self.shape)
        self.priorities: dict[int, float] = {}
        self.times: dict[int, int] = {}
        self.highest, self.sequence, self.inserted = 1.0, 0, 0

    def teardown(self) -> None:
        self.peer.send("DELETE", self.table.path)
        self.peer.close()

    @rule(writer=st.sampled_from([None, "a"]), rows=ROWS, retried=st.booleans())
    def insert(self, writer: str | None, rows: list[tuple[int, str]], retried: bool) -> None:
        steps: list[Step] = []
        expected = []
        for stream, kind in rows:
            ends = kind in ("truncated", "terminal")
            flags = (kind == "first", ends, kind == "terminal")
            x = float(self.twin.next_key)
            steps.append((x, x / 8, *flags))
            expected.append(self.twin.insert((writer, stream), x, *flags))
        self.priorities |= dict.fromkeys(expected, self.highest)
        self.inserted += len(rows)
        self.sequence += 1
        more = {} if writer is None else {"writer": {"id": writer, "sequence": self.sequence}}

        keys = self.table.store(steps, [stream for stream, _ in rows], **more)

        assert keys == expected
        if more and retried:
            assert self.table.store(steps, [stream for stream, _ in rows], **more) == keys

    @rule(places=st.lists(st.tuples(PLACES, PRIORITIES), max_size=5))
    def update(self, places: list[tuple[int, float]]) -> None:
        pairs = [(self.twin.next_key + place, priority) for place, priority in places]
        there = {key: priority for key, priority in pairs if key in self.twin.rows}
        self.priorities |= there
        self.highest = max([self.highest, *there.values()])

        answer = self.table.update([key for key, _ in pairs], [p for _, p in pairs])

        updated = sum(key in there for key, _ in pairs)
        assert answer.document == {"updated": updated, "stale": len(pairs) - updated}

    @rule(places=st.lists(PLACES, max_size=2))
    def delete(self, places: list[int]) -> None:
        keys = [self.twin.next_key + place for place in places]

        answer = self.table.delete(keys)

        assert answer.document["deleted"] == sum(self.twin.delete(key) for key in set(keys))

    @rule()
    def reset(self) -> None:
        self.peer.send("POST", f"{self.table.path}/reset")
        self.twin.reset()
        self.highest = 1.0

    @rule(batch_size=st.integers(1, 6), batches=st.integers(1, 2))
    def sample(self, batch_size: int, batches: int) -> None:
        answer = self.table.sample(batch_size, batches=batches)

        masses = {key: self.priorities[key] for key in self.twin.items()}
        if not masses:
            assert answer.code == "rate_limited"
        elif not any(masses.values()):
            assert answer.code == "nothing_to_draw"
        else:
            self.check_draws(answer, batch_size, masses)

    def check_draws(self, answer: Answer, batch_size: int, masses: dict[int, float]) -> None:
        total = sum(masses.values())
        columns = {n: answer.column(n) for n in answer.document["columns"]}
        lead = answer.array("keys").ndim
        flat = {n: c.reshape(-1, *c.shape[lead:]) for n, c in columns.items()}
        told = {
            n: answer.array(n).reshape(-1).tolist()
            for n in ("keys", "probabilities", "weights", "times_sampled", "ages")
        }
        for i, key in enumerate(told["keys"]):
            first = i - i % batch_size
            least = min(masses[other] for other in told["keys"][first : first + batch_size])
            self.times[key] = self.times.get(key, 0) + 1
            assert told["probabilities"][i] == pytest.approx(masses[key] / total)
            assert told["weights"][i] == pytest.approx(least / masses[key])
            assert told["times_sampled"][i] == self.times[key]
            assert told["ages"][i] == self.twin.next_key - 1 - key
            got = {name: column[i].tolist() for name, column in flat.items()}
            self.check_item(key, got)

    def check_item(self, key: int, got: dict[str, Any]) -> None:
        window = self.twin.window(key)
        assert window is not None
        if self.items["kind"] == "sequence":
            padding = self.items["length"] - len(window)
            xs = [step.value for step in window]
            assert got["mask"] == [True] * len(window) + [False] * padding
            assert [x for x, _ in got["observation"]] == xs + [0.0] * padding
            assert got["reward"] == [x / 8 for x in xs] + [0.0] * padding
            return
        steps = len(window) - 1
        rewards = sum(GAMMA**j * window[j].value / 8 for j in range(steps))
        assert got["reward"] == rewards
        assert got["discount"] == (0 if window[-1].is_terminal else GAMMA**steps)
        for name, at in (("observation", key), ("next_observation", window[-1].key)):
            frames = got[name] if self.items["frame_stack"] > 1 else [got[name]]
            assert [x for x, _ in frames] == self.twin.stack(at)

    @invariant()
    def counts_agree(self) -> None:
        stats = self.table.stats()
        items = self.twin.items()
        assert (stats["size"], stats["rows"]) == (len(items), len(self.twin.rows))
        assert stats["max_priority"] == self.highest
        assert stats["inserted_total"] == self.inserted
        assert stats["priority_sum"] == sum(self.priorities[key] for key in items)


def transition(n: int, k: int) -> tuple[dict[str, Any], tuple[int, int, int, bool]]:
    items = {"kind": "transition", "n_step": n, "discount": GAMMA, "frame_stack": k}
    return items, (k - 1, n, 1, True)


def sequence(length: int, period: int, pad: bool) -> tuple[Any, tuple[int, int, int, bool]]:
    items = {"kind": "sequence", "length": length, "period": period, "pad": pad}
    return items, (0, length - 1, period, pad)


@pytest.mark.parametrize(
    "items",
    [transition(1, 1), transition(3, 1), transition(2, 3), sequence(3, 2, True),
     sequence(3, 1, False)],
    ids=lambda items: "-".join(map(str, items[0].values())),
)  # fmt: skip
def test_a_table_of_steps_is_at_all_times_as_its_rows_say(server_url: str, items: Any):
    StepMachine.url = server_url
    StepMachine.items, StepMachine.shape = items

    run_state_machine_as_test(
        StepMachine,
        settings=settings(max_examples=25, stateful_step_count=30, deadline=None),
    )
