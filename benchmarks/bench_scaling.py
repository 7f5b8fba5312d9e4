"""What do 10, 100 and 1,000 shards do to whoever asks them?

Small sizes are measured, larger ones follow from them (`docs/scaling.md`):

- what a draw of 256 costs beside its requests: the plan of it, against shards that answer at once;
- what a request to a shard costs the gateway and the shard, in processor time: many at once to one
  real shard, so that 256 shards are asked as far as the gateway can tell;
- what a shard, a connection and a shard that is known take of memory.

    python -m benchmarks.bench_scaling
"""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from agent_client import ReplayClient
from benchmarks.bench_cluster import ServedProcess
from benchmarks.harness import provenance, used_seconds
from replay_server.cluster.courier import Courier
from replay_wire import endpoints
from replay_wire.arrays import Array
from replay_wire.messages import SampleRequest
from replay_wire.sharding.asks import Ask, Outcome, Plan
from replay_wire.sharding.cluster import Cluster
from replay_wire.sharding.drawing import draw
from replay_wire.sharding.exchange import Drawn
from replay_wire.sharding.members import Members
from replay_wire.sharding.merging import merged
from replay_wire.sharding.messages import (
    ShardDrawReply,
    ShardDrawRequest,
    ShardReport,
    ShardTable,
)

_BATCH = 256
_SHARDS = (1, 10, 100, 1000)
_DRAWS = 30
_ASKS = (1, 16, 64, 256)
_ROUNDS = 20
_REPORT = ShardReport(
    mass=1.0, size=1000, inserted=1000, drawn=0, inserted_total=1000, highest=1.0, spec=1
)
_SPEC = {"capacity": 1_000_000, "cluster_capacity": 1_000_000}


def _answer(ask: Ask) -> Outcome:
    if ask.endpoint is endpoints.SHARD_TABLE:
        return ShardTable(spec=_SPEC, report=_REPORT)
    count = ask.message.targets.shape[0]
    whole = Array.from_numpy(np.arange(count))
    real = Array.from_numpy(np.ones(count))
    return ShardDrawReply(
        drawn=True, keys=whole, probabilities=real, priorities=real, ages=whole,
        times_sampled=Array.from_numpy(np.ones(count, np.int32)),
        columns={"x": real}, updated=0, stale=0, report=_REPORT,
    )  # fmt: skip


def _plan_seconds(plan: Plan[Drawn]) -> tuple[float, int]:
    """Return the seconds that a draw takes without its requests, and how many those are."""
    seconds, asked, answers = 0.0, 0, None
    while True:
        begun_at = time.thread_time()
        try:
            asks: Any = plan.send(answers)  # type: ignore[arg-type]
        except StopIteration as done:
            merged(done.value)
            return seconds + time.thread_time() - begun_at, asked
        seconds += time.thread_time() - begun_at
        asked += len(asks)
        answers = [_answer(ask) for ask in asks]


def _plans() -> None:
    print(f"a draw of {_BATCH} beside its requests")
    for shards in _SHARDS:
        cluster = Cluster(Members(dict.fromkeys(range(shards), "serving")))
        request = SampleRequest(batch_size=_BATCH)
        _plan_seconds(draw(cluster, "t", request))
        found = [_plan_seconds(draw(cluster, "t", request)) for _ in range(_DRAWS)]
        middle = statistics.median(seconds for seconds, _ in found)
        asked = statistics.mean(count for _, count in found)
        print(f"  {shards:5} shards {1e3 * middle:8.2f} ms, {asked:6.1f} requests")


async def _requests(server: ServedProcess) -> None:
    print("requests for one row each, all at once, to one shard")
    courier = Courier()
    courier.replace({0: server.url})
    message = ShardDrawRequest(targets=Array.from_numpy(np.array([0.5])))
    for count in _ASKS:
        asks = [Ask(0, endpoints.SHARD_DRAW, "t", message)] * count
        before = _resident_kib("self")
        await courier.ask_all(asks, None)  # makes the connections
        grown = _resident_kib("self") - before
        own, others, begun_at = time.process_time(), used_seconds(server.pid), time.perf_counter()
        for _ in range(_ROUNDS):
            await courier.ask_all(asks, None)
        asked = count * _ROUNDS
        print(
            f"  {count:4} at once: gateway {1e6 * (time.process_time() - own) / asked:6.0f} us, "
            f"shard {1e6 * (used_seconds(server.pid) - others) / asked:6.0f} us, "
            f"{1e3 * (time.perf_counter() - begun_at) / _ROUNDS:7.2f} ms for all; "
            f"the gateway grew by {grown / count:.0f} KiB each"
        )
    courier.close()


def _resident_kib(process: int | str) -> int:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * 4


def _own_kib(process: int) -> int:
    """Return the memory of a process that no other shares."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private"))


def main() -> None:
    """Measure and print."""
    _plans()
    with ServedProcess("-m", "replay_server", "serve", "--port=0") as server:
        print(
            f"a shard without a row: {_resident_kib(server.pid) / 1024:.0f} MiB resident, "
            f"{_own_kib(server.pid) / 1024:.0f} MiB of them its own"
        )
        with ReplayClient(server.url) as client:
            client.create_table("t", _SPEC)
            client.insert("t", {"x": np.arange(1000)})
        asyncio.run(_requests(server))
    print("; ".join(f"{name}: {value}" for name, value in provenance().items()))


if __name__ == "__main__":
    main()
