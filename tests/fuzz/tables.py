"""The tables that every input finds: one of each kind, small, with rows in them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

_COLUMNS: Final = {"x": {"dtype": "<f4", "shape": [2]}, "a": {"dtype": "<i8", "shape": []}}
SPECS: Final[dict[str, dict[str, Any]]] = {
    "rows": {"capacity": 8, "columns": _COLUMNS, "seed": 1},
    "open": {"capacity": 8, "seed": 2},
    "once": {
        "capacity": 8,
        "columns": _COLUMNS,
        "sampler": {"kind": "prioritized", "replacement": False, "normalize": "table"},
        "max_times_sampled": 2,
        "seed": 3,
    },
    "ranked": {
        "capacity": 4,
        "columns": _COLUMNS,
        "sampler": {"kind": "max_heap"},
        "remover": {"kind": "min_heap"},
        "seed": 4,
    },
    "random": {
        "capacity": 4,
        "columns": _COLUMNS,
        "sampler": {"kind": "uniform"},
        "remover": {"kind": "uniform"},
        "seed": 5,
    },
    "queue": {"capacity": 8, "columns": _COLUMNS, "rate_limiter": {"kind": "queue", "size": 6}},
    "ratio": {
        "capacity": 8,
        "columns": _COLUMNS,
        "rate_limiter": {
            "kind": "sample_to_insert_ratio",
            "samples_per_insert": 2.0,
            "min_size": 2,
            "error_buffer": 8.0,
        },
        "seed": 6,
    },
    "transitions": {
        "capacity": 12,
        "items": {"kind": "transition", "n_step": 2, "frame_stack": 2},
        "seed": 7,
    },
    "sequences": {
        "capacity": 12,
        "items": {"kind": "sequence", "length": 3, "period": 2},
        "seed": 8,
    },
    "packed": {
        "capacity": 4,
        "columns": {
            "x": {"dtype": "<f4", "shape": [2], "compression": "zstd"},
            "a": {"dtype": "<i8", "shape": [], "compression": "lz4"},
        },
        "seed": 9,
    },
}
STEPS: Final = ("transitions", "sequences")
EMPTY: Final = ("open",)


def steps(count: int, first: int) -> dict[str, np.ndarray[Any, Any]]:
    """Return `count` steps of episodes of four, the first of them the `first` of its episode."""
    places = (np.arange(count) + first) % 4
    return {
        "observation": np.arange(count, dtype=np.float32)[:, None],
        "action": np.zeros(count, np.int64),
        "reward": np.ones(count, np.float32),
        "is_first": places == 0,
        "is_last": places == 3,
        "is_terminal": places == 3,
    }


def rows(count: int) -> dict[str, np.ndarray[Any, Any]]:
    """Return `count` rows of the tables of rows."""
    return {"x": np.ones((count, 2), np.float32), "a": np.arange(count)}
