"""How long until a server that was killed serves again, whatever state its tables were in?

A server with `--durability process` is filled, killed with SIGKILL in one of several states and
started again, some times over; what counts is the time from the start of the process to its ready
line, and the processor time that it took until then. The bars: 2 s for a table of a million rows of
workload S, 10 s for one of steps of workload A that takes 10 GB.

    python -m benchmarks.bench_start [--rows N] [--steps N] [--starts N] [--folder DIR] [--only A]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np

from agent_client import ReplayClient
from benchmarks.workloads import SMALL_SPEC, STEPS_SPEC, small_rows, step_rows

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_STRIDE = 10_000
_NEAR_THE_END = 0.97  # of what a journal may hold before it begins anew
_JOURNAL_RECORDS = 1 << 14
_JOURNAL_BYTES = 1 << 26
_UPDATED = 4096
_IN_HAND = 1 << 23  # reserved for more


Prepare = Callable[[ReplayClient, str, Path], None]
"""Takes a client of a server, its URL and its data directory."""


class Server:
    """A server on a data directory, and how long it took to get ready."""

    def __init__(self, folder: Path) -> None:
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "replay_server", "serve", "--port=0", f"--data-dir={folder}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        self.seconds = time.perf_counter() - began
        self.processor_seconds = self._processor_seconds()

    def _processor_seconds(self) -> float:
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:  # not Linux
            return float("nan")
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def fill_small(client: ReplayClient, rows: int, times: float) -> None:
    """Put so many times as many rows as it holds into a table of workload S."""
    client.create_table("s", {**SMALL_SPEC, "capacity": rows})
    columns, stride = small_rows(min(_STRIDE, rows)), min(_STRIDE, rows)
    generator = np.random.default_rng(0)
    for _ in range(0, int(rows * times), stride):
        client.insert("s", columns, priorities=generator.random(stride) + 0.01)


def many_records(client: ReplayClient, rows: int) -> None:
    """Send almost as many small requests as the journal may hold."""
    fill_small(client, rows, 1)
    row = small_rows(1)
    for _ in range(int(_JOURNAL_RECORDS * _NEAR_THE_END) - rows // _STRIDE):
        client.insert("s", row)


def many_bytes(client: ReplayClient, folder: Path, rows: int) -> None:
    """Update priorities until the journal is almost as long as it may be."""
    fill_small(client, rows, 1)
    generator = np.random.default_rng(0)
    while journal_bytes(folder) < _JOURNAL_BYTES * _NEAR_THE_END + _IN_HAND:
        keys = generator.integers(0, rows, _UPDATED)
        client.update_priorities("s", keys, generator.random(_UPDATED))


def journal_bytes(folder: Path) -> int:
    """Return how long the last segment of the journal is, with what is reserved for it."""
    return max((folder / "journal").glob("*.log")).stat().st_size


def within_a_checkpoint(client: ReplayClient, url: str, rows: int) -> None:
    """Leave while a checkpoint is being written, under inserts."""
    fill_small(client, rows, 1.2)

    def write() -> None:
        with suppress(httpx.TransportError):
            httpx.post(f"{url}/v1/checkpoints", json={"name": "bench"}, timeout=60)

    threading.Thread(target=write, daemon=True).start()
    columns = small_rows(64)
    until = time.monotonic() + 0.1
    while time.monotonic() < until:
        client.insert("s", columns)


def fill_steps(client: ReplayClient, steps: int) -> None:
    """Put a tenth more steps than it holds into a table of workload A."""
    client.create_table("a", {**STEPS_SPEC, "capacity": steps})
    columns, stride = step_rows(min(1000, steps)), min(1000, steps)
    for _ in range(0, steps + steps // 10, stride):
        client.insert("a", columns)


def measure(name: str, bar_s: float, prepare: Prepare, folder: Path, starts: int) -> None:
    """Prepare a state, kill, start again and again, and print what it took."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        server = Server(Path(own))
        with ReplayClient(server.url, total_timeout_s=120) as client:
            prepare(client, server.url, Path(own))
        server.kill()
        journal = journal_bytes(Path(own)) if any(Path(own, "journal").iterdir()) else 0
        found = []
        for _ in range(starts):
            server = Server(Path(own))
            found.append((server.seconds, server.processor_seconds))
            server.kill()
    seconds, processor = zip(*found, strict=True)
    print(
        f"| {name} | {journal / 2**20:.0f} MiB | {statistics.median(seconds):.2f} s "
        f"({min(seconds):.2f} to {max(seconds):.2f}) | {statistics.median(processor):.2f} s | "
        f"{bar_s:.0f} s |",
        flush=True,
    )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=1_420_000)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where directories are made")
    parser.add_argument("--only", default="", help="states that begin so")
    options = parser.parse_args()
    rows, steps = options.rows, options.steps
    states: list[tuple[str, float, Prepare]] = [
        ("nothing", 2, lambda client, *_: None),
        ("S: just filled", 2, lambda client, *_: fill_small(client, rows, 1)),
        ("S: wrapped", 2, lambda client, *_: fill_small(client, rows, 1.5)),
        ("S: a journal of many records", 2, lambda client, *_: many_records(client, rows)),
        (
            "S: a journal of many bytes",
            2,
            lambda client, _, folder: many_bytes(client, folder, rows),
        ),
        (
            "S: within a checkpoint",
            2,
            lambda client, url, _: within_a_checkpoint(client, url, rows),
        ),
    ]
    states.append(("A: wrapped", 10, lambda client, *_: fill_steps(client, steps)))
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, {options.starts} starts")
    print("| state | journal | until it is ready | processor time | bar |")
    print("| --- | --- | --- | --- | --- |")
    for name, bar_s, prepare in (each for each in states if each[0].startswith(options.only)):
        measure(name, bar_s, prepare, options.folder, options.starts)


if __name__ == "__main__":
    main()
