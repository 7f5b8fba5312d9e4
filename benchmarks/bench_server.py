"""What does the server cost: processor time a row, an empty request, and how soon is it ready?

python -m benchmarks.bench_server [--quick]
"""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from agent_client import ReplayClient
from agent_client.runs.embedded_server import EmbeddedServer
from benchmarks.harness import Comparison, Contender, Timing, compare, used_seconds
from benchmarks.limits import RawServer
from benchmarks.main import main
from benchmarks.peers.process import Peers
from benchmarks.plain_asgi import BareClient, plain_asgi
from benchmarks.workloads import BATCH, fill_small, small_rows

TABLE = "small"


def measure(quick: bool, _: Peers) -> list[Comparison]:
    """Measure all of it."""
    with EmbeddedServer() as server, ReplayClient(server.url) as client, RawServer() as raw:
        fill_small(client, TABLE, 1_000_000)
        found = [
            _processor_time(server.process_id, client, 5 if quick else 15),
            _empty(server.url, client, raw, 9 if quick else 31),
        ]
    return [*found, _ready(3 if quick else 9)]


def _processor_time(process_id: int, client: ReplayClient, rounds: int) -> Comparison:
    columns = small_rows(1000)

    def cost(run: Callable[[], object], rows: int) -> Callable[[], float]:
        def timed() -> float:
            before = used_seconds(process_id)
            for _ in range(100):
                run()
            return (used_seconds(process_id) - before) * 1000 / rows / 100

        return timed

    return Comparison(
        "S: the server's processor time for 1,000 rows",
        "ms",
        compare(
            [
                Contender("drawn, 256 at a time", cost(lambda: client.sample(TABLE, BATCH), BATCH)),
                Contender(
                    "drawn, 16 batches at a time",
                    cost(lambda: client.sample(TABLE, BATCH, batches=16), 16 * BATCH),
                ),
                Contender(
                    "inserted, 1,000 at a time", cost(lambda: client.insert(TABLE, columns), 1000)
                ),
            ],
            rounds,
        ),
        note="bar: 2 ms drawn, 1 ms inserted",
    )


def _empty(url: str, client: ReplayClient, raw: RawServer, rounds: int) -> Comparison:
    ours = httpx.URL(url).port
    assert ours is not None
    with (
        plain_asgi() as port,
        BareClient(ours, "/v1/info") as info,
        BareClient(ours, "/healthz") as healthz,
        BareClient(port, "/") as plain,
    ):
        contenders = [
            Contender("GET /v1/info, from a bare socket", info.exchange),
            Contender("GET /healthz, from a bare socket", healthz.exchange),
            Contender("plain ASGI on uvicorn, from a bare socket", plain.exchange),
            Contender("GET /v1/info, by ReplayClient", lambda: ignore(client.info())),
            Contender("raw", lambda: raw.exchange(200, 500)),
        ]
        timings = compare(contenders, rounds, 100)
    return Comparison("an empty request, there and back", "us", timings, bar=200, aim=150)


def ignore(_: object) -> None:
    """Return nothing."""


def _ready(rounds: int) -> Comparison:
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        with EmbeddedServer():
            seconds.append(time.perf_counter() - began)
    return Comparison(
        "from the command to the ready line, warm, no tables",
        "s",
        [Timing("ours", 1, seconds)],
        bar=1.5,
    )


if __name__ == "__main__":
    main(measure, __doc__)
