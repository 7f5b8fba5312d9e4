"""A draw against the twin: was each choice possible, and is all that it tells as reckoned?"""

from __future__ import annotations

import math
from collections import Counter
from itertools import accumulate, permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.twin.rows import Row

if TYPE_CHECKING:
    from tests.twin.table import Answer, TwinTable

MOST_ORDERED = 5  # items of which every order is tried
PARTS = ("probabilities", "weights", "priorities", "times_sampled", "ages")
Request = dict[str, Any]
_Left = tuple[tuple[float, int], ...]
"""How many items may be drawn how often: (times, items) by times."""


def is_ordered(table: TwinTable) -> bool:
    return table.spec["sampler"]["kind"] not in ("prioritized", "uniform")


def check(table: TwinTable, request: Request, answer: Answer) -> None:
    """Check a draw, and let the table be as it is after it."""
    possible = outcomes(table, request)
    assert answer.get("code") in possible, (answer.get("code"), possible)
    if "code" not in answer:
        take(table, request, answer)


def outcomes(table: TwinTable, request: Request) -> set[str | None]:
    """What may come of a draw: None for a reply, codes of refusals. Mostly just one."""
    faults = faults_of(table, request)
    if faults:
        return set(faults)
    says = table.limiter.says_to_draw(
        len(table.items()), request["batch_size"] * request["batches"]
    )
    if says:
        return {says}
    after = table.copy()
    after.apply(request["update"] or [])
    return outcomes_of_choice(after, request["batch_size"], request["batches"])


def faults_of(table: TwinTable, request: Request) -> set[str]:
    """The codes of what is wrong with a request whatever the table holds."""
    known = drawn_names(table)
    faults = {
        "schema_mismatch": known and set(request["columns"] or ()) - set(known),
        "invalid_request": request["layout"] == "indexed" and table.windows.kind == "row",
        "bad_priority": any(table.is_bad(priority) for _, priority in request["update"] or ()),
    }
    return {code for code, is_there in faults.items() if is_there}


def outcomes_of_choice(table: TwinTable, batch_size: int, batches: int) -> set[str | None]:
    """What may come of choosing items, where the limiter has nothing against it."""
    items = table.items()
    limit = table.spec["max_times_sampled"]
    distinct = is_ordered(table) or not table.spec["sampler"]["replacement"]
    if not any(map(table.mass, items)):
        return {"nothing_to_draw"}
    if not limit and not distinct:
        return {None}
    left = [limit - row.times_sampled if limit else math.inf for row in items if table.mass(row)]
    if is_ordered(table):
        in_order = order(table, items)
        left = [limit - row.times_sampled if limit else math.inf for row in in_order]
        return {None if _lasts(left, batch_size, batches) else "rate_limited"}
    if not distinct:
        return {None if sum(left) >= batch_size * batches else "rate_limited"}
    return _ends_of_distinct_draws(left, batch_size, batches)


def _lasts(left: list[float], batch_size: int, batches: int) -> bool:
    """Whether draws of the first ones, left[i] times each, last for all batches."""
    for _ in range(batches):
        left = [times for times in left if times > 0]
        if len(left) < batch_size:
            return False
        left = [times - (place < batch_size) for place, times in enumerate(left)]
    return True


def _ends_of_distinct_draws(left: list[float], batch_size: int, batches: int) -> set[str | None]:
    """What may come of batches of any distinct items that may be drawn left[i] times each.

    Which items a batch takes decides how many are left for the next: all ways are gone, told apart
    by how many items may be drawn how often.
    """
    ends: set[str | None] = set()
    reached = {tuple(sorted(Counter(left).items()))}
    for _ in range(batches):
        enough = {state for state in reached if sum(count for _, count in state) >= batch_size}
        if enough != reached:
            ends.add("rate_limited")
        reached = {after for state in enough for after in _after_a_batch(state, batch_size)}
    return ends | {None} if reached else ends


def _after_a_batch(state: _Left, batch_size: int) -> set[_Left]:
    """What may be left once a batch has taken so many distinct items."""
    if not state:
        return {()} if batch_size == 0 else set()
    (times, count), *others = state
    ways: set[_Left] = set()
    for taken in range(min(count, batch_size) + 1):
        for rest in _after_a_batch(tuple(others), batch_size - taken):
            after = Counter(dict(rest))
            after[times] += count - taken
            if times > 1:
                after[times - 1] += taken
            ways.add(tuple(sorted((+after).items())))
    return ways


def order(table: TwinTable, items: list[Row]) -> list[Row]:
    """Items in the order in which an ordered sampler draws them."""
    keys = {
        "fifo": lambda row: (row.ordinal,),
        "lifo": lambda row: (-row.ordinal,),
        "min_heap": lambda row: (row.priority, row.ordinal),
        "max_heap": lambda row: (-row.priority, row.ordinal),
    }
    return sorted(items, key=keys[table.spec["sampler"]["kind"]])


def take(table: TwinTable, request: Request, answer: Answer) -> None:
    """Check a reply and draw what the server drew."""
    pairs, batch_size, batches = request["update"] or [], request["batch_size"], request["batches"]
    updated = table.apply(pairs)
    assert (answer["updated"], answer["stale"]) == (updated, len(pairs) - updated)
    before = table.items()
    assert answer["size"] == len(before)
    lead = (batch_size,) if batches == 1 else (batches, batch_size)
    keys = answer["keys"]
    assert keys.dtype == np.int64
    assert keys.shape == lead
    told = {name: answer[name].reshape(batches, batch_size) for name in PARTS}
    assert all(answer[name].shape == lead for name in PARTS)
    masses = [table.mass(row) for row in before if table.mass(row)]
    least = min(masses) / math.fsum(masses)  # the least probability of the table before the draw
    expected: dict[str, list[Any]] = {"rows": [], "content": []}
    windows = table.windows
    for number, batch in enumerate(keys.reshape(batches, batch_size).tolist()):
        # Content first: with a limit rows may go in this very draw.
        found = [table.rows.get(key) for key in batch]
        assert None not in found, (batch, sorted(table.rows))
        expected["content"] += [windows.content(table.rows, row) for row in found if row]
        drawn = _draw_batch(table, batch)
        _check_batch(table, request, {n: t[number] for n, t in told.items()}, drawn, least)
    _check_columns(table, request, answer, expected["content"], lead)
    table.limiter.drawn += batch_size * batches


def _draw_batch(table: TwinTable, batch: list[int]) -> dict[str, list[float]]:
    """Draw a batch's items in their order; return what should be told of each."""
    sampler, limit = table.spec["sampler"], table.spec["max_times_sampled"]
    ordered = is_ordered(table)
    distinct = ordered or not sampler["replacement"]
    start = table.items()
    if ordered:
        assert batch == [row.key for row in order(table, start)[: len(batch)]]
    elif sampler["stratified"] and not distinct and not limit:
        _check_strata(table, start, batch)
    drawn: dict[str, list[float]] = {name: [] for name in PARTS if name != "weights"}
    for place, key in enumerate(batch):
        row = table.rows[key]
        pool = start if distinct or not limit else table.items()
        assert row in pool
        assert not (distinct and key in batch[:place])
        total = math.fsum(map(table.mass, pool))
        assert table.mass(row) > 0
        drawn["probabilities"].append(1.0 if ordered else table.mass(row) / total)
        row.times_sampled += 1
        table.sampled += 1
        age = table.inserted - 1 - row.ordinal
        table.ages.append(age)
        drawn["priorities"].append(row.priority)
        drawn["times_sampled"].append(row.times_sampled)
        drawn["ages"].append(age)
        if limit and row.times_sampled >= limit:
            table.spend(row)
    return drawn


def _check_strata(table: TwinTable, items: list[Row], batch: list[int]) -> None:
    """One draw in each of B equal parts of the mass, items in some fixed order.

    The order is the server's affair: where items are few, one must be found that explains the
    batch; else at least the counts must be such, and equal keys adjoin.
    """
    total = math.fsum(map(table.mass, items))
    chances = {row.key: table.mass(row) / total for row in items if table.mass(row)}
    counts = Counter(batch)
    for key, chance in chances.items():
        parts = chance * len(batch)
        assert math.floor(parts + 1e-9) - 1 <= counts[key] <= math.ceil(parts - 1e-9) + 1
    runs = sum(key != previous for key, previous in zip(batch, [None, *batch], strict=False))
    assert runs == len(counts)
    if len(chances) <= MOST_ORDERED:
        assert any(_explains(order, chances, batch) for order in permutations(chances))


def _explains(order: tuple[int, ...], chances: dict[int, float], batch: list[int]) -> bool:
    """Whether each draw's part of the mass overlaps its item's, items lying in an order."""
    ends = dict(zip(order, accumulate(chances[key] for key in order), strict=True))
    return all(
        (ends[key] - chances[key]) * len(batch) < part + 1 - 1e-9
        and ends[key] * len(batch) > part + 1e-9
        for part, key in enumerate(batch)
        if key in ends
    )


def _check_batch(
    table: TwinTable, request: Request, told: dict[str, Any], drawn: dict[str, Any], least: float
) -> None:
    for name, values in drawn.items():
        if name == "probabilities":
            assert np.allclose(told[name], values, 1e-9, 0), (told[name], values)
        else:
            assert told[name].tolist() == values, name
    sampler = table.spec["sampler"]
    weights = np.ones(len(told["weights"]))
    if not is_ordered(table):
        beta = sampler["beta"] if request["beta"] is None else request["beta"]
        normalize = request["normalize"] or sampler["normalize"]
        chances = np.array(drawn["probabilities"])
        lowest = chances.min() if normalize == "batch" else least
        weights = np.minimum((chances / lowest) ** -beta, 1.0)
    assert np.allclose(told["weights"], weights, 1e-5, 1e-38), (told["weights"], weights)
    assert told["weights"].dtype == np.float32


# -- columns ------------------------------------------------------------------------------------


def drawn_names(table: TwinTable) -> list[str]:
    """Names that a draw's `columns` may hold: what is drawn, stacked."""
    stored = list(table.spec.get("columns", {}))
    if table.windows.kind != "transition" or not stored:
        return stored
    observations = [f"next_{name}" for name in stored if name.split("/")[0] == "observation"]
    return [*stored, "discount", *observations]


def check_column(column: Any, expected: list[Any], dtype: str) -> None:
    """Compare a column with values: exactly, but for the rounding of returns."""
    assert column.dtype == np.dtype(dtype)
    assert len(column) == len(expected)
    if expected:
        values = np.stack(expected)
        assert column.shape == values.shape
        precision = {"<f8": 1e-12, "<f4": 1e-6, "<f2": 2e-3}.get(dtype, 0)
        assert np.array_equal(column, values) or np.allclose(column, values, precision, 0)


def _check_columns(
    table: TwinTable, request: Request, answer: Answer, content: list[Any], lead: tuple[int, ...]
) -> None:
    names = drawn_names(table) if request["columns"] is None else request["columns"]
    kind = table.windows.kind
    columns = dict(answer["columns"])
    if request["layout"] == "indexed":
        columns = _stacked(kind, names, columns)
    if kind == "sequence":
        names = [*names, "mask"]
    assert sorted(columns) == sorted(set(names))
    for name in names:
        assert columns[name].shape[: len(lead)] == lead
        flat = columns[name].reshape(len(content), *columns[name].shape[len(lead) :])
        check_column(flat, [item[name] for item in content], _dtype(table, name))


def _dtype(table: TwinTable, name: str) -> str:
    fixed = {"discount": "<f4", "mask": "|b1"}
    stored = table.spec["columns"]
    return str(fixed.get(name) or stored[name.removeprefix("next_")]["dtype"])


def _stacked(kind: str, names: list[str], columns: dict[str, Any]) -> dict[str, Any]:
    """An indexed answer's columns in the stacked layout; checks that rows are distinct."""
    rows = columns.pop("rows")
    observed = {name.removeprefix("next_") for name in names if "observation" in name}
    assert set(rows) == (set(names) if kind == "sequence" else observed)
    indices = ["sequence"] if kind == "sequence" else ["observation", "next_observation"]
    places = {name: columns.pop(f"{name}_index") for name in indices}
    for index in places.values():
        assert index.dtype == np.int32
    used = np.unique(np.concatenate([index.ravel() for index in places.values()]))
    for name, column in rows.items():
        assert len(column) == len(used) or kind == "sequence", name
        assert used.min() >= 0
        assert used.max() < len(column)
    stacked = dict(columns)
    for name in names:
        if kind == "sequence":
            mask = columns["mask"]
            at = rows[name][places["sequence"]]
            stacked[name] = np.where(mask.reshape(*mask.shape, *[1] * (at.ndim - mask.ndim)), at, 0)
            stacked[name] = stacked[name].astype(at.dtype)
            assert len(rows[name]) == len(np.unique(places["sequence"][mask]))
        elif name.split("/")[0] == "observation":
            stacked[name] = rows[name][places["observation"]]
        elif name.split("/")[0] == "next_observation":
            stacked[name] = rows[name.removeprefix("next_")][places["next_observation"]]
    return stacked
