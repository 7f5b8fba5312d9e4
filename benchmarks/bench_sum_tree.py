"""How fast is the sum tree alone, beside the peers' trees, and how does it grow with its leaves?

256 searches for fresh targets and 256 changes at random leaves, in process; then a learner's step
over the socket, from tables of 10 thousand to 10 million rows.

    python -m benchmarks.bench_sum_tree [--quick]
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import numpy as np

from agent_client import ReplayClient
from agent_client.runs.embedded_server import EmbeddedServer
from benchmarks.harness import Comparison, Contender, compare
from benchmarks.main import main
from benchmarks.peers.process import Peers
from benchmarks.workloads import BATCH, fill_small
from replay_server.memory.arrays import aligned_zeros
from replay_server.memory.sum_tree import SumTree

LEAVES = 1_000_000
SETS = 1_000  # of targets or leaves, made before: a tree answers for its own work only
SIZES = {"10k": 10_000, "100k": 100_000, "1M": 1_000_000, "10M": 10_000_000}


def measure(quick: bool, peers: Peers) -> list[Comparison]:
    """Measure the tree, then the growth of a step."""
    rounds = 15 if quick else 51
    return [*_alone(peers, rounds), _growth(9 if quick else 31, quick)]


def _alone(peers: Peers, rounds: int) -> list[Comparison]:
    generator = np.random.default_rng(5)
    tree = SumTree(LEAVES, aligned_zeros)
    for first in range(0, LEAVES, 10_000):
        tree.set(np.arange(first, first + 10_000), generator.random(10_000) + 0.01)
    total = tree.total * 0.999
    return [
        Comparison(
            "sum tree alone: 256 searches at 1M leaves",
            "us",
            compare(
                [
                    Contender("ours", _searches(tree, generator, total)),
                    *peers.contenders("tree find"),
                ],
                rounds,
                50,
            ),
            bar=30,
            aim=20,
        ),
        Comparison(
            "sum tree alone: 256 changes at 1M leaves",
            "us",
            compare(
                [Contender("ours", _changes(tree, generator)), *peers.contenders("tree set")],
                rounds,
                50,
            ),
            bar=15,
            aim=10,
        ),
    ]


def _searches(tree: SumTree, generator: np.random.Generator, total: float) -> Callable[[], None]:
    sets = cycle([generator.random(BATCH) * total for _ in range(SETS)])

    def run() -> None:
        tree.find(next(sets))

    return run


def _changes(tree: SumTree, generator: np.random.Generator) -> Callable[[], None]:
    sets = cycle(
        [(generator.integers(0, LEAVES, BATCH), generator.random(BATCH)) for _ in range(SETS)]
    )

    def run() -> None:
        tree.set(*next(sets))

    return run


def _growth(rounds: int, quick: bool) -> Comparison:
    sizes = {name: rows for name, rows in SIZES.items() if rows <= 1_000_000 or not quick}
    priorities = np.random.default_rng(2).random(BATCH)

    def step(client: ReplayClient, table: str) -> Callable[[], None]:
        last = {"keys": client.sample(table, BATCH).keys}

        def run() -> None:
            last["keys"] = client.sample(table, BATCH, update=(last["keys"], priorities)).keys

        return run

    with EmbeddedServer() as server, ReplayClient(server.url) as client:
        for name, rows in sizes.items():
            fill_small(client, name, rows)
        contenders = [Contender(f"{name} rows", step(client, name)) for name in sizes]
        timings = compare(contenders, rounds, 20)
    return Comparison(
        "S: learner step over the socket, by the rows of the table",
        "us",
        timings,
        note="bar: 10M rows at most 1.5 times 10k, aim 1.2; the last column tells",
    )


if __name__ == "__main__":
    main(measure, __doc__)
