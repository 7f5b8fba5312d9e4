"""DeepMind's Reverb, server and client in processes of their own, run by an environment of its own.

The same conversation as `in_process_buffers`. Linux x86-64 and Python up to 3.11 only, with the
TensorFlow that it is pinned to. Its tables hold a tenth of the rows of ours: filling them takes
minutes, and it is not slower for it. A transition is an item of one step of its own columns; frames
are stored once and drawn as stacks by trajectories.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import reverb
import tensorflow as tf

ROWS, STEPS, BATCH = 100_000, 5_000, 256
WRITTEN, STEPS_WRITTEN = 2_000, 500
generator = np.random.default_rng(0)


def serve() -> None:
    """Serve two tables; tell the port."""
    tables = [
        reverb.Table(
            name,
            sampler=reverb.selectors.Prioritized(0.6),
            remover=reverb.selectors.Fifo(),
            max_size=1_000_000,
            rate_limiter=reverb.rate_limiters.MinSize(1),
        )
        for name in ("small", "steps")
    ]
    server = reverb.Server(tables)
    print(server.port, flush=True)
    sys.stdin.read()


def small() -> dict[str, Any]:
    """Return a row of workload S."""
    return {
        "obs": generator.standard_normal(4, np.float32),
        "act": np.int64(1),
        "rew": np.float32(0.5),
        "next_obs": generator.standard_normal(4, np.float32),
        "done": np.bool_(False),
    }


def write_small(client: reverb.Client, rows: list[dict[str, Any]], count: int) -> None:
    """Write rows by the TrajectoryWriter."""
    with client.trajectory_writer(num_keep_alive_refs=1) as writer:
        for number in range(count):
            writer.append(rows[number % len(rows)])
            step = {name: column[-1:] for name, column in writer.history.items()}
            writer.create_item("small", float(number % 7 + 1), step)
            if number % 100 == 99:
                writer.flush(block_until_num_items=200)
        writer.flush()


def write_old(client: reverb.Client, rows: list[dict[str, Any]], count: int) -> None:
    """Write rows by the older Writer, in chunks of 100."""
    with client.writer(max_sequence_length=100, chunk_length=100) as writer:
        for number in range(count):
            writer.append(rows[number % len(rows)])
            writer.create_item("small", 1, 1.0)


def write_steps(client: reverb.Client, frames: np.ndarray, count: int) -> None:
    """Write frames once, and items of five of them: two stacks of four that overlap."""
    with client.trajectory_writer(num_keep_alive_refs=5) as writer:
        for number in range(count):
            writer.append({"frame": frames[number % len(frames)], "rew": np.float32(0)})
            if number >= 4:
                item = {"frames": writer.history["frame"][-5:], "rew": writer.history["rew"][-1:]}
                writer.create_item("steps", 1.0, item)
            if number % 100 == 99:
                writer.flush(block_until_num_items=200)
        writer.flush()


def main() -> None:
    """Serve operations by name."""
    command = [sys.executable, __file__, "serve"]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = f"localhost:{server.stdout.readline().strip()}"
    client = reverb.Client(address)
    rows = [small() for _ in range(1000)]
    frames = np.repeat(np.repeat(generator.integers(0, 255, (500, 12, 12), np.uint8), 7, 1), 7, 2)
    write_small(client, rows, ROWS)
    write_steps(client, frames, STEPS)
    keys = [sample[0].info.key for sample in client.sample("small", 4096)]

    def dataset(table: str, dtypes: Any, shapes: Any) -> Any:
        """Return an iterator over batches, at the best of the settings that were tried."""
        items = reverb.TrajectoryDataset(
            server_address=address,
            table=table,
            dtypes=dtypes,
            shapes=shapes,
            max_in_flight_samples_per_worker=2 * BATCH,
        )
        return iter(items.batch(BATCH).prefetch(2))

    draws = {
        "S": dataset(
            "small",
            {name: tf.as_dtype(np.asarray(value).dtype) for name, value in rows[0].items()},
            {name: tf.TensorShape([1, *np.shape(value)]) for name, value in rows[0].items()},
        ),
        "A": dataset(
            "steps",
            {"frames": tf.uint8, "rew": tf.float32},
            {"frames": tf.TensorShape([5, 84, 84]), "rew": tf.TensorShape([1])},
        ),
    }

    def client_sample() -> None:
        for _ in client.sample("small", BATCH):
            pass

    def mutate(count: int) -> None:
        client.mutate_priorities("small", dict.fromkeys(keys[:count], 2.0))

    operations: dict[str, Any] = {
        "Reverb, client.sample S draw": client_sample,
        "Reverb, mutate_priorities S update 256": lambda: mutate(256),
        "Reverb, mutate_priorities S update 4096": lambda: mutate(4096),
        "Reverb, TrajectoryWriter S write": lambda: write_small(client, rows, WRITTEN),
        "Reverb, Writer of chunks S write": lambda: write_old(client, rows, WRITTEN),
        "Reverb, TrajectoryWriter A write": lambda: write_steps(client, frames, STEPS_WRITTEN),
    }
    for workload, batches in draws.items():
        next(batches)
        name = f"Reverb, TrajectoryDataset {workload} twenty draws"
        operations[name] = lambda it=batches: [next(it) for _ in range(20)]
    print(json.dumps(list(operations)), flush=True)
    for line in sys.stdin:
        operation = operations[line.strip()]
        began = time.perf_counter()
        operation()
        print(time.perf_counter() - began, flush=True)
    server.communicate()


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else main()
