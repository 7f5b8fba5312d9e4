"""What shards have drawn joined into the batches that one table would have given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay_wire.sharding.exchange import Drawn, DrawnPart
from replay_wire.sharding.shard_keys import cluster_keys

__all__ = ["Merged", "merged"]

_INDEX = "_index"


@dataclass(frozen=True)
class Merged:
    """Batches; arrays of items are of shape [B], or [K, B] where K > 1.

    Attributes:
        items: `keys`, `probabilities`, `weights`, `priorities`, `times_sampled`, `ages` by name.
        columns: NAME -> [B, ...] or [K, B, ...].
        rows: NAME -> [U, ...] in the indexed layout.
    """

    items: dict[str, NDArray[Any]]
    columns: dict[str, NDArray[Any]]
    rows: dict[str, NDArray[Any]] | None


def merged(drawn: Drawn) -> Merged:
    """Return what was drawn as whole batches, in the order of the targets.

    Columns of a single shard are not copied; of several, once.
    """
    parts = drawn.parts
    count = drawn.batch_size * drawn.batches
    place = _Places(parts, count)
    probabilities = place.join([p.share * p.reply.probabilities.to_numpy() for p in parts])
    items = {
        "keys": place.join([cluster_keys(p.reply.keys.to_numpy(), p.shard) for p in parts]),
        "probabilities": probabilities,
        "weights": _weights(drawn, probabilities),
        "priorities": place.join([p.reply.priorities.to_numpy() for p in parts]),
        "times_sampled": place.join([p.reply.times_sampled.to_numpy() for p in parts]),
        "ages": place.join([p.reply.ages.to_numpy() * drawn.age_scale for p in parts]),
    }
    rows, first = _joined_rows(parts) if drawn.is_indexed else (None, [0] * len(parts))
    columns = {
        name: place.join(
            [
                p.reply.columns[name].to_numpy(name) + np.int32(offset)
                if rows is not None and name.endswith(_INDEX)
                else p.reply.columns[name].to_numpy(name)
                for p, offset in zip(parts, first, strict=True)
            ]
        )
        for name in parts[0].reply.columns
    }
    if drawn.batches > 1:
        lead = (drawn.batches, drawn.batch_size)
        items = {name: array.reshape(lead) for name, array in items.items()}
        columns = {name: array.reshape(*lead, *array.shape[1:]) for name, array in columns.items()}
    return Merged(items, columns, rows)


class _Places:
    """Where the items of each part go."""

    def __init__(self, parts: list[DrawnPart], count: int) -> None:
        self._positions = [part.positions for part in parts]
        self._count = count
        in_order = np.concatenate(self._positions)
        self._is_in_order = bool((np.diff(in_order) == 1).all()) if count > 1 else True

    def join(self, arrays: list[NDArray[Any]]) -> NDArray[Any]:
        if self._is_in_order:
            return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
        whole = np.empty((self._count, *arrays[0].shape[1:]), arrays[0].dtype)
        for positions, array in zip(self._positions, arrays, strict=True):
            whole[positions] = array
        return whole


def _joined_rows(parts: list[DrawnPart]) -> tuple[dict[str, NDArray[Any]], list[int]]:
    """Return the distinct rows of all parts, and where those of each begin."""
    tables = [part.reply.rows or {} for part in parts]
    first, total = [], 0
    for table in tables:
        first.append(total)
        total += next((array.shape[0] for array in table.values()), 0)
    names = tables[0]
    return {
        name: tables[0][name].to_numpy(name)
        if len(parts) == 1
        else np.concatenate([table[name].to_numpy(name) for table in tables])
        for name in names
    }, first


def _weights(drawn: Drawn, probabilities: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return (N P(i))^-beta / max_j (N P(j))^-beta, which is (smallest P / P(i))^beta."""
    logs = np.log(probabilities)
    if drawn.over_table and drawn.smallest is not None:
        least: Any = np.log(min(drawn.smallest, probabilities.min()))
    else:
        least = np.repeat(logs.reshape(drawn.batches, -1).min(axis=1), drawn.batch_size)
    weights: NDArray[np.float32] = np.exp(drawn.beta * (least - logs)).astype(np.float32)
    return weights
