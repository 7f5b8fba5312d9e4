"""The two workloads of the comparisons.

S: small transitions in a prioritized table of a million rows, as of CartPole: two `<f4[4]`
observations, an `<i8` action, an `<f4` reward, a `|b1` flag; 45 bytes.

A: Atari steps: 84x84 `|u1` frames in a table of steps, drawn as transitions of two stacks of four
frames; 56,448 bytes a transition. Frames are drawn figures that move, so that they compress about
as real ones do; random bytes would not compress at all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent_client import ReplayClient

__all__ = [
    "BATCH",
    "FRAME",
    "SMALL_SPEC",
    "STEPS_SPEC",
    "fill_small",
    "fill_steps",
    "frames",
    "small_rows",
    "step_rows",
]

BATCH = 256
FRAME = (84, 84)
SMALL_SPEC: dict[str, Any] = {
    "capacity": 1_000_000,
    "columns": {
        "observation": {"dtype": "<f4", "shape": [4]},
        "action": {"dtype": "<i8", "shape": []},
        "reward": {"dtype": "<f4", "shape": []},
        "next_observation": {"dtype": "<f4", "shape": [4]},
        "terminated": {"dtype": "|b1", "shape": []},
    },
    "sampler": {"kind": "prioritized", "alpha": 0.6, "beta": 0.4},
    "seed": 0,
}
STEPS_SPEC: dict[str, Any] = {
    "capacity": 50_000,
    "columns": {
        "observation": {"dtype": "|u1", "shape": list(FRAME)},
        "action": {"dtype": "<i8", "shape": []},
        "reward": {"dtype": "<f4", "shape": []},
        "is_first": {"dtype": "|b1", "shape": []},
        "is_last": {"dtype": "|b1", "shape": []},
        "is_terminal": {"dtype": "|b1", "shape": []},
    },
    "items": {"kind": "transition", "n_step": 1, "discount": 0.99, "frame_stack": 4},
    "seed": 0,
}
_EPISODE = 500


def small_rows(count: int, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Return columns of `count` rows of workload S."""
    generator = np.random.default_rng(seed)
    return {
        "observation": generator.standard_normal((count, 4), np.float32),
        "action": generator.integers(0, 2, count),
        "reward": generator.standard_normal(count, np.float32),
        "next_observation": generator.standard_normal((count, 4), np.float32),
        "terminated": generator.random(count) < 0.01,
    }


def frames(count: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return [count, 84, 84]: a few figures moving over a still background."""
    generator = np.random.default_rng(seed)
    background = np.repeat(np.repeat(generator.integers(0, 120, (12, 12)), 7, 0), 7, 1)
    result = np.empty((count, *FRAME), np.uint8)
    result[:] = background
    places = generator.integers(0, 78, (12, 2))
    steps = generator.integers(-2, 3, (12, 2))
    for number in range(count):
        for (x, y), shade in zip(places % 78, range(130, 250, 10), strict=True):
            result[number, x : x + 6, y : y + 4] = shade
        places = places + steps
    return result


def step_rows(count: int, first: int = 0) -> dict[str, NDArray[Any]]:
    """Return columns of `count` steps of workload A, from the `first` of their stream on."""
    places = (first + np.arange(count)) % _EPISODE
    is_last = places == _EPISODE - 1
    return {
        "observation": frames(count, first),
        "action": places % 6,
        "reward": (places % 7 == 0).astype(np.float32),
        "is_first": places == 0,
        "is_last": is_last,
        "is_terminal": is_last,
    }


def fill_small(client: ReplayClient, table: str, rows: int, capacity: int | None = None) -> None:
    """Make a table of workload S and put rows with priorities into it."""
    client.create_table(table, {**SMALL_SPEC, "capacity": capacity or rows})
    generator = np.random.default_rng(1)
    stride = min(rows, 10_000)
    columns = small_rows(stride)
    for _ in range(rows // stride):
        client.insert(table, columns, priorities=generator.random(stride) + 0.01)


def fill_steps(client: ReplayClient, table: str, rows: int) -> None:
    """Make a table of workload A and put steps into it."""
    client.create_table(table, STEPS_SPEC)
    stride = 1000
    columns = step_rows(stride)
    for _ in range(rows // stride):
        client.insert(table, columns)
