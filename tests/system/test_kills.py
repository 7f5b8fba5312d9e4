"""Killed at any instant under load, a server that is started again has all it had acknowledged."""

import http.client
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.contract.peer import Peer
from tests.system.load import Load

REPOSITORY = Path(__file__).parents[2]
READY = "replay-server ready on "
INSIDE = {"store": 60, "journal": 60, "index": 40, "reserve": 8, "rename": 2, "remove": 3}
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

    def end(self, after_s: float | None) -> None:
        """Wait for its death; after some time, if any, it is killed."""
        try:
            self.process.wait(after_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
        code = self.process.wait()
        self._alarm.cancel()
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert code == -9, f"it ended by itself, with {code}"


def some_plan(rng: np.random.Generator) -> tuple[str, str]:
    """A kind of kill, and the plan for it."""
    kind = rng.choice(["instant", "start", *INSIDE], p=[0.3, 0.1, *[0.1] * len(INSIDE)])
    if kind == "instant":
        return "instant", "never:0"
    if kind == "start":
        inner = rng.choice([*AT_START])
        return "start", f"{inner}:{int(rng.integers(1, AT_START[inner] + 1))}"
    return str(kind), f"{kind}:{int(rng.integers(1, INSIDE[kind] + 1))}"


def kill_again_and_again(folder: Path, kills: int, seed: int) -> tuple[Counter[str], Load]:
    rng, load = np.random.default_rng(seed), Load(seed)
    counts: Counter[str] = Counter()
    while counts.total() < kills:
        kind, plan = some_plan(rng)
        server = MortalServer(folder / "data", plan)
        if kind == "start":  # after a moment, should it not come to the operation by itself
            threading.Timer(float(rng.random()) * 2, server.process.kill).start()
        url = server.url()
        if url is not None:
            try:
                with Peer(url) as peer:
                    load.make_tables(peer)
                load.check(url)
            except (OSError, http.client.HTTPException):
                pass  # it died meanwhile, and the next one is checked
            else:
                threads = load.run(url, churn=True)
                server.end(float(rng.random()) if kind == "instant" else 3.0)
                for thread in threads:
                    thread.join()
        server.end(0.0 if kind == "start" else 3.0)
        counts[kind] += 1
    return counts, load


def check_at_the_end(folder: Path, load: Load) -> None:
    server = MortalServer(folder / "data", "never:0")
    url = server.url()
    assert url is not None
    load.check(url)
    server.end(0.0)


def test_a_server_that_is_killed_under_load_loses_nothing(tmp_path: Path):
    counts, load = kill_again_and_again(tmp_path, 8, seed=11)

    check_at_the_end(tmp_path, load)
    assert counts.total() == 8
    assert load.rows_acknowledged > 100


@pytest.mark.slow
def test_two_hundred_kills_lose_nothing(tmp_path: Path):
    began = time.monotonic()
    kills = int(os.environ.get("CRASH_KILLS", "200"))
    counts, load = kill_again_and_again(tmp_path, kills, seed=7)

    check_at_the_end(tmp_path, load)
    sys.stderr.write(
        f"\n{kills} kills {dict(counts)}: {load.rows_acknowledged} rows acknowledged, "
        f"{load.lost_answers} answers lost; lost 0, torn 0, doubled 0; "
        f"{time.monotonic() - began:.0f} s\n"
    )
