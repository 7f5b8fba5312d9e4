"""In-process buffers of other libraries, run by the environment that `make bench-peers` makes.

Reads the name of an operation a line, runs it once, and writes the seconds that it took. The first
line that it writes tells the operations that it has, as JSON: a library that is not there, or does
not do it, is left out. It knows nothing of this project.

Workloads as in `benchmarks/workloads.py`. A buffer that can't put frames together stores stacks.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np

Operations = dict[str, Callable[[], object]]
ROWS, FRAMES, BATCH, STRIDE = 1_000_000, 10_000, 256, 10_000
generator = np.random.default_rng(0)
targets = cycle([generator.random(BATCH) for _ in range(1_000)])  # a tree's own work is timed
changes = cycle(
    [(generator.integers(0, ROWS, BATCH), generator.random(BATCH)) for _ in range(1_000)]
)


def small(count: int) -> dict[str, np.ndarray]:
    """Return columns of workload S."""
    return {
        "obs": generator.standard_normal((count, 4), np.float32),
        "act": generator.integers(0, 2, count),
        "rew": generator.standard_normal(count, np.float32),
        "next_obs": generator.standard_normal((count, 4), np.float32),
        "done": generator.random(count) < 0.01,
    }


def torchrl() -> Operations:
    """Prioritized storage of 1M small rows; stacks of frames; its tree alone."""
    import torch
    from tensordict import TensorDict
    from torchrl._torchrl import SumSegmentTreeFp64
    from torchrl.data import LazyTensorStorage, ReplayBuffer
    from torchrl.data.replay_buffers.samplers import PrioritizedSampler

    rows = ReplayBuffer(
        storage=LazyTensorStorage(ROWS),
        sampler=PrioritizedSampler(max_capacity=ROWS, alpha=0.6, beta=0.4),
        batch_size=BATCH,
    )
    for _ in range(ROWS // STRIDE):
        columns = {name: torch.from_numpy(column) for name, column in small(STRIDE).items()}
        places = rows.extend(TensorDict(columns, batch_size=[STRIDE]))
        rows.update_priority(places, torch.rand(STRIDE) + 0.01)
    priorities = torch.rand(BATCH) + 0.01
    last = {"index": rows.sample(return_info=True)[1]["index"]}

    def draw() -> None:
        last["index"] = rows.sample(return_info=True)[1]["index"]

    def step() -> None:
        rows.update_priority(last["index"], priorities)
        draw()

    frames = ReplayBuffer(storage=LazyTensorStorage(FRAMES), batch_size=BATCH)
    for _ in range(FRAMES // 500):
        stacks = torch.randint(0, 255, (2, 500, 4, 84, 84), dtype=torch.uint8)
        frames.extend(
            TensorDict({"obs": stacks[0], "next_obs": stacks[1]}, batch_size=[500]),
        )
    tree = SumSegmentTreeFp64(ROWS)
    tree[np.arange(ROWS)] = generator.random(ROWS) + 0.01
    total = tree.query(0, ROWS)

    return {
        "torchrl S draw": draw,
        "torchrl S step": step,
        "torchrl A draw": frames.sample,
        "torchrl tree find": lambda: tree.scan_lower_bound(next(targets) * total),
        "torchrl tree set": lambda: tree.__setitem__(*next(changes)),
    }


def cpprb() -> Operations:
    """Prioritized buffer of 1M small rows; stacks of frames."""
    from cpprb import PrioritizedReplayBuffer, ReplayBuffer

    shapes: dict[str, Any] = {
        "obs": {"shape": 4},
        "act": {"dtype": np.int64},
        "rew": {},
        "next_obs": {"shape": 4},
        "done": {"dtype": np.bool_},
    }
    rows = PrioritizedReplayBuffer(ROWS, shapes, alpha=0.6)
    for _ in range(ROWS // STRIDE):
        rows.add(**small(STRIDE), priorities=generator.random(STRIDE) + 0.01)
    priorities = generator.random(BATCH) + 0.01
    last = {"indexes": rows.sample(BATCH, beta=0.4)["indexes"]}

    def draw() -> None:
        last["indexes"] = rows.sample(BATCH, beta=0.4)["indexes"]

    def step() -> None:
        rows.update_priorities(last["indexes"], priorities)
        draw()

    stack = {"shape": (4, 84, 84), "dtype": np.uint8}
    frames = ReplayBuffer(FRAMES, {"obs": stack, "next_obs": stack})
    for _ in range(FRAMES // 500):
        stacks = generator.integers(0, 255, (2, 500, 4, 84, 84), np.uint8)
        frames.add(obs=stacks[0], next_obs=stacks[1])
    return {
        "cpprb S draw": draw,
        "cpprb S step": step,
        "cpprb A draw": lambda: frames.sample(BATCH),
    }


def tianshou() -> Operations:
    """Prioritized buffer of 1M small rows; single frames, stacked when drawn; its tree alone."""
    from tianshou.data import Batch, PrioritizedReplayBuffer, ReplayBuffer, SegmentTree

    rows = PrioritizedReplayBuffer(ROWS, alpha=0.6, beta=0.4)
    columns = small(ROWS)
    first = {name: column[0] for name, column in columns.items()}
    rows.add(
        Batch(
            obs=first["obs"],
            act=first["act"],
            rew=first["rew"],
            obs_next=first["next_obs"],
            terminated=False,
            truncated=False,
        )
    )
    # One row at a time would take minutes: the arrays it has made are filled as `add` would.
    rows._meta.obs[:] = columns["obs"]
    rows._meta.act[:] = columns["act"]
    rows._meta.rew[:] = columns["rew"]
    rows._meta.obs_next[:] = columns["next_obs"]
    rows._size = ROWS
    rows.weight[np.arange(ROWS)] = generator.random(ROWS) + 0.01
    priorities = generator.random(BATCH) + 0.01
    last = {"indices": rows.sample(BATCH)[1]}

    def draw() -> None:
        last["indices"] = rows.sample(BATCH)[1]

    def step() -> None:
        rows.update_weight(last["indices"], priorities)
        draw()

    frames = ReplayBuffer(FRAMES, stack_num=4, ignore_obs_next=True, save_only_last_obs=True)
    frame = generator.integers(0, 255, (4, 84, 84), np.uint8)
    for place in range(FRAMES):
        frames.add(
            Batch(
                obs=frame,
                act=0,
                rew=0.0,
                obs_next=frame,
                terminated=place % 500 == 499,
                truncated=False,
            )
        )
    tree = SegmentTree(ROWS)
    tree[np.arange(ROWS)] = generator.random(ROWS) + 0.01
    total = tree.reduce()
    return {
        "tianshou S draw": draw,
        "tianshou S step": step,
        "tianshou A draw": lambda: frames.sample(BATCH),
        "tianshou tree find": lambda: tree.get_prefix_sum_idx(next(targets) * total),
        "tianshou tree set": lambda: tree.__setitem__(*next(changes)),
    }


def stable_baselines3() -> Operations:
    """Stacks of frames, as tensors."""
    from gymnasium import spaces
    from stable_baselines3.common.buffers import ReplayBuffer

    stack = spaces.Box(0, 255, (4, 84, 84), np.uint8)
    frames = ReplayBuffer(FRAMES, stack, spaces.Discrete(6), device="cpu")
    frames.observations[:] = generator.integers(0, 255, frames.observations.shape, np.uint8)
    frames.next_observations[:] = frames.observations
    frames.full = True
    return {"SB3 A draw": lambda: frames.sample(BATCH)}


def main() -> None:
    """Serve operations by name."""
    wanted = sys.argv[1].split(",")
    operations: Operations = {}
    for library in (torchrl, cpprb, tianshou, stable_baselines3):
        if library.__name__ not in wanted:
            continue
        try:
            operations |= library()
        except Exception as error:  # noqa: BLE001 - a peer that fails is told, and left out
            print(f"{library.__name__}: {type(error).__name__}: {error}", file=sys.stderr)
    print(json.dumps(list(operations)), flush=True)
    for line in sys.stdin:
        operation = operations[line.strip()]
        began = time.perf_counter()
        operation()
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
