"""What does it cost that a table lies on many servers, and what does a gateway cost?

Workload A: transitions of two stacks of four 84x84 frames, from 1 and from 8 shards in processes of
their own, in turns. Told are the processor time of the servers for 1,000 drawn transitions where
each shard is asked for 256, the latency of a draw of 256 straight from the shards and through the
gateway, and the same of a draw of 16 small rows, which is what asking costs beside moving frames.

    python -m benchmarks.bench_cluster [--quick]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import numpy as np

from agent_client import ReplayClient
from benchmarks.harness import provenance, says_what_it_does, used_seconds
from benchmarks.workloads import BATCH, STEPS_SPEC, step_rows
from replay_wire.sharding.homes import ranked

_GATEWAY = """
import json, socket, sys
import uvicorn
from replay_server.cluster import Shard, ShardDirectory, create_gateway_app
shards = [Shard(number, url) for number, url in enumerate(json.loads(sys.argv[1]))]
app = create_gateway_app(ShardDirectory(shards))
listener = socket.create_server(("127.0.0.1", 0))
print("ready on http://127.0.0.1:%d" % listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).run([listener])
"""
_ROWS_A_SHARD = 3000


class ServedProcess:
    """A process that serves once this exists."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().split(" on ")[1].strip()
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()


class _ClusterOf:
    """Some shards with both tables, their gateway, and the two ways to them."""

    def __init__(self, count: int, stack: ExitStack) -> None:
        serve = ("-m", "replay_server", "serve", "--port=0")
        self.shards = [stack.enter_context(ServedProcess(*serve)) for _ in range(count)]
        urls = json.dumps([shard.url for shard in self.shards])
        self.gateway = stack.enter_context(ServedProcess("-c", _GATEWAY, urls))
        self.direct = stack.enter_context(ReplayClient(self.gateway.url))
        self.through = stack.enter_context(ReplayClient(self.gateway.url, direct=False))
        self.direct.create_table("steps", {**STEPS_SPEC, "capacity": 4096 * count})
        self.direct.create_table("rows", {"capacity": 4096 * count})
        rows = step_rows(1000)
        for insert in range(_ROWS_A_SHARD // 1000 * count):
            self.direct.insert("steps", rows, writer=(_writer(self, insert), 0))
            self.direct.insert("rows", {"number": np.arange(1000)})

    def cpu_s(self) -> float:
        """Return the processor time of the shards so far."""
        return sum(used_seconds(shard.pid) for shard in self.shards)


def _writer(cluster: _ClusterOf, insert: int) -> str:
    """Return a writer who lives on the shard whose turn it is."""
    count = len(cluster.shards)
    names = (f"w{insert}-{n}" for n in range(10_000))
    return next(name for name in names if ranked(name, range(count))[0] == insert % count)


def _cpu_a_thousand(cluster: _ClusterOf, draws: int) -> float:
    batch = BATCH * len(cluster.shards)
    before = cluster.cpu_s()
    for _ in range(draws):
        cluster.direct.sample("steps", batch)
    return (cluster.cpu_s() - before) / (draws * batch) * 1000


def _seconds(draw: Callable[[], object]) -> float:
    begun_at = time.perf_counter()
    draw()
    return time.perf_counter() - begun_at


def _told(title: str, unit: float, **samples: list[float]) -> None:
    reference = statistics.median(next(iter(samples.values())))
    print(title)
    for name, found in samples.items():
        middle = statistics.median(found)
        first, _, third = statistics.quantiles(found, n=4)
        print(
            f"  {name.replace('_', ' '):32} {middle * unit:8.2f}  "
            f"({first * unit:.2f} to {third * unit:.2f})  x {middle / reference:.2f}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=says_what_it_does(__doc__))
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    rounds = 7 if parser.parse_args().quick else 21
    with ExitStack() as stack:
        one, eight = _ClusterOf(1, stack), _ClusterOf(8, stack)
        alone = stack.enter_context(ReplayClient(one.shards[0].url))
        cpu: dict[str, list[float]] = {"one_shard": [], "eight_shards": []}
        for each in (one, eight):
            _cpu_a_thousand(each, 2)
        for _ in range(rounds):
            cpu["one_shard"].append(_cpu_a_thousand(one, 8))
            cpu["eight_shards"].append(_cpu_a_thousand(eight, 2))
        _told("server CPU, ms for 1,000 transitions, 256 asked of each shard", 1e3, **cpu)
        for table, batch, repeats in (("steps", BATCH, rounds), ("rows", 16, 10 * rounds)):
            ways: dict[str, Callable[[], object]] = {
                "one_server": lambda t=table, b=batch: alone.sample(t, b),  # type: ignore[misc]
                "one_shard_direct": lambda t=table, b=batch: one.direct.sample(t, b),  # type: ignore[misc]
                "eight_shards_direct": lambda t=table, b=batch: eight.direct.sample(t, b),  # type: ignore[misc]
                "one_shard_through_gateway": lambda t=table, b=batch: one.through.sample(t, b),  # type: ignore[misc]
                "eight_shards_through_gateway": lambda t=table, b=batch: eight.through.sample(t, b),  # type: ignore[misc]
            }
            latency: dict[str, list[float]] = {name: [] for name in ways}
            for draw in ways.values():
                draw()
            for _ in range(repeats):
                for name, draw in ways.items():
                    latency[name].append(_seconds(draw))
            _told(f"ms a draw of {batch} from {table}", 1e3, **latency)
    print("; ".join(f"{name}: {value}" for name, value in provenance().items()))


if __name__ == "__main__":
    main()
