"""Do four learners and sixteen writers get from one server what one learner alone does, and fairly?

Workload A: first one learner draws batches of 256 transitions, then four do, while sixteen writers
insert a few steps at a time. Every step bears a checksum of its frame, and learners check each row
they are given: a row that is torn, or read while it is overwritten, would not fit. The table is
small, so that the ring goes around while it is read. A small insert's time is taken by a client
that does nothing else; what the machine adds to it is told by a raw exchange of the same bytes.

On two processors all of them share what the server has: so the processor time that a batch takes
at the server and at a learner, and an insert at a writer, is told as well, once with everybody
where the system puts them and once with the server on a processor of its own and all others on the
other one. A model of these says what there is to be had here, and with more processors.

    python -m benchmarks.bench_concurrency [--quick]
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

import numpy as np

from agent_client import ReplayClient
from agent_client.runs.embedded_server import EmbeddedServer
from benchmarks.harness import Comparison, Timing, used_seconds
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
PROCESSORS = len(os.sched_getaffinity(0))


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
        used = time.process_time()
        while not stop.is_set():
            columns = client.sample(TABLE, BATCH).columns
            batches += 1
            if batches % 4 == 1:  # checking costs more than drawing does
                newest = np.ascontiguousarray(columns["observation"][:, -1])
                torn += int((checksums(newest) != columns["checksum"]).sum())
    results.put(("learner", batches, torn, time.process_time() - used))


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
        used = time.process_time()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    results.put(("writer", sum(inserted), 0, time.process_time() - used))


def probe(url: str, go: Barrier, stop: Event, results: Any) -> None:
    """Take the time of small inserts, and of raw exchanges of as many bytes, until told to stop."""
    inserts: list[float] = []
    pings: list[float] = []
    columns = {name: column[:1] for name, column in steps(1, 0).items()}
    with ReplayClient(url) as client, RawServer() as raw:
        go.wait()
        used = time.process_time()
        while not stop.is_set():
            began = time.perf_counter()
            client.insert(TABLE, columns, writer=(f"probe-{os.getpid()}", len(inserts)))
            inserts.append(time.perf_counter() - began)
            began = time.perf_counter()
            raw.exchange(7_800, 300)
            pings.append(time.perf_counter() - began)
            stop.wait(0.005)
    results.put(("probe", inserts, pings, time.process_time() - used))


@dataclass(frozen=True)
class Load:
    """What came of a while with so many learners and writers.

    Attributes:
        seconds: how long it took.
        batches: drawn by each learner.
        torn: rows that did not fit their checksums.
        steps: inserted by all writers.
        inserts: seconds of each of the probe's inserts.
        pings: seconds of each raw exchange.
        server_s: processor time of the server.
        learners_s: of all learners.
        writers_s: of all writers.
    """

    seconds: float
    batches: list[int]
    torn: int
    steps: int
    inserts: list[float]
    pings: list[float]
    server_s: float
    learners_s: float
    writers_s: float

    @property
    def rows_a_second(self) -> float:
        """Transitions drawn a second, by all learners."""
        return sum(self.batches) * BATCH / self.seconds


def together(
    server: EmbeddedServer, learners: int, writers: int, seconds: float, place: set[int]
) -> Load:
    """Run so many learners, writers and the probe for a while, on the processors `place`."""
    context = multiprocessing.get_context("spawn")
    groups = writers // _WRITERS_A_PROCESS
    go, stop = context.Barrier(learners + groups + 2), context.Event()
    results = context.Queue()
    shared = (go, stop, results)
    processes = [
        *(context.Process(target=learn, args=(server.url, *shared)) for _ in range(learners)),
        *(context.Process(target=write, args=(server.url, n, *shared)) for n in range(groups)),
        context.Process(target=probe, args=(server.url, *shared)),
    ]
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, place)  # which the processes inherit
    for process in processes:
        process.start()
    os.sched_setaffinity(0, everywhere)
    go.wait(120)
    used = used_seconds(server.process_id)
    time.sleep(seconds)
    used = used_seconds(server.process_id) - used
    stop.set()
    found = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(30)
    of = {kind: [each for each in found if each[0] == kind] for kind in ("learner", "writer")}
    inserts, pings = next(each[1:3] for each in found if each[0] == "probe")
    return Load(
        seconds=seconds,
        batches=sorted(each[1] for each in of["learner"]),
        torn=sum(each[2] for each in of["learner"]),
        steps=sum(each[1] for each in of["writer"]),
        inserts=inserts,
        pings=pings,
        server_s=used,
        learners_s=sum(each[3] for each in of["learner"]),
        writers_s=sum(each[3] for each in of["writer"]),
    )


def measure(quick: bool, _: Peers) -> list[Comparison]:
    """Measure one learner alone, then all; then both with the server on its own processor."""
    seconds = 5.0 if quick else 20.0
    every = sorted(os.sched_getaffinity(0))
    found = []
    for where, of_server, of_others in (
        ("anywhere", set(every), set(every)),
        ("the server on a processor of its own", {every[0]}, set(every[1:]) or set(every)),
    ):
        with EmbeddedServer() as server, ReplayClient(server.url) as client:
            pin(server.process_id, of_server)
            client.create_table(TABLE, spec())
            client.insert(TABLE, steps(_CAPACITY, 0))
            alone = together(server, 1, 0, seconds, of_others)
            all_of_them = together(server, LEARNERS, WRITERS, seconds, of_others)
        found += [
            _throughput(where, alone, all_of_them),
            _processor_time(where, alone, all_of_them),
            _latency(f"with one learner, {where}", alone),
            _latency(f"with four learners and sixteen writers, {where}", all_of_them),
        ]
    return found


def pin(process_id: int, processors: set[int]) -> None:
    """Keep all threads of a process to some processors."""
    for thread in Path(f"/proc/{process_id}/task").iterdir():
        os.sched_setaffinity(int(thread.name), processors)


def _throughput(where: str, alone: Load, everybody: Load) -> Comparison:
    seconds, each = everybody.seconds, everybody.batches
    return Comparison(
        f"A: transitions drawn by all learners together, while others write; {where}",
        "rows/s",
        [
            Timing("one learner alone", sum(alone.batches) * BATCH, [seconds]),
            Timing("four learners, sixteen writers", sum(each) * BATCH, [seconds]),
            Timing("the fastest of the four", each[-1] * BATCH, [seconds]),
            Timing("the slowest of the four", each[0] * BATCH, [seconds]),
        ],
        note=f"{alone.torn + everybody.torn} torn rows; "
        f"{everybody.steps / seconds:,.0f} steps/s written meanwhile",
    )


def _processor_time(where: str, alone: Load, everybody: Load) -> Comparison:
    """Tell what a batch costs, and what two processors could give at most.

    The model: writers' and the probe's own time is gone; what is left of the processors is shared
    by server and learners, none of whom ever waits.
    """
    batches = sum(everybody.batches)
    a_batch = (everybody.server_s + everybody.learners_s) / batches
    left = PROCESSORS - everybody.writers_s / everybody.seconds
    most = left / a_batch * BATCH
    own = batches / everybody.server_s * BATCH
    return Comparison(
        f"A: processor time; {where}",
        "ms",
        [
            Timing("server, a batch, one learner", sum(alone.batches), [alone.server_s]),
            Timing("learner, a batch, one learner", sum(alone.batches), [alone.learners_s]),
            Timing("server, a batch and what is written meanwhile", batches, [everybody.server_s]),
            Timing("learner, a batch, four of them", batches, [everybody.learners_s]),
            Timing("writers, a step", everybody.steps, [everybody.writers_s]),
        ],
        note=f"model: {PROCESSORS} processors give at most {most:,.0f} rows/s to four learners "
        f"({most / alone.rows_a_second:.2f} of one alone), a server with a processor of its own "
        f"and learners elsewhere {own:,.0f}",
    )


def _latency(when: str, found: Load) -> Comparison:
    low, high = (float(np.quantile(found.inserts, q)) for q in (0.5, 0.99))
    raw_low, raw_high = (float(np.quantile(found.pings, q)) for q in (0.5, 0.99))
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
        f"{max(0.0, high - raw_high) / low:.1f}; {len(found.inserts)} inserts",
    )


if __name__ == "__main__":
    main(measure, __doc__)
