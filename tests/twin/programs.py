"""Random programs: two tables' specs and a list of requests, made from a seed.

Keys of requests are written as places (the i-th row that is there, one that has gone, one that was
never issued), so that a program stays one when requests are left out of it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

Arguments = dict[str, Any]

_ROW_COLUMNS: list[dict[str, Any]] = [
    {"x": {"dtype": "<i8", "shape": []}},
    {"x": {"dtype": "<f4", "shape": [3]}, "y/a": {"dtype": "|u1", "shape": [2, 2]}},
    {"x": {"dtype": "<f8", "shape": []}, "flag": {"dtype": "|b1", "shape": []},
     "none": {"dtype": "<i2", "shape": [0]}},
]  # fmt: skip
_STEP_COLUMNS: list[dict[str, Any]] = [
    {"observation": {"dtype": "<f4", "shape": [2]}, "action": {"dtype": "<i8", "shape": []},
     "reward": {"dtype": "<f4", "shape": []}},
    {"observation/camera": {"dtype": "|u1", "shape": [2, 3]},
     "observation/speed": {"dtype": "<f8", "shape": []},
     "action/turn": {"dtype": "<f4", "shape": [2]}, "reward": {"dtype": "<f8", "shape": []},
     "note": {"dtype": "<i4", "shape": []}},
    {"observation": {"dtype": "|u1", "shape": []}, "action": {"dtype": "|i1", "shape": []},
     "reward": {"dtype": "<f2", "shape": []}},
]  # fmt: skip
_FLAGS = {name: {"dtype": "|b1", "shape": []} for name in ("is_first", "is_last", "is_terminal")}
_PRIORITIES = [0.0, 0.0, 0.25, 1.0, 1.0, 2.0, 4.0, 9.0, 1e-3, 1e6]
_FAULTS = ["bad_priority", "too_many", "missing", "dtype", "ragged", "terminal"]
_BAD = [float("nan"), float("inf"), -1.0, -0.5, 1e301, 1e200]
VERBS = {
    "insert": 38, "sample": 32, "mixed": 6, "update": 8, "delete": 4, "patch": 5, "scan": 2,
    "reset": 1, "drop": 1, "put": 1,
}  # fmt: skip


@dataclass
class Request:
    """A verb on one of the two tables, with its arguments as the program has them."""

    verb: str
    table: int
    arguments: Arguments = field(default_factory=dict)


@dataclass
class Program:
    specs: list[dict[str, Any]]
    columns: list[dict[str, Any]]
    requests: list[Request]


def program(seed: int, requests: int) -> Program:
    """The program of a seed."""
    chance = random.Random(seed)
    made = [_spec(chance) for _ in range(2)]
    specs, columns = [spec for spec, _ in made], [columns for _, columns in made]
    verbs = chance.choices(list(VERBS), list(VERBS.values()), k=requests)
    lead = chance.choice([0.5, 0.7, 0.9])  # how much of it goes to the first table
    body = []
    for place, verb in enumerate(["insert", "insert", *verbs[2:]]):
        table = place if place < 2 else int(chance.random() > lead)
        make = _MAKERS[verb]
        body.append(Request(verb, table, make(chance, specs, columns, table)))
    return Program(specs, columns, body)


# -- specs --------------------------------------------------------------------------------------


def _spec(chance: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    kind = chance.choices(["row", "transition", "sequence"], [5, 3, 3])[0]
    capacity = chance.choice([1, 2, 3, 5, 7, 8, 9, 12]) if chance.random() < 0.9 else 70
    spec: dict[str, Any] = {"capacity": capacity, "seed": chance.randrange(1000)}
    columns = dict(chance.choice(_ROW_COLUMNS))
    if kind != "row":
        spec["capacity"] = capacity = max(capacity, 2)
        spec["items"] = _items(chance, kind, capacity)
        columns = {**chance.choice(_STEP_COLUMNS), **_FLAGS}
    elif chance.random() < 0.65:
        spec["remover"] = {"kind": chance.choice(["lifo", "uniform", "min_heap", "max_heap"])}
    if chance.random() < 0.6:
        spec["columns"] = columns if "remover" in spec else _some_compressed(columns, spec["seed"])
    if kind == "row" and chance.random() < 0.12:
        spec["rate_limiter"] = {"kind": "queue", "size": chance.randint(1, capacity)}
        return spec, columns
    if chance.random() < 0.9:
        spec["sampler"] = _sampler(chance)
    if chance.random() < 0.5:
        spec["rate_limiter"] = _limiter(chance, _least_items(spec))
    if chance.random() < 0.35:
        spec["max_times_sampled"] = chance.choice([1, 2, 3, 4])
    return spec, columns


def _some_compressed(columns: dict[str, Any], seed: int) -> dict[str, Any]:
    """Columns of which any may be compressed; nothing else that is told may depend on it."""
    chance = random.Random(seed)  # one of its own, so that the rest of a program stays what it is
    ways = chance.choices([None, "lz4", "zstd"], [3, 1, 1], k=len(columns))
    return {
        name: column if way is None else {**column, "compression": way}
        for (name, column), way in zip(columns.items(), ways, strict=True)
    }


def _items(chance: random.Random, kind: str, capacity: int) -> dict[str, Any]:
    if kind == "transition":
        frames = chance.randint(1, min(4, capacity - 1))
        steps = chance.randint(1, min(4, capacity - frames))
        discount = chance.choice([0.5, 0.99, 1.0, 0.0])
        return {"kind": kind, "n_step": steps, "frame_stack": frames, "discount": discount}
    length = chance.randint(1, min(4, capacity))
    items = {"kind": kind, "length": length, "pad": chance.random() < 0.6}
    if chance.random() < 0.7:
        items["period"] = chance.randint(1, length + 1)
    return items


def _least_items(spec: dict[str, Any]) -> int:
    """As many items as a table of that spec may surely come to have."""
    capacity, items = spec["capacity"], spec.get("items", {})
    if not items:
        return int(capacity)
    return int(max(capacity - items.get("frame_stack", 1) - items.get("n_step", 1), 0)) // (
        items.get("length", 1) * items.get("period", items.get("length", 1))
    )


def _sampler(chance: random.Random) -> dict[str, Any]:
    kind = chance.choices(
        ["prioritized", "uniform", "fifo", "lifo", "min_heap", "max_heap"], [8, 4, 2, 2, 2, 2]
    )[0]
    sampler: dict[str, Any] = {"kind": kind}
    if kind in ("prioritized", "uniform"):
        sampler["beta"] = chance.choice([0.0, 0.4, 1.0])
        sampler["stratified"] = chance.random() < 0.6
        sampler["replacement"] = chance.random() < 0.6
        sampler["normalize"] = chance.choice(["batch", "table"])
    if kind == "prioritized":
        sampler["alpha"] = chance.choice([0.0, 0.5, 0.6, 1.0, 1.0, 2.0])
    return sampler


def _limiter(chance: random.Random, most: int) -> dict[str, Any]:
    min_size = min(chance.choice([0, 1, 1, 2, 3, 4]), most)
    if chance.random() < 0.35:
        return {"kind": "min_size", "min_size": min_size}
    ratio = chance.choice([0.25, 0.5, 1.0, 2.0, 4.0])
    return {
        "kind": "sample_to_insert_ratio",
        "samples_per_insert": ratio,
        "min_size": min_size,
        "error_buffer": max(1.0, ratio) * chance.choice([1, 1, 2, 5, 20]),
    }


# -- requests -----------------------------------------------------------------------------------


def _insert(chance: random.Random, specs: Any, columns: Any, table: int) -> Arguments:
    capacity = specs[table]["capacity"]
    fault = None
    count = chance.choice([0, 1, 1, 2, 2, 3, 4, 6, 6, capacity, capacity, capacity])
    count = min(count, capacity)
    if capacity > 12 and chance.random() < 0.5:
        count = chance.randint(0, capacity)
    if chance.random() < 0.07:
        fault = chance.choice(_FAULTS)
        count = capacity + 1 if fault == "too_many" else max(count, 1)
    priorities = None
    if fault == "bad_priority" or chance.random() < 0.6:
        priorities = [chance.choice(_PRIORITIES) for _ in range(count)]
    if fault == "bad_priority":
        assert priorities
        priorities[chance.randrange(count)] = chance.choice(_BAD)
    streams = [0] if chance.random() < 0.75 else [0, 1, 2]
    if capacity > 12 and chance.random() < 0.5:
        streams = [
            0,
            0,
            0,
            *range(-7, 70),
        ]  # more than are kept without forgetting those that ended
    rows = []
    for _ in range(count):
        kind = chance.choices(["middle", "first", "truncated", "terminal", "single"],
                              [70, 9, 5, 6, 1])[0]  # fmt: skip
        ends = kind in ("truncated", "terminal", "single")
        flags = (kind in ("first", "single"), ends, kind == "terminal")
        reward = chance.choice([0.0, 1.0, -0.5, 0.25, 3.0])
        rows.append({"stream": chance.choice(streams), "flags": flags, "reward": reward})
    return {
        "rows": rows,
        "priorities": priorities,
        "writer": chance.choice([None, None, None, None, *"abcd"]),
        "step": chance.choices(["next", "gap", "same", "older"], [10, 2, 3, 1])[0],
        "fault": fault,
        "dtype": "<f8" if fault else chance.choice(["<f8", "<f8", "<f4"]),
    }


def _places(chance: random.Random, most: int) -> list[tuple[str, float]]:
    return [
        (chance.choices(["there", "gone", "never", "far"], [14, 4, 1, 1])[0], chance.random())
        for _ in range(chance.randint(0, most))
    ]


def _pairs(chance: random.Random, most: int) -> list[tuple[tuple[str, float], float]]:
    places = _places(chance, most)
    if places and chance.random() < 0.2:
        places.append(places[0])  # one key twice
    kind = chance.choices(["some", "zero", "bad"], [16, 3, 1])[0]
    priorities = [0.0 if kind == "zero" else chance.choice(_PRIORITIES) for _ in places]
    if kind == "bad" and places:
        priorities[-1] = chance.choice(_BAD)
    return list(zip(places, priorities, strict=True))


def _sample(chance: random.Random, specs: Any, columns: Any, table: int) -> Arguments:
    is_rows = "items" not in specs[table]
    names = list(columns[table])
    if not is_rows and "length" not in specs[table]["items"]:
        names += ["discount", *(f"next_{n}" for n in names if n.startswith("observation"))]
    chosen = None
    if chance.random() < 0.25:
        chosen = chance.sample(names, chance.randint(0, len(names)))
        if chance.random() < 0.05:
            chosen.append("no_such_column")
    indexed = chance.random() < (0.02 if is_rows else 0.4)
    return {
        "batch_size": chance.choice(
            [1, 1, 1, 2, 4, "half", "half", "half", "all", "all", "all", "more"]
        ),
        "batches": chance.choice([1, 1, 1, 1, 1, 1, 2, 3]),
        "beta": chance.choice([None, None, None, 0.0, 0.7, 1.0]),
        "normalize": chance.choice([None, None, "batch", "table"]),
        "columns": chosen,
        "layout": "indexed" if indexed else "stacked",
        "update": _pairs(chance, 4) if chance.random() < 0.35 else None,
    }


def _mixed(chance: random.Random, specs: Any, columns: Any, table: int) -> Arguments:
    tables = [chance.choice([table, table, 1 - table]) for _ in range(chance.randint(1, 3))]
    parts = []
    for each in tables:
        part = _sample(chance, specs, columns, each)
        if chance.random() < 0.9:  # small ones, so that all of them may pass
            part |= {"batches": 1, "batch_size": chance.choice([1, 1, 2, "half", "all"])}
        if chance.random() < 0.5:  # of rows that the parts before may have used up
            part["update"] = _pairs(chance, 8)
        parts.append((each, part))
    return {"parts": parts}


def _update(chance: random.Random, specs: Any, columns: Any, table: int) -> Arguments:
    return {"pairs": _pairs(chance, 6)}


def _delete(chance: random.Random, specs: Any, columns: Any, table: int) -> Arguments:
    places = _places(chance, chance.choice([1, 1, 2, 5]))
    return {"keys": places + places[:1] if chance.random() < 0.2 else places}


def _patch(chance: random.Random, specs: Any, columns: Any, table: int) -> Arguments:
    spec, change = specs[table], {}
    if chance.random() < 0.45:
        change["sampler"] = _sampler(chance)
        if chance.random() < 0.3:  # merged into what stands, whatever its kind is
            change["sampler"] = {"kind": change["sampler"]["kind"]}
    if chance.random() < 0.35:
        change["rate_limiter"] = _limiter(chance, _least_items(spec))
        if chance.random() < 0.3:
            change["rate_limiter"] = {}  # the same, and its count begins anew
        elif chance.random() < 0.25:
            change["rate_limiter"] = {"kind": "queue", "size": chance.randint(1, spec["capacity"])}
        elif chance.random() < 0.1:
            change["rate_limiter"]["min_size"] = spec["capacity"] + 1
    if chance.random() < 0.45:
        change["max_times_sampled"] = chance.choice([0, 0, 1, 2, 3])
    return change


def _scan(chance: random.Random, specs: Any, columns: Any, table: int) -> Arguments:
    names = list(columns[table])
    return {
        "after": chance.choice([None, ("there", chance.random()), ("gone", chance.random())]),
        "limit": chance.choice([1, 2, 5, 100]),
        "order": chance.choice(["key", "priority"]),
        "columns": chance.sample(names, 2 % len(names)) if chance.random() < 0.3 else None,
    }


def _put(chance: random.Random, specs: Any, columns: Any, table: int) -> Arguments:
    return {"as": chance.choice(["made", "now", "other"]), "with_columns": chance.random() < 0.5}


def _nothing(chance: random.Random, specs: Any, columns: Any, table: int) -> Arguments:
    return {}


_MAKERS = {
    "insert": _insert, "sample": _sample, "mixed": _mixed, "update": _update, "delete": _delete,
    "patch": _patch, "scan": _scan, "reset": _nothing, "drop": _nothing, "put": _put,
}  # fmt: skip
