"""Do four learners and sixteen writers get from one server what one learner alone does, and fairly?

Workload A: first one learner draws batches of 256 transitions, then four do, while sixteen writers
insert a few steps at a time. Every step bears a checksum of its frame, and learners check each row
they are given: a row that is torn, or read while it is overwritten, would not fit. The table is
small, so that the ring goes around while it is read. A small insert's time is taken by a client
that does nothing else; what the machine adds to it is told by a raw exchange of the same bytes.

    python -m benchmarks.bench_concurrency [--quick]
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from multiprocessing.synchronize import Barrier, Event
from typing import Any

import numpy as np

from agent_client import ReplayClient
from agent_client.runs.embedded_server import EmbeddedServer
from benchmarks.harness import Comparison, Timing
from benchmarks.limits import RawServer
from benchmarks.main import main
from benchmarks.peers.process import Peers
from benchmarks.workloads import BATCH, STEPS_SPEC, step_rows

TABLE = "shared"
LEARNERS = 4
WRITERS = 16
STEPS_AN_INSERT = 8
_WRITERS_A_PROCESS = 4
_PAUSE_S = 0.02
_CAPACITY = 4_000


def spec() -> dict[str, Any]:
    """Return workload A's table with a checksum of each step's frame."""
    columns = {**STEPS_SPEC["columns"], "checksum": {"dtype": "<i8", "shape": []}}
    return {**STEPS_SPEC, "capacity": _CAPACITY, "columns": columns}


def steps(count: int, first: int) -> dict[str, np.ndarray]:
    """Return steps with checksums."""
    columns = step_rows(count, first)
    return {**columns, "checksum": checksums(columns["observation"])}


def checksums(frames: np.ndarray) -> np.ndarray:
    """Return [N] int64 of frames [N, 84, 84]: a weighted sum in which every byte's place counts."""
    words = frames.reshape(len(frames), -1).view("<u8")
    weights = np.arange(1, words.shape[1] + 1, dtype=np.uint64)
    return (words * weights).sum(axis=1, dtype=np.uint64).view(np.int64)


def learn(url: str, go: Barrier, stop: Event, results: Any) -> None:
    """Draw until told to stop; put the number of batches, and of rows that did not fit."""
    batches = torn = 0
    with ReplayClient(url) as client:
        client.sample(TABLE, BATCH)
        go.wait()
        while not stop.is_set():
            columns = client.sample(TABLE, BATCH).columns
            batches += 1
            if batches % 4 == 1:  # checking costs more than drawing does
                newest = np.ascontiguousarray(columns["observation"][:, -1])
                torn += int((checksums(newest) != columns["checksum"]).sum())
    results.put(("learner", batches, torn))


def write(url: str, number: int, go: Barrier, stop: Event, results: Any) -> None:
    """Let four writers insert a few steps now and then until told to stop; put their steps."""
    columns = steps(1000, 1000 * number)
    inserted = [0] * _WRITERS_A_PROCESS

    def run(client: ReplayClient, place: int) -> None:
        while not stop.is_set():
            first = inserted[place] % 992
            here = slice(first, first + STEPS_AN_INSERT)
            rows = {name: column[here] for name, column in columns.items()}
            client.insert(TABLE, rows, writer=(f"writer-{number}-{place}", inserted[place]))
            inserted[place] += STEPS_AN_INSERT
            stop.wait(_PAUSE_S)

    with ReplayClient(url) as client:
        threads = [
            threading.Thread(target=run, args=(client, place))
            for place in range(_WRITERS_A_PROCESS)
        ]
        go.wait()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    results.put(("writer", sum(inserted), 0))


def probe(url: str, go: Barrier, stop: Event, results: Any) -> None:
    """Take the time of small inserts, and of raw exchanges of as many bytes, until told to stop."""
    inserts: list[float] = []
    pings: list[float] = []
    columns = {name: column[:1] for name, column in steps(1, 0).items()}
    with ReplayClient(url) as client, RawServer() as raw:
        go.wait()
        while not stop.is_set():
            began = time.perf_counter()
            client.insert(TABLE, columns, writer=(f"probe-{os.getpid()}", len(inserts)))
            inserts.append(time.perf_counter() - began)
            began = time.perf_counter()
            raw.exchange(7_800, 300)
            pings.append(time.perf_counter() - began)
            stop.wait(0.005)
    results.put(("probe", inserts, pings))


def together(url: str, learners: int, writers: int, seconds: float) -> list[tuple[str, Any, Any]]:
    """Run so many learners, writers and the probe for a while and return what they put."""
    context = multiprocessing.get_context("spawn")
    groups = writers // _WRITERS_A_PROCESS
    go, stop = context.Barrier(learners + groups + 2), context.Event()
    results = context.Queue()
    shared = (go, stop, results)
    processes = [
        *(context.Process(target=learn, args=(url, *shared)) for _ in range(learners)),
        *(context.Process(target=write, args=(url, n, *shared)) for n in range(groups)),
        context.Process(target=probe, args=(url, *shared)),
    ]
    for process in processes:
        process.start()
    go.wait(120)
    time.sleep(seconds)
    stop.set()
    found = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(30)
    return found


def measure(quick: bool, _: Peers) -> list[Comparison]:
    """Measure one learner alone, then all."""
    seconds = 5.0 if quick else 20.0
    with EmbeddedServer() as server, ReplayClient(server.url) as client:
        client.create_table(TABLE, spec())
        client.insert(TABLE, steps(_CAPACITY, 0))
        alone = together(server.url, 1, 0, seconds)
        all_of_them = together(server.url, LEARNERS, WRITERS, seconds)
    return [
        _throughput(alone, all_of_them, seconds),
        _latency("with one learner", alone),
        _latency("with four learners and sixteen writers", all_of_them),
    ]


def _throughput(alone: list[Any], everybody: list[Any], seconds: float) -> Comparison:
    one = sum(count for kind, count, _ in alone if kind == "learner")
    each = sorted(count for kind, count, _ in everybody if kind == "learner")
    torn = sum(torn for kind, _, torn in alone + everybody if kind == "learner")
    written = sum(count for kind, count, _ in everybody if kind == "writer")
    return Comparison(
        "A: transitions drawn by all learners together, while others write",
        "rows/s",
        [
            Timing("one learner alone", one * BATCH, [seconds]),
            Timing("four learners, sixteen writers", sum(each) * BATCH, [seconds]),
            Timing("the fastest of the four", each[-1] * BATCH, [seconds]),
            Timing("the slowest of the four", each[0] * BATCH, [seconds]),
        ],
        note=f"{torn} torn rows; {written / seconds:,.0f} steps/s written meanwhile",
    )


def _latency(when: str, found: list[Any]) -> Comparison:
    inserts, pings = next((a, b) for kind, a, b in found if kind == "probe")
    low, high = (float(np.quantile(inserts, q)) for q in (0.5, 0.99))
    raw_low, raw_high = (float(np.quantile(pings, q)) for q in (0.5, 0.99))
    return Comparison(
        f"one step inserted, {when}",
        "us",
        [
            Timing("median", 1, [low]),
            Timing("99th percentile", 1, [high]),
            Timing("raw exchange of the same bytes, median", 1, [raw_low]),
            Timing("raw exchange, 99th percentile", 1, [raw_high]),
        ],
        note=f"99th percentile less the raw one's, over the median: "
        f"{max(0.0, high - raw_high) / low:.1f}; {len(inserts)} inserts",
    )


if __name__ == "__main__":
    main(measure, __doc__)
