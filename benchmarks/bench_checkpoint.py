"""How much longer do inserts and draws take while a checkpoint is written?

A server keeps a table of a million rows (workload S) in a data directory. One client inserts 64
rows and another draws 256 items, in turns, without a pause. In every other interval a checkpoint
is being written the whole time; the intervals take turns, so that what else the machine does falls
on both. The bar: the 99th percentile while one is written is at most 3 times that without.

    python -m benchmarks.bench_checkpoint [--rows N] [--turns N]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time

import httpx
import numpy as np

from agent_client import ReplayClient

TABLE = "s"
_QUIET_S = 4.0


def columns(count: int) -> dict[str, np.ndarray]:
    """Return rows of workload S."""
    return {
        "observation": np.ones((count, 4), np.float32),
        "next_observation": np.ones((count, 4), np.float32),
        "action": np.zeros(count, np.int64),
        "reward": np.ones(count, np.float32),
        "done": np.zeros(count, np.bool_),
    }


def load(client: ReplayClient, stop: threading.Event, times: dict[str, list[float]]) -> None:
    """Insert and draw in turns until told to stop."""
    rows = columns(64)
    verbs = (
        ("insert", lambda: client.insert(TABLE, rows)),
        ("sample", lambda: client.sample(TABLE, 256)),
    )
    while not stop.is_set():
        for name, verb in verbs:
            began = time.perf_counter()
            verb()
            times[name].append(time.perf_counter() - began)


def interval(
    url: str, checkpoints: httpx.Client | None
) -> tuple[dict[str, list[float]], float, int]:
    """Return the times of requests while checkpoints are written, or for a while without one.

    Beside them: how long that was, and how many checkpoints there were.
    """
    times: dict[str, list[float]] = {"insert": [], "sample": []}
    stop = threading.Event()
    with ReplayClient(url) as client:
        worker = threading.Thread(target=load, args=(client, stop, times))
        worker.start()
        began = time.perf_counter()
        if checkpoints is None:
            time.sleep(_QUIET_S)
        count = 0
        while checkpoints is not None and time.perf_counter() - began < _QUIET_S:
            checkpoints.post("/v1/checkpoints", json={"name": "bench"}).raise_for_status()
            count += 1
        seconds = time.perf_counter() - began
        stop.set()
        worker.join()
    return times, seconds, count


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-m", "replay_server", "serve", "--port=0", f"--data-dir={folder}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        with ReplayClient(url) as client:
            client.create_table(TABLE, {"capacity": options.rows})
            for _ in range(0, options.rows, 10_000):
                client.insert(TABLE, columns(10_000))
        every: dict[bool, dict[str, list[float]]] = {
            busy: {"insert": [], "sample": []} for busy in (False, True)
        }
        with httpx.Client(base_url=url, timeout=600) as checkpoints:
            for turn in range(2 * options.turns):
                busy = turn % 2 == 1
                times, seconds, count = interval(url, checkpoints if busy else None)
                for name, found in times.items():
                    every[busy][name] += found
                print(f"turn {turn}: {count} checkpoints in {seconds:.1f} s")
        server.terminate()
        server.wait()
    for name in ("insert", "sample"):
        told = []
        for busy in (False, True):
            found = np.array(every[busy][name]) * 1e3
            median, high, most = (*np.percentile(found, [50, 99]), found.max())
            told.append(high)
            which = "while one is written" if busy else "without"
            print(
                f"{name} {which}: {len(found)} requests, median {median:.3f} ms, "
                f"99th {high:.3f} ms, longest {most:.1f} ms"
            )
        print(f"{name}: 99th percentile x{told[1] / told[0]:.2f} (bar: 3)")


if __name__ == "__main__":
    main()
