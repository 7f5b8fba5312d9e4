"""Killed at any instant under load, a server that is started again has all it had acknowledged."""

import http.client
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.contract.peer import Peer, TablePeer
from tests.contract.steps import StepPeer, episode
from tests.replay_server.durability.make_kept import describe
from tests.system.load import Load

REPOSITORY = Path(__file__).parents[2]
PRIORITIZED = {"kind": "prioritized"}
READY = "replay-server ready on "
INSIDE = {
    "store": 60,
    "journal": 60,
    "index": 40,
    "reserve": 8,
    "rename": 2,
    "remove": 3,
    "checkpoint": 60,
}
DEFAULTS = {"SEED": 7, "PATIENCE_S": 3}
AT_START = {"journal": 2, "rename": 1, "index": 3}


class MortalServer:
    """A server process with a plan of its death."""

    def __init__(self, data: Path, plan: str) -> None:
        command = [sys.executable, "-m", "tests.system.mortal_server", plan, "serve", "--port=0"]
        self.process = subprocess.Popen(
            [*command, f"--data-dir={data}", "--log-level=error"],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self._alarm = threading.Timer(120, self.process.kill)
        self._alarm.start()

    def url(self) -> str | None:
        """Where it serves; None if it died before."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return line.removeprefix(READY).strip() if line.startswith(READY) else None

    def end(self, after_s: float) -> bool:
        """Wait for its death; after some time it is killed. Return whether it died as planned."""
        as_planned = True
        try:
            self.process.wait(after_s)
        except subprocess.TimeoutExpired:
            as_planned = False
            self.process.kill()
        code = self.process.wait()
        self._alarm.cancel()
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert code == -9, f"it ended by itself, with {code}"
        return as_planned


def some_plan(rng: np.random.Generator) -> tuple[str, str]:
    """A kind of kill, and the plan for it."""
    kind = rng.choice(["instant", "start", *INSIDE], p=[0.23, 0.14, *[0.09] * len(INSIDE)])
    if kind == "instant":
        return "instant", "never:0"
    if kind == "start":
        inner = rng.choice([*AT_START])
        return "start", f"{inner}:{int(rng.integers(1, AT_START[inner] + 1))}"
    return str(kind), f"{kind}:{int(rng.integers(1, INSIDE[kind] + 1))}"


def kill_again_and_again(
    folder: Path, kills: int, seed: int, patience_s: float = 3.0
) -> tuple[Counter[str], Load]:
    rng, load = np.random.default_rng(seed), Load(seed)
    counts: Counter[str] = Counter()
    while counts.total() < kills:
        kind, plan = some_plan(rng)
        server = MortalServer(folder / "data", plan)
        if kind == "start":  # after a moment, should it not come to the operation by itself
            threading.Timer(float(rng.random()) * 2, server.process.kill).start()
        url, as_planned = server.url(), True
        if url is not None:
            try:
                with Peer(url) as peer:
                    load.make_tables(peer)
                load.check(url)
            except (OSError, http.client.HTTPException):
                pass  # it died meanwhile, and the next one is checked
            else:
                threads = load.run(url, churn=True)
                wait_s = float(rng.random()) if kind == "instant" else patience_s
                as_planned = server.end(wait_s)
                for thread in threads:
                    thread.join()
        as_planned = server.end(0.0 if kind == "start" else patience_s) and as_planned
        counts[kind if kind in ("instant", "start") or as_planned else f"{kind}, late"] += 1
    return counts, load


def check_at_the_end(folder: Path, load: Load) -> None:
    server = MortalServer(folder / "data", "never:0")
    url = server.url()
    assert url is not None
    load.check(url)
    server.end(0.0)


def test_a_server_that_is_killed_under_load_loses_nothing(tmp_path: Path):
    counts, load = kill_again_and_again(tmp_path, 4, seed=11, patience_s=1.0)

    check_at_the_end(tmp_path, load)
    assert counts.total() == 4
    assert load.rows_acknowledged > 50


@pytest.mark.slow
def test_two_hundred_kills_lose_nothing(tmp_path: Path):
    began = time.monotonic()
    kills = int(os.environ.get("CRASH_KILLS", "200"))
    seed, patience_s = (int(os.environ.get(f"CRASH_{name}", d)) for name, d in DEFAULTS.items())
    counts, load = kill_again_and_again(tmp_path, kills, seed, patience_s)

    check_at_the_end(tmp_path, load)
    sys.stderr.write(
        f"\n{kills} kills {dict(counts)}: {load.rows_acknowledged} rows acknowledged, "
        f"{load.lost_answers} answers lost; lost 0, torn 0, doubled 0; "
        f"{time.monotonic() - began:.0f} s\n"
    )


RESTORES = {"restore-copy": 20, "restore-rename": 2, "restore-journal": 2, "restore-remove": 1}


class Restorer:
    """Has a checkpoint written and restored by servers that die at it.

    Attributes:
        state: what a server told last, of rows, specs, stats and parameters.
        written: what the checkpoint may hold.
        possible: what may be found.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self._data = folder / "data"
        self._rng = np.random.default_rng(seed)
        self._next = 0
        self.written: list[Any] = []
        self.possible: list[Any] = []
        self.counts: Counter[str] = Counter()

    def begin(self) -> None:
        server = MortalServer(self._data, "never:0")
        url = server.url()
        assert url is not None
        with Peer(url) as peer:
            peer.json("PUT", "/v1/tables/rows", {"capacity": 30, "sampler": PRIORITIZED})
            peer.json("PUT", "/v1/tables/steps", {"capacity": 30, "items": {"kind": "transition"}})
            self._change(peer)
            self._write(peer)
        server.end(0.0)

    def kill(self, plan: str, doing: str) -> None:
        """Start a server by a plan, check what it has, and have it die at what it is doing."""
        server = MortalServer(self._data, plan)
        url = server.url()
        if url is not None:
            try:
                with Peer(url) as peer:
                    self._check(peer)
                    self._change(peer)
                    if plan == "never:0":
                        after_s = float(self._rng.random()) * 0.1
                        threading.Timer(after_s, server.process.kill).start()
                    if doing == "write":
                        self._write(peer)
                    else:
                        self.possible += self.written
                        peer.json("POST", "/v1/checkpoints/one/restore", {})
                        self.possible = [told_of(peer)]
            except (OSError, http.client.HTTPException):
                pass
        server.end(1.0)
        self.counts[f"{doing} {plan.split(':')[0]}"] += 1

    def _check(self, peer: Peer) -> None:
        found = told_of(peer)
        assert found in self.possible, "neither what was there nor what was restored"
        self.possible = [found]
        listed = peer.get("/v1/checkpoints", accept="application/json").document["checkpoints"]
        assert [each["name"] for each in listed] == ["one"]

    def _change(self, peer: Peer) -> None:
        self._next += 5
        TablePeer(peer, "rows").fill(range(self._next, self._next + 5), self._rng.random(5))
        StepPeer(peer, "steps").store(episode(range(self._next, self._next + 4)))
        TablePeer(peer, "rows").sample(3)
        peer.send("PUT", "/v1/parameters/policy", str(self._next).encode())
        self.possible = [told_of(peer)]

    def _write(self, peer: Peer) -> None:
        self.written = [*self.written, *self.possible]
        answer = peer.json("POST", "/v1/checkpoints", {"name": "one"})
        assert answer.status == 201
        self.written = self.written[-1:]


def told_of(peer: Peer) -> Any:
    told = describe(peer)
    return {name: told[name] for name in ("tables", "rows", "policy")}


def kill_at_checkpoints(folder: Path, rounds: int, seed: int) -> Counter[str]:
    rng, restorer = np.random.default_rng(seed), Restorer(folder, seed)
    restorer.begin()
    for number in range(rounds):
        if number % 3 == 0:
            restorer.kill(f"checkpoint:{int(rng.integers(1, 40))}", "write")
        elif number % 3 == 1:
            kind = str(rng.choice([*RESTORES]))
            restorer.kill(f"{kind}:{int(rng.integers(1, RESTORES[kind] + 1))}", "restore")
        else:
            restorer.kill("never:0", "restore")
    server = MortalServer(folder / "data", "never:0")
    url = server.url()
    assert url is not None
    with Peer(url) as peer:
        restorer._check(peer)
        assert peer.json("POST", "/v1/checkpoints/one/restore", {}).status == 200
        assert told_of(peer) in restorer.written
    server.end(0.0)
    return restorer.counts


def test_a_server_that_is_killed_at_a_checkpoint_has_the_state_before_or_after(tmp_path: Path):
    assert kill_at_checkpoints(tmp_path, 3, seed=1).total() == 3


@pytest.mark.slow
def test_fifty_kills_at_checkpoints_leave_the_state_before_or_after(tmp_path: Path):
    began = time.monotonic()
    counts = kill_at_checkpoints(tmp_path, int(os.environ.get("CRASH_CHECKPOINTS", "50")), seed=2)

    sys.stderr.write(
        f"\n{counts.total()} kills at checkpoints {dict(counts)}: always the state before or "
        f"after; {time.monotonic() - began:.0f} s\n"
    )
