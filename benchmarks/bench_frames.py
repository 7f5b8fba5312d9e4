"""How near to the loopback's bandwidth do batches of Atari transitions come, into torch's hands?

Workload A through the project's own client: 256 transitions of two stacks of four 84x84 frames
from a table of 50,000 steps, as tensors that torch can use; and steps going in through the writer.
Beside them: the same bytes over a raw socket, and `np.take` in one process.

    python -m benchmarks.bench_frames [--quick]
"""

from __future__ import annotations

import time

import numpy as np

from agent_client import Prefetcher, ReplayClient, RowWriter
from agent_client.runs.embedded_server import EmbeddedServer
from agent_client.tensors import TensorBatch
from benchmarks.harness import Comparison, Contender, compare
from benchmarks.limits import RawServer
from benchmarks.main import main
from benchmarks.peers.process import Peers
from benchmarks.workloads import BATCH, FRAME, fill_steps, frames, step_rows

TABLE = "steps"
STACK_BYTES = 4 * FRAME[0] * FRAME[1]
ROWS = 50_000


def measure(quick: bool, peers: Peers) -> list[Comparison]:
    """Measure all operations."""
    rounds = 9 if quick else 31
    with EmbeddedServer() as server, ReplayClient(server.url) as client, RawServer() as raw:
        fill_steps(client, TABLE, ROWS)
        return [
            _draws(client, raw, peers, rounds),
            _prefetched(client, raw, rounds),
            _steps_in(client, peers, rounds=3 if quick else 9, rows=10_000 if quick else 50_000),
        ]


def _take() -> Contender:
    """Return two `np.take`s of frame stacks in this process, into arrays that are kept."""
    storage = frames(ROWS)
    generator = np.random.default_rng(4)
    out = np.empty((2, BATCH, 4, *FRAME), np.uint8)

    def run() -> None:
        places = generator.integers(4, ROWS, (BATCH, 1)) + np.arange(-4, 0)
        np.take(storage, places, axis=0, out=out[0], mode="clip")
        np.take(storage, places + 1, axis=0, out=out[1], mode="clip")

    return Contender("np.take in process", run)


def _draws(client: ReplayClient, raw: RawServer, peers: Peers, rounds: int) -> Comparison:
    def stacked() -> None:
        TensorBatch.from_batch(client.sample(TABLE, BATCH))

    def indexed() -> None:
        TensorBatch.from_batch(client.sample(TABLE, BATCH, layout="indexed"))

    def indexed_and_stacked() -> None:
        TensorBatch.from_batch(client.sample(TABLE, BATCH, layout="indexed")).stacked()

    return Comparison(
        "A: draw 256 into tensors",
        "ms",
        compare(
            [
                Contender("ours, stacked", stacked),
                Contender("ours, indexed", indexed),
                Contender("ours, indexed, then stacked by torch", indexed_and_stacked),
                Contender(
                    "raw loopback, the same bytes",
                    lambda: raw.exchange(300, 2 * BATCH * STACK_BYTES),
                ),
                _take(),
                *peers.contenders("A draw"),
                *peers.contenders("A twenty draws", 20),
            ],
            rounds,
            3,
        ),
        bar=8,
        aim=4,
    )


def _prefetched(client: ReplayClient, raw: RawServer, rounds: int) -> Comparison:
    batches = 20

    def prefetched(layout: str) -> float:
        with Prefetcher(client, TABLE, BATCH, depth=3, layout=layout) as prefetcher:
            prefetcher.next_tensors().stacked()
            began = time.perf_counter()
            for _ in range(batches):
                prefetcher.next_tensors().stacked()
            return time.perf_counter() - began

    stacks = 2 * BATCH * STACK_BYTES

    def over_raw() -> None:
        for _ in range(batches):
            raw.exchange(300, stacks)

    return Comparison(
        "A: bytes of stacks that a learner gets from a prefetcher",
        "GB/s",
        compare(
            [
                Contender("raw loopback", over_raw, batches * stacks / 1e9),
                Contender("ours, stacked", lambda: prefetched("stacked"), batches * stacks / 1e9),
                Contender("ours, indexed", lambda: prefetched("indexed"), batches * stacks / 1e9),
            ],
            max(3, rounds // 3),
        ),
        note="bar 0.5 of raw, aim 1.0: a ratio of 2 is the bar",
    )


def _steps_in(client: ReplayClient, peers: Peers, rounds: int, rows: int) -> Comparison:
    columns = step_rows(1000)
    steps = [
        {
            "observation": columns["observation"][i],
            "action": int(columns["action"][i]),
            "reward": float(columns["reward"][i]),
            "is_first": bool(columns["is_first"][i]),
            "is_last": bool(columns["is_last"][i]),
            "is_terminal": bool(columns["is_terminal"][i]),
        }
        for i in range(1000)
    ]

    def through_the_writer() -> None:
        with RowWriter(client, TABLE) as writer:
            append = writer.append
            for _ in range(rows // 1000):
                for step in steps:
                    append(step)

    return Comparison(
        "A: insert steps through the writer, into the server",
        "rows/s",
        compare(
            [Contender("ours", through_the_writer, rows), *peers.contenders("A write", 500)], rounds
        ),
        bar=60_000,
        aim=150_000,
    )


if __name__ == "__main__":
    main(measure, __doc__)
