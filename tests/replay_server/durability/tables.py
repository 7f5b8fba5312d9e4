"""Tables in a data directory, random programs on them, and what can be told of their state."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np

from replay_server.durability.data_directory import DataDirectory
from replay_server.durability.files import Files
from replay_server.durability.keeper import Keeper, Room, StandingTable
from replay_server.durability.layout import Layout
from replay_server.keeping import builder
from replay_server.memory.errors import ReplayError
from replay_server.memory.table import Table
from replay_wire.complaints import convert
from replay_wire.specs import TableSpec

COLUMNS = {
    "observation": {"dtype": "<f8", "shape": [3], "compression": "zstd"},
    "action": {"dtype": "<i8", "shape": [], "compression": "lz4"},
    "reward": {"dtype": "<f8", "shape": []},
    "is_first": {"dtype": "|b1", "shape": []},
    "is_last": {"dtype": "|b1", "shape": [], "compression": "zstd"},
    "is_terminal": {"dtype": "|b1", "shape": []},
}
SEGMENT_BYTES = 200  # so that segments come and go

SPECS: dict[str, dict[str, Any]] = {
    "rows": {"capacity": 40, "seed": 1},
    "rows_drawn_twice": {"capacity": 40, "seed": 1, "max_times_sampled": 2},
    "min_heap_remover": {"capacity": 40, "seed": 1, "remover": {"kind": "min_heap"}},
    "uniform_remover": {"capacity": 40, "seed": 1, "remover": {"kind": "uniform"}},
    "ratio": {
        "capacity": 40,
        "seed": 1,
        "sampler": {"kind": "max_heap"},
        "rate_limiter": {
            "kind": "sample_to_insert_ratio",
            "samples_per_insert": 8.0,
            "min_size": 1,
            "error_buffer": 1e6,
        },
    },
    "transitions": {
        "capacity": 40,
        "seed": 1,
        "items": {"kind": "transition", "n_step": 2, "frame_stack": 2},
    },
    "transitions_drawn_once": {
        "capacity": 40,
        "seed": 1,
        "items": {"kind": "transition"},
        "max_times_sampled": 1,
    },
    "compressed_rows": {"capacity": 40, "seed": 1, "max_times_sampled": 2, "columns": COLUMNS},
    "compressed_transitions": {
        "capacity": 40,
        "seed": 1,
        "items": {"kind": "transition", "n_step": 2, "frame_stack": 2},
        "columns": COLUMNS,
    },
    "sequences": {"capacity": 40, "seed": 1, "items": {"kind": "sequence", "length": 3}},
}


def open_directory(path: Path, files: Files | None = None, *, power: bool = False) -> DataDirectory:
    files = files or Files()
    layout = Layout(path, files)
    try:
        return DataDirectory(layout, builder(16), files, power=power)
    except BaseException:
        layout.close()
        raise


def make(keeper: Keeper, kind: str, name: str = "t") -> StandingTable:
    spec = convert(copy.deepcopy(SPECS[kind]), TableSpec).document()
    spec = json.loads(json.dumps(spec))  # shapes as they come back
    return keeper.make(name, {"made": spec, "now": spec})


def abandon(directory: DataDirectory) -> None:
    """Leave a directory as a process that was killed leaves it, its threads at rest."""
    directory._writer.close()
    directory._syncer.close()
    directory.layout.close()


def rows(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    is_last = rng.random(count) < 0.2
    return {
        "observation": rng.random((count, 3)),
        "action": rng.integers(0, 5, count),
        "reward": rng.random(count),
        "is_first": np.zeros(count, np.bool_),
        "is_last": is_last,
        "is_terminal": is_last & (rng.random(count) < 0.5),
    }


def some_step(
    directory: DataDirectory, standing: StandingTable, rng: np.random.Generator, number: int
) -> Any:
    """Do one random thing to a table, and return what was answered."""
    table = standing.table
    keys, _ = table.keys_at(table.scan(-1, 100, "key")[0])
    kind = rng.choice(["insert", "insert", "insert", "draw", "draw", "update", "delete", "rare"])
    try:
        if kind == "insert" or not len(keys):
            count = int(rng.choice([1, 2, 7, 20, 40]))
            columns = rows(rng, count)
            streams = rng.integers(0, 3, count) if table.has_steps else None
            row_bytes = sum(column.nbytes for column in columns.values()) // count
            priorities = rng.random(count) if rng.random() < 0.5 else None
            with directory.step((standing, Room(count, count, row_bytes))):
                return table.insert(columns, priorities, (f"w{number % 3}", number), streams)
        if kind == "draw":
            with directory.step((standing, Room(8))):
                draw = table.draw(4, 2)
            return draw.keys, draw.weights, draw.times_sampled
        some = rng.choice(keys, 5)
        if kind == "update":
            with directory.step((standing, Room(5))):
                return table.update_priorities(some, rng.random(5) * 3)
        if kind == "delete":
            with directory.step((standing, Room(5))):
                return table.delete(some)
        if rng.random() < 0.2:
            with directory.step((standing, Room(table.rows))):
                table.reset()
    except ReplayError as error:
        return type(error)


def told(table: Table) -> dict[str, Any]:
    """Return all that can be told of a table, and all that it goes on from."""
    slots, _ = table.scan(-1, 1000, "key")
    keys, priorities = table.keys_at(slots)
    names = [] if table.signature is None else list(table.signature.columns)
    state = table.state
    return {
        "keys": keys,
        "priorities": priorities,
        "columns": table.rows_at(slots, names),
        "numbers": state.numbers,
        "writers": [(writer, last, list(keys)) for writer, last, keys in state.writers],
        "streams": {(writer, stream): key for writer, stream, key in state.streams},
        "sum": table.priority_sum,
        "ages": table.sample_ages.quantiles(),
    }


def going_on(table: Table, seed: int) -> list[Any]:
    """Return what a table answers to a program: two that are alike answer the same."""
    rng = np.random.default_rng(seed)
    answers: list[Any] = []
    for number in range(6):
        columns = rows(rng, 9)
        streams = rng.integers(0, 3, 9) if table.has_steps else None
        answers.append(table.insert(columns, None, ("later", number), streams))
        try:
            draw = table.draw(4)
            drawn = table.gathering(draw.slots, table.layout.names(list(columns))).run()
            answers += [draw.keys, draw.weights, draw.times_sampled, *drawn.values()]
        except ReplayError as error:
            answers.append(type(error))
    return answers


def assert_same(one: Any, two: Any) -> None:
    np.testing.assert_equal(one, two)
