"""How much of its time does a learner of workload A wait for the buffer, at 30 updates a second?

A DQN's loop on Atari transitions: four steps go in through the writer, a batch is taken from the
prefetcher, a gradient step is made, its priorities go back; 30 times a second, which is 120 frames
a second. Twice: with batches of 32 and a real gradient step of a small convolutional network, in
PyTorch on this processor; and with batches of 256 and a stand-in for one on an accelerator, which
leaves this processor alone for as long as the step takes. What is told is the time that
`Prefetcher.next` waited, of all the learner's time, beside that without a prefetcher.

    python -m benchmarks.bench_waiting [--quick]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

import numpy as np
import torch
from torch import nn

from agent_client import Batch, Prefetcher, ReplayClient, RowWriter
from agent_client.runs.embedded_server import EmbeddedServer
from benchmarks.harness import Comparison, Timing
from benchmarks.main import main
from benchmarks.peers.process import Peers
from benchmarks.workloads import BATCH, STEPS_SPEC, step_rows

TABLE = "steps"
UPDATES_A_SECOND = 30
STEPS_AN_UPDATE = 4
SMALL_BATCH = 32
_ROWS = 50_000
_SPEC = {**STEPS_SPEC, "sampler": {"kind": "prioritized", "alpha": 0.6, "beta": 0.4}}

Update = Callable[[Batch], None]


def measure(quick: bool, _: Peers) -> list[Comparison]:
    """Measure both learners, with and without a prefetcher."""
    torch.set_num_threads(1)
    seconds = 5.0 if quick else 30.0
    learners: list[tuple[str, int, Update]] = [
        (f"a gradient step here, batches of {SMALL_BATCH}", SMALL_BATCH, gradient_step()),
        (f"a stand-in for an accelerator, batches of {BATCH}", BATCH, elsewhere),
    ]
    with EmbeddedServer() as server, ReplayClient(server.url) as client:
        client.create_table(TABLE, _SPEC)
        for first in range(0, _ROWS, 1000):
            client.insert(TABLE, step_rows(1000, first))
        return [_compare(client, *learner, seconds) for learner in learners]


def gradient_step() -> Update:
    """Return a double DQN's step on stacks of four frames: two convolutions and a layer above."""
    online, target = _network(), _network()
    optimizer = torch.optim.Adam(online.parameters(), fused=True)

    def step(batch: Batch) -> None:
        columns = batch.columns
        now, after = (
            torch.from_numpy(columns[name]).float().div_(255.0)
            for name in ("observation", "next_observation")
        )
        with torch.no_grad():
            choice = online(after).argmax(1, keepdim=True)
            best = target(after).gather(1, choice)[:, 0]
        wanted = torch.from_numpy(columns["reward"]) + torch.from_numpy(columns["discount"]) * best
        value = online(now).gather(1, torch.from_numpy(columns["action"])[:, None])[:, 0]
        loss = nn.functional.smooth_l1_loss(value, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def elsewhere(_: Batch) -> None:
    """Leave the processor alone for most of the time between two updates."""
    time.sleep(0.8 / UPDATES_A_SECOND)


def _network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(4, 16, 8, 4),
        nn.ReLU(),
        nn.Conv2d(16, 32, 4, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 9 * 9, 256),
        nn.ReLU(),
        nn.Linear(256, 6),
    )


def _compare(
    client: ReplayClient, name: str, batch_size: int, update: Update, seconds: float
) -> Comparison:
    ahead = Prefetcher(client, TABLE, batch_size)
    with closing(ahead):
        prefetched, rate = run(client, ahead.next, ahead.update_priorities, update, seconds)

    def draw() -> Batch:
        return client.sample(TABLE, batch_size)

    def tell(keys: np.ndarray, priorities: np.ndarray) -> None:
        client.update_priorities(TABLE, keys, priorities)

    asked, rate_asked = run(client, draw, tell, update, seconds)
    return Comparison(
        f"A: a learner's time spent waiting for the buffer, {name}",
        "%",
        [
            Timing("prefetching", 100.0, [1.0 / max(prefetched, 1e-9)]),
            Timing("asking for each batch", 100.0, [1.0 / asked]),
        ],
        note=f"{rate:.1f} and {rate_asked:.1f} updates/s; bar: 2 % at {UPDATES_A_SECOND}",
    )


def run(
    client: ReplayClient,
    take: Callable[[], Batch],
    tell: Callable[[np.ndarray, np.ndarray], None],
    update: Update,
    seconds: float,
) -> tuple[float, float]:
    """Learn for a while; return the part of the time waited for the buffer, and updates/s."""
    generator = np.random.default_rng(3)
    rows = step_rows(STEPS_AN_UPDATE * 500)
    waited, updates = 0.0, 0
    with RowWriter(client, TABLE) as writer:
        batch = take()  # the first comes while nothing is learned yet
        began = due = time.perf_counter()
        while due < began + seconds:
            first = STEPS_AN_UPDATE * (updates % 500)
            for place in range(first, first + STEPS_AN_UPDATE):
                writer.append({name: column[place] for name, column in rows.items()})
            update(batch)
            asked = time.perf_counter()
            tell(batch.keys, generator.random(len(batch.keys)) + 0.01)
            batch = take()
            waited += time.perf_counter() - asked
            updates += 1
            due = max(due + 1.0 / UPDATES_A_SECOND, time.perf_counter() - 1.0)
            time.sleep(max(0.0, due - time.perf_counter()))
        took = time.perf_counter() - began
    return waited / took, updates / took


if __name__ == "__main__":
    main(measure, __doc__)
