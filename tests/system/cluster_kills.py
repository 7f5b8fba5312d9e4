"""Shards of a cluster on Ray, killed at random under load: is an acknowledged row ever lost?

    python -m tests.system.cluster_kills [--minutes 10] [--every 5]

Four shards with disks on three nodes of Ray, two gateways. Four writers, two of them straight to
the shards and two through a gateway each, number their rows; two learners draw and update
priorities, one each way. Every few seconds a shard is killed, of those that are up: its server, or
the actor that watches it. In the end every row that was acknowledged has to be there, once and
whole.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from agent_client.errors import ReplayClientError
from agent_client.replay_client import ReplayClient
from agent_client.writer import RowWriter
from replay_server.cluster.launch import RunningCluster, launch
from replay_server.settings import ClusterSettings

TABLE = "rows"
SHARDS = 4
GATEWAYS = 2
NODES = 3
CAPACITY = 8_000_000  # so that whatever comes has room on any one shard
ROWS_A_SECOND = 200
FILLER = 8
BACK_WITHIN_S = 300.0


@dataclass
class Report:
    """What came of a run.

    Attributes:
        seconds: how long shards were killed.
        kills: of them.
        appended, acknowledged: rows.
        lost: acknowledged rows that are not there.
        twice: rows that are there more than once.
        torn: rows that are not as they were sent.
        draws: by each learner.
        refused: draws that were refused or had no answer, with what was said.
        longest_gap_s: between two draws of one learner that were answered.
        killed: how often each shard was.
        nobody_to_kill: how often none was up when the time had come.
    """

    seconds: float = 0.0
    kills: int = 0
    appended: int = 0
    acknowledged: int = 0
    lost: int = 0
    twice: int = 0
    torn: int = 0
    draws: list[int] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    longest_gap_s: float = 0.0
    killed: dict[int, int] = field(default_factory=dict)
    nobody_to_kill: int = 0

    @property
    def is_good(self) -> bool:
        """Whether nothing is lost, twice or torn, and all that was appended came through."""
        is_whole = not (self.lost or self.twice or self.torn)
        return is_whole and self.kills > 0 < self.acknowledged == self.appended


def filler(who: np.ndarray, number: np.ndarray) -> np.ndarray:
    """What stands in a row's filler; a torn row has something else."""
    return (who * 1_000_003 + number)[:, None] * 31 + np.arange(FILLER)


class _Writer:
    """Appends numbered rows at a steady pace until it is told to stop."""

    def __init__(self, who: int, client: ReplayClient) -> None:
        self.who = who
        self.rows = RowWriter(client, TABLE, writer_id=f"writer-{who}", give_up_after_s=300.0)

    def run(self, stop: threading.Event) -> None:
        number, began = 0, time.monotonic()
        while not stop.wait(0.02):
            due = int((time.monotonic() - began) * ROWS_A_SECOND)
            for each in range(number, due):
                row = filler(np.array([self.who]), np.array([each]))[0]
                self.rows.append({"who": self.who, "number": each, "filler": row})
            number = max(number, due)
        self.rows.close()


class _Learner:
    """Draws and sends priorities along until it is told to stop."""

    def __init__(self, client: ReplayClient, report: Report) -> None:
        self._client = client.without_retries()
        self._report = report
        self.draws = 0

    def run(self, stop: threading.Event) -> None:
        rng, update = np.random.default_rng(), None
        last_s = time.monotonic()
        while not stop.wait(0.01):
            try:
                batch = self._client.sample(TABLE, 32, update=update)
            except ReplayClientError as error:
                kind = type(error).__name__
                self._report.refused[kind] = self._report.refused.get(kind, 0) + 1
                continue
            now_s = time.monotonic()
            self._report.longest_gap_s = max(self._report.longest_gap_s, now_s - last_s)
            last_s, self.draws = now_s, self.draws + 1
            self._report.torn += _torn(batch.columns)
            update = batch.keys, rng.random(32)


def _torn(columns: dict[str, np.ndarray]) -> int:
    expected = filler(columns["who"], columns["number"])
    return int((columns["filler"] != expected).any(axis=1).sum())


def run(cluster: RunningCluster, seconds: float, every_s: float, seed: int = 0) -> Report:
    """Kill shards of a cluster under load and see what is there in the end."""
    report, stop = Report(seconds=seconds), threading.Event()
    with ExitStack() as stack:
        clients = [
            stack.enter_context(ReplayClient(url, direct=direct))
            for direct in (True, False)
            for url in cluster.urls
        ]
        clients[0].create_table(
            TABLE,
            {
                "capacity": CAPACITY,
                "columns": {
                    "who": {"dtype": "<i8", "shape": []},
                    "number": {"dtype": "<i8", "shape": []},
                    "filler": {"dtype": "<i8", "shape": [FILLER]},
                },
            },
        )
        writers = [_Writer(who, client) for who, client in enumerate(clients)]
        learners = [_Learner(client, report) for client in (clients[0], clients[-1])]
        threads = [_begun(each.run, stop) for each in (*writers, *learners)]
        _kill(cluster, seconds, every_s, np.random.default_rng(seed), report)
        stop.set()
        _wait_until_all_serve(clients[-1])
        for thread in threads:
            thread.join()
        report.draws = [each.draws for each in learners]
        report.appended = sum(each.rows.rows_appended for each in writers)
        report.acknowledged = sum(each.rows.rows_acknowledged for each in writers)
        _compare(clients[-1], [each.rows.rows_acknowledged for each in writers], report)
    return report


def _begun(act: Callable[[threading.Event], None], stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=act, args=(stop,))
    thread.start()
    return thread


def _kill(
    cluster: RunningCluster,
    seconds: float,
    every_s: float,
    rng: np.random.Generator,
    report: Report,
) -> None:
    import ray

    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        time.sleep(every_s)
        up = [each for each in cluster._supervisor._placed.values() if each.is_up]
        if not up:
            report.nobody_to_kill += 1
            continue
        placed = up[int(rng.integers(len(up)))]
        if rng.random() < 0.5:
            ray.kill(placed.actor, no_restart=False)
        else:
            try:
                pid = ray.get(placed.actor.pid.remote(), timeout=every_s)
                os.kill(pid, signal.SIGKILL)
            except (ray.exceptions.RayError, ProcessLookupError):
                continue  # it has gone since
        report.kills += 1
        report.killed[placed.number] = report.killed.get(placed.number, 0) + 1


def _wait_until_all_serve(client: ReplayClient) -> None:
    deadline = time.monotonic() + BACK_WITHIN_S
    states: list[str] = []
    while states != ["serving"] * SHARDS:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all shards are back: {states}")
        try:
            states = [each.state for each in client.info().shards]
        except ReplayClientError:  # none of them is
            states = []
        time.sleep(0.1)


def _compare(client: ReplayClient, acknowledged: Sequence[int], report: Report) -> None:
    """Look for every row that was acknowledged."""
    seen = [np.zeros(count, np.int64) for count in acknowledged]
    after, more = -1, True
    while more:
        part = client.scan(TABLE, after=after, limit=50_000)
        report.torn += _torn(part.columns)
        for who, times in enumerate(seen):
            numbers = part.columns["number"][part.columns["who"] == who]
            report.twice += int((numbers >= len(times)).sum())  # a row that nobody wrote
            np.add.at(times, numbers[numbers < len(times)], 1)
        after, more = int(part.keys[-1]), part.more
    report.lost += sum(int((times == 0).sum()) for times in seen)
    report.twice += sum(int((times > 1).sum()) for times in seen)


def on_three_nodes(data: Path, seconds: float, every_s: float) -> Report:
    """Run on nodes of Ray on this machine that live as long as the run."""
    import ray
    from ray.cluster_utils import Cluster

    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])  # for Ray's workers
    nodes = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False}
    )
    try:
        for _ in range(NODES - 1):
            nodes.add_node(num_cpus=2)
        settings = ClusterSettings(
            shards=SHARDS, gateways=GATEWAYS, address=nodes.address, port=0, data_dir=data,
            allow_unauthenticated=True,
        )  # fmt: skip
        with launch(settings) as cluster:
            return run(cluster, seconds, every_s)
    finally:
        ray.shutdown()
        nodes.shutdown()


def main() -> int:
    """Return 0 where no acknowledged row is lost, twice or torn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two kills")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as data:
        report = on_three_nodes(Path(data), options.minutes * 60, options.every)
    told: dict[str, Any] = asdict(report)
    sys.stdout.write(json.dumps(told, indent=1) + "\n")
    return 0 if report.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
