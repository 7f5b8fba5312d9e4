"""Writers, an updater, samplers and a consumer that remember what a server has acknowledged."""

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.contract.peer import Answer, Peer, TablePeer, array

CAPACITY = 300
QUEUE = 200
FILLER = 64
COLUMNS = {
    "who": {"dtype": "<i8", "shape": []},
    "number": {"dtype": "<i8", "shape": []},
    "filler": {"dtype": "<i8", "shape": [FILLER]},
}
STEP_COLUMNS = {
    **COLUMNS,
    "filler": {**COLUMNS["filler"], "compression": "zstd"},
    "observation": {"dtype": "<f4", "shape": [3]},
    "action": {"dtype": "<i8", "shape": []},
    "reward": {"dtype": "<f4", "shape": []},
    **{name: {"dtype": "|b1", "shape": []} for name in ("is_first", "is_last", "is_terminal")},
}
SPECS: dict[str, dict[str, Any]] = {
    "ring": {"capacity": CAPACITY, "columns": COLUMNS},
    "steps": {"capacity": CAPACITY, "columns": STEP_COLUMNS, "items": {"kind": "transition"}},
    "queue": {
        "capacity": QUEUE,
        "columns": {**COLUMNS, "filler": STEP_COLUMNS["filler"]},
        "rate_limiter": {"kind": "queue", "size": QUEUE},
    },
}
SENDS = {"ring": (1, 2, 3, 4, 30, 120, 290), "steps": (1, 4, 60), "queue": (1, 2, 3)}


def filler(who: np.ndarray, number: np.ndarray) -> np.ndarray:
    """What stands in a row's filler, by who wrote it and its number: a torn row has another."""
    return (who * 1_000_003 + number)[:, None] * 31 + np.arange(FILLER)


@dataclass
class Writer:
    """Sends rows of its own, exactly once, and knows those that were acknowledged."""

    who: int
    table: str
    acknowledged: dict[int, int] = field(default_factory=dict)  # key -> number
    sequence: int = 0
    last: list[int] | None = None
    pending: tuple[int, np.ndarray] | None = None
    next_number: int = 0

    def run(self, peer: Peer, rng: np.random.Generator) -> None:
        if self.pending is None:
            count = int(rng.choice(SENDS[self.table]))
            numbers = np.arange(self.next_number, self.next_number + count)
            self.next_number += count
            self.sequence += 1
            self.pending = (self.sequence, numbers)
        self.send(peer)

    def send(self, peer: Peer) -> bool:
        """Send what is pending, until it is acknowledged; return whether it had been done."""
        assert self.pending is not None
        sequence, numbers = self.pending
        answer = self._insert(peer, sequence, numbers)
        if answer.status == 429:
            return False
        assert answer.status == 200, answer.document
        self.last = answer.array("keys").tolist()
        self.acknowledged |= dict(zip(self.last, numbers.tolist(), strict=True))
        self.pending = None
        duplicate: bool = answer.document["duplicate"]
        return duplicate

    def repeat_last(self, peer: Peer) -> None:
        """See that the last insert that was acknowledged is known to have been done."""
        if self.last is None or self.pending is not None:
            return
        answer = self._insert(peer, self.sequence, np.arange(1))
        assert answer.document["duplicate"]
        assert answer.array("keys").tolist() == self.last

    def _insert(self, peer: Peer, sequence: int, numbers: np.ndarray) -> Answer:
        count = len(numbers)
        who = np.full(count, self.who)
        columns = {
            "who": array("<i8", who),
            "number": array("<i8", numbers),
            "filler": array("<i8", filler(who, numbers)),
        }
        if self.table == "steps":
            ends = numbers % 10 == 9
            columns |= {
                "observation": array("<f4", np.zeros((count, 3))),
                "action": array("<i8", numbers),
                "reward": array("<f4", np.ones(count)),
                "is_first": array("|b1", numbers % 10 == 0),
                "is_last": array("|b1", ends),
                "is_terminal": array("|b1", ends),
            }
        writer = {"id": f"w{self.who}", "sequence": sequence}
        return TablePeer(peer, self.table).post("insert", {"columns": columns, "writer": writer})


@dataclass
class Updater:
    """Sets priorities of ring rows, alone, and knows what was acknowledged last."""

    writers: list[Writer]
    acknowledged: dict[int, float] = field(default_factory=dict)
    pending: dict[int, float] = field(default_factory=dict)
    highest: float = 1.0

    def run(self, peer: Peer, rng: np.random.Generator) -> None:
        keys = sorted({key for each in self.writers for key in [*each.acknowledged][-40:]})
        if not keys:
            return
        some = rng.choice(keys, min(len(keys), 20), replace=False).tolist()
        self.pending = {key: float(rng.random() * 10) for key in some}
        answer = TablePeer(peer, "ring").update(some, [*self.pending.values()])
        assert answer.status == 200
        if not answer.document["stale"]:  # else some of them may not count
            self.highest = max(self.highest, *self.pending.values())
        self.acknowledged |= self.pending
        self.pending = {}


@dataclass
class Sampler:
    """Draws, and counts the draws that were answered."""

    table: str
    batch: int
    drawn: int = 0
    pending: int = 0
    keys: list[int] = field(default_factory=list)

    def run(self, peer: Peer, rng: np.random.Generator) -> None:
        self.pending = self.batch
        answer = TablePeer(peer, self.table).sample(self.batch)
        if answer.status == 200:
            self.drawn += self.batch
            if self.table == "queue":
                self.keys += answer.array("keys").tolist()
            check_rows(answer)
        self.pending = 0


@dataclass
class Checkpointer:
    """Writes a checkpoint over and over."""

    rows: int | None = None
    pending: bool = False

    def run(self, peer: Peer, rng: np.random.Generator) -> None:
        self.pending = True
        answer = peer.json("POST", "/v1/checkpoints", {"name": "again"})
        assert answer.status == 201
        self.rows, self.pending = answer.document["rows"], False

    def check(self, peer: Peer) -> None:
        """See that the last one is there, or the one that was being written."""
        listed = peer.get("/v1/checkpoints", accept="application/json").document["checkpoints"]
        found = {each["name"]: each["rows"] for each in listed}
        if not self.pending:
            assert found == ({} if self.rows is None else {"again": self.rows})
        elif self.rows is not None:
            assert [*found] == ["again"]
        self.rows, self.pending = found.get("again"), False


def check_rows(answer: Answer) -> None:
    """See that no row is torn."""
    who, number = answer.column("who"), answer.column("number")
    np.testing.assert_array_equal(answer.column("filler"), filler(who, number), "a torn row")


class Load:
    """All of them, and what they know together."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.writers = [
            Writer(who, table)
            for who, table in enumerate(["ring", "ring", "ring", "steps", "steps", "queue"])
        ]
        self.updater = Updater([each for each in self.writers if each.table == "ring"])
        self.samplers = [Sampler("ring", 16), Sampler("steps", 8), Sampler("queue", 2)]
        self.lost_answers = 0
        self.checkpointer = Checkpointer()

    @property
    def rows_acknowledged(self) -> int:
        return sum(len(each.acknowledged) for each in self.writers)

    def make_tables(self, peer: Peer) -> None:
        for name, spec in SPECS.items():
            assert TablePeer(peer, name).put(**spec).status in (200, 201)

    def run(self, url: str, *, churn: bool) -> list[threading.Thread]:
        """Load a server until it dies; return the threads."""
        actors: list[Callable[[Peer, np.random.Generator], None]] = [
            *(each.run for each in self.writers),
            self.updater.run,
            *(each.run for each in self.samplers),
        ]
        if churn:
            actors += [_make_and_drop, self.checkpointer.run]
        seeds = self._rng.integers(1 << 30, size=len(actors)).tolist()
        threads = [
            threading.Thread(target=_until_it_dies, args=(act, url, seed))
            for act, seed in zip(actors, seeds, strict=True)
        ]
        for thread in threads:
            thread.start()
        return threads

    def check(self, url: str) -> None:
        """See that a server that was started again has all that was acknowledged."""
        with Peer(url) as peer:
            for table in SPECS:
                self._check_table(peer, table)
            self.checkpointer.check(peer)
            for writer in self.writers:
                writer.repeat_last(peer)
                if writer.pending is not None:
                    self.lost_answers += 1
                    writer.send(peer)
            if self.updater.pending:
                self.updater.run(peer, self._rng)

    def _check_table(self, peer: Peer, name: str) -> None:
        table = TablePeer(peer, name)
        answer = table.scan()
        stats = table.stats()
        check_rows(answer)
        writers = [each for each in self.writers if each.table == name]
        keys = answer.array("keys").tolist()
        rows = list(
            zip(answer.column("who").tolist(), answer.column("number").tolist(), strict=True)
        )
        assert len(set(rows)) == len(rows), "a row is there twice"
        there = dict(zip(keys, rows, strict=True))
        acknowledged = {k: (w.who, n) for w in writers for k, n in w.acknowledged.items()}
        pending = {
            (w.who, n) for w in writers if w.pending is not None for n in w.pending[1].tolist()
        }
        total = stats["inserted_total"]
        assert len(acknowledged) <= total <= len(acknowledged) + len(pending)
        sampler = next(each for each in self.samplers if each.table == name)
        assert sampler.drawn <= stats["sampled_total"] <= sampler.drawn + sampler.pending
        sampler.drawn, sampler.pending = stats["sampled_total"], 0
        expected = set(range(max(total - CAPACITY, 0), total))
        if name == "queue":
            drawn = stats["sampled_total"]
            assert not set(sampler.keys) & set(keys), "an item was drawn and is there again"
            expected = set(range(drawn, total))
        assert set(keys) == expected, "rows are lost"
        for key in keys:
            if key in acknowledged:
                assert there[key] == acknowledged[key], "a row has another's key"
            else:
                assert there[key] in pending, "a row that nobody sent"
        if name == "ring":
            self._check_priorities(answer, stats["max_priority"])

    def _check_priorities(self, answer: Answer, highest: float) -> None:
        updater = self.updater
        pairs = zip(answer.array("keys").tolist(), answer.array("priorities").tolist(), strict=True)
        for key, priority in pairs:
            if key in updater.pending:
                continue  # as before, or as it was to be: both are checked by the next update
            if key in updater.acknowledged:
                assert priority == updater.acknowledged[key], "a priority is lost"
        assert highest >= updater.highest, "the highest priority has fallen"


def _make_and_drop(peer: Peer, rng: np.random.Generator) -> None:
    table = TablePeer(peer, f"churn-{int(rng.integers(3))}")
    if rng.random() < 0.5:
        table.put(capacity=50)
        table.insert([1, 2, 3])
    else:
        peer.send("DELETE", table.path)


def _until_it_dies(act: Callable[[Peer, np.random.Generator], None], url: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    try:
        with Peer(url) as peer:
            while True:
                act(peer, rng)
    except (OSError, http.client.HTTPException):
        return
