"""How fast do small rows go in and out over a socket, beside what a raw socket takes for the bytes?

Workload S through the project's own client, one request in flight: inserts, draws, updates of
priorities, and the step of a learner (update and draw in one request), from a full table of a
million rows.

    python -m benchmarks.bench_small_rows [--quick]
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agent_client import ReplayClient, RowWriter
from agent_client.runs.embedded_server import EmbeddedServer
from benchmarks.harness import Comparison, Contender, compare
from benchmarks.limits import RawServer
from benchmarks.main import main
from benchmarks.peers.process import Peers
from benchmarks.workloads import BATCH, fill_small, small_rows

TABLE = "small"
_HEAD = 260  # bytes of a request's or an answer's head and of what names its arrays


def measure(quick: bool, peers: Peers) -> list[Comparison]:
    """Measure all operations."""
    rounds = 7 if quick else 25
    with EmbeddedServer() as server, ReplayClient(server.url) as client, RawServer() as raw:
        fill_small(client, TABLE, 1_000_000)
        return [
            *_draws(client, raw, peers, rounds),
            *_updates(client, raw, peers, rounds),
            *_inserts(client, raw, rounds),
            _steps_in(client, peers, rounds=max(3, rounds // 3), rows=20_000 if quick else 100_000),
        ]


def _draws(client: ReplayClient, raw: RawServer, peers: Peers, rounds: int) -> list[Comparison]:
    runs = 30
    item_bytes = 45 + 8 + 8 + 4 + 8 + 4 + 8

    def learner() -> Callable[[], None]:
        state = {"batch": client.sample(TABLE, BATCH)}
        priorities = np.random.default_rng(2).random(BATCH)

        def step() -> None:
            state["batch"] = client.sample(TABLE, BATCH, update=(state["batch"].keys, priorities))

        return step

    return [
        Comparison(
            "S: draw 256 at a time",
            "rows/s",
            compare(
                [
                    Contender("ours", lambda: client.sample(TABLE, BATCH) and None, BATCH),
                    Contender("raw", lambda: raw.exchange(300, 1000 + BATCH * item_bytes), BATCH),
                    *peers.contenders("S draw", BATCH),
                    *peers.contenders("S twenty draws", 20 * BATCH),
                ],
                rounds,
                runs,
            ),
            bar=300_000,
            aim=500_000,
        ),
        Comparison(
            "S: draw 256 with batches 16",
            "rows/s",
            compare(
                [
                    Contender(
                        "ours", lambda: client.sample(TABLE, BATCH, batches=16) and None, BATCH * 16
                    ),
                    Contender(
                        "raw",
                        lambda: raw.exchange(300, 1000 + 16 * BATCH * item_bytes),
                        BATCH * 16,
                    ),
                ],
                rounds,
                runs // 3,
            ),
            bar=1e6,
            aim=2e6,
        ),
        Comparison(
            "S: learner step, update 256 and draw 256 in one request",
            "us",
            compare(
                [
                    Contender("ours", learner()),
                    Contender(
                        "raw", lambda: raw.exchange(500 + BATCH * 16, 1000 + BATCH * item_bytes)
                    ),
                    *peers.contenders("S step"),
                ],
                rounds,
                runs,
            ),
            bar=650,
            aim=400,
        ),
    ]


def _updates(client: ReplayClient, raw: RawServer, peers: Peers, rounds: int) -> list[Comparison]:
    comparisons = []
    for count, bar, aim in ((256, 8e5, 1e6), (4096, 4e6, 1e7)):
        keys = client.sample(TABLE, count).keys.copy()
        priorities = np.random.default_rng(3).random(count)

        def update(keys=keys, priorities=priorities) -> None:  # noqa: ANN001
            client.update_priorities(TABLE, keys, priorities)

        comparisons.append(
            Comparison(
                f"S: update {count} priorities in a request",
                "keys/s",
                compare(
                    [
                        Contender("ours", update, count),
                        Contender("raw", lambda n=count: raw.exchange(400 + 16 * n, 200), count),
                        *peers.contenders(f"S update {count}", count),
                    ],
                    rounds,
                    30,
                ),
                bar,
                aim,
            )
        )
    return comparisons


def _inserts(client: ReplayClient, raw: RawServer, rounds: int) -> list[Comparison]:
    count = 1000
    columns = small_rows(count)
    return [
        Comparison(
            "S: insert in requests of 1,000 rows",
            "rows/s",
            compare(
                [
                    Contender("ours", lambda: client.insert(TABLE, columns) and None, count),
                    Contender("raw", lambda: raw.exchange(600 + 45 * count, 8 * count), count),
                ],
                rounds,
                20,
            ),
            bar=8e5,
            aim=1.5e6,
        )
    ]


def _steps_in(client: ReplayClient, peers: Peers, rounds: int, rows: int) -> Comparison:
    columns = small_rows(1000)
    steps = [
        {
            "observation": columns["observation"][i],
            "action": int(columns["action"][i]),
            "reward": float(columns["reward"][i]),
            "next_observation": columns["next_observation"][i],
            "terminated": bool(columns["terminated"][i]),
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
        "S: insert step by step through the writer, into the server",
        "rows/s",
        compare(
            [Contender("ours", through_the_writer, rows), *peers.contenders("S write", 2_000)],
            rounds,
        ),
        bar=150_000,
        aim=300_000,
    )


if __name__ == "__main__":
    main(measure, __doc__)
