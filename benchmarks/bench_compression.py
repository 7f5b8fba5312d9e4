"""What does compression at rest save on real frames, and what does it cost?

Steps of four Atari games, random play (`benchmarks/atari_frames.py`), in tables of steps on a
server of its own for each: as they are, with lz4 and with zstd; the steps go in several times over,
as each is packed by itself. Bytes a stored step are the growth
of the server's resident memory, past the end of the ring; draws are workload A's, over the socket
into tensors; inserts are requests of 1,000 steps. Linux only.

    python -m benchmarks.bench_compression [--quick] [--alone]
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent_client import ReplayClient
from agent_client.runs.embedded_server import EmbeddedServer
from agent_client.tensors import TensorBatch
from benchmarks.atari_frames import GAMES, atari_steps
from benchmarks.bench_memory import resident_bytes
from benchmarks.harness import Comparison, Contender, compare
from benchmarks.main import main
from benchmarks.peers.process import Peers
from benchmarks.workloads import BATCH, STEPS_SPEC

_WAYS = (None, "lz4", "zstd")
_ROWS_A_REQUEST = 1000
_PAST_THE_END = 1.1
_BYTES_A_STEP = 1500


@dataclass
class _Filled:
    """A server with a table of one game's steps, stored one way."""

    way: str
    client: ReplayClient
    bytes_a_step: float


def measure(quick: bool, peers: Peers) -> list[Comparison]:
    """Measure all games."""
    frames, rows, rounds = (4_000, 20_000, 7) if quick else (20_000, 50_000, 21)
    comparisons = []
    for game in GAMES:
        steps = atari_steps(game, frames)
        with ExitStack() as stack:
            filled = [_fill(stack, way, steps, rows) for way in _WAYS]
            comparisons += [
                _draws(game, filled, "stacked", rounds),
                _draws(game, filled, "indexed", rounds),
                _inserts(game, filled, steps, rounds),
            ]
    return comparisons


def _fill(stack: ExitStack, way: str | None, steps: dict[str, Any], rows: int) -> _Filled:
    server = stack.enter_context(EmbeddedServer())
    client = stack.enter_context(ReplayClient(server.url))
    columns = {**STEPS_SPEC["columns"]}
    if way is not None:
        columns["observation"] = {**columns["observation"], "compression": way}
    warm = {"capacity": 2 * _ROWS_A_REQUEST, "columns": columns}
    client.create_table("warm", {**STEPS_SPEC, **warm})
    client.insert("warm", _piece(steps, 0))
    client.sample("warm", BATCH)
    client.delete_table("warm")
    client.create_table("steps", {**STEPS_SPEC, "capacity": rows, "columns": columns})
    before = resident_bytes(server.process_id)
    for first in range(0, int(rows * _PAST_THE_END), _ROWS_A_REQUEST):
        client.insert("steps", _piece(steps, first % len(steps["action"])))
    grown = resident_bytes(server.process_id) - before
    return _Filled(way or "as they are", client, grown / rows)


def _piece(steps: dict[str, Any], first: int) -> dict[str, Any]:
    return {name: column[first : first + _ROWS_A_REQUEST] for name, column in steps.items()}


def _draws(game: str, filled: list[_Filled], layout: str, rounds: int) -> Comparison:
    def draw(client: ReplayClient) -> None:
        TensorBatch.from_batch(client.sample("steps", BATCH, layout=layout))

    contenders = [Contender(one.way, lambda c=one.client: draw(c)) for one in filled]
    return Comparison(
        f"{game}: draw {BATCH} into tensors, {layout}",
        "ms",
        compare(contenders, rounds, 3),
        note="bar: a ratio of 2",
    )


def _inserts(game: str, filled: list[_Filled], steps: dict[str, Any], rounds: int) -> Comparison:
    generator = np.random.default_rng(0)

    def insert(client: ReplayClient) -> None:
        last = len(steps["action"]) // _ROWS_A_REQUEST
        client.insert("steps", _piece(steps, int(generator.integers(last)) * _ROWS_A_REQUEST))

    contenders = [
        Contender(one.way, lambda c=one.client: insert(c), _ROWS_A_REQUEST) for one in filled
    ]
    taken = ", ".join(f"{one.way} {one.bytes_a_step:,.0f}" for one in filled)
    return Comparison(
        f"{game}: insert {_ROWS_A_REQUEST} steps a request",
        "us",
        compare(contenders, rounds),
        note=f"resident bytes a stored step (bar {_BYTES_A_STEP:,}): {taken}",
    )


if __name__ == "__main__":
    main(measure, __doc__)
