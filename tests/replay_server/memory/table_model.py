"""What a table is, said as plainly as can be: a dict of rows by key."""

import math
from dataclasses import dataclass, field
from typing import Any

from replay_server.memory.samplers import UniformSampler


@dataclass
class Row:
    priority: float
    ordinal: int
    times_sampled: int = 0


@dataclass
class TableModel:
    """The slow twin of a table of rows."""

    capacity: int
    min_size: int
    sampler: Any
    next_key: int
    rows: dict[int, Row] = field(default_factory=dict)
    highest: float = 1.0
    inserted: int = 0
    updated: int = 0
    stale: int = 0
    sampled: int = 0

    def mass(self, row: Row) -> float:
        if isinstance(self.sampler, UniformSampler):
            return 1.0
        return row.priority**self.sampler.alpha if row.priority else 0.0

    def insert(self, count: int, priorities: list[float] | None) -> list[int]:
        default = self.highest
        keys = list(range(self.next_key, self.next_key + count))
        for position, key in enumerate(keys):
            priority = default if priorities is None else priorities[position]
            self.rows[key] = Row(priority, self.inserted)
            self.highest = max(self.highest, priority)
            self.inserted += 1
        self.next_key += count
        for key in list(self.rows):
            if key < self.next_key - self.capacity:
                del self.rows[key]
        return keys

    def update(self, pairs: list[tuple[int, float]]) -> tuple[int, int]:
        last = dict(pairs)
        for key in last.keys() & self.rows.keys():
            self.rows[key].priority = last[key]
            self.highest = max(self.highest, last[key])
        found = sum(key in self.rows for key, _ in pairs)
        return found, len(pairs) - found

    def would_be_barren(self, pairs: list[tuple[int, float]]) -> bool:
        after = {key: row.priority for key, row in self.rows.items()} | {
            key: priority for key, priority in pairs if key in self.rows
        }
        return all(self.mass(Row(priority, 0)) == 0.0 for priority in after.values())

    def weights(self, keys: list[int], beta: float, normalize: str) -> list[float]:
        total = math.fsum(map(self.mass, self.rows.values()))

        def raw(key: int) -> float:
            return float((len(self.rows) * self.mass(self.rows[key]) / total) ** -beta)

        over = keys if normalize == "batch" else [k for k, r in self.rows.items() if self.mass(r)]
        return [raw(key) / max(map(raw, over)) for key in keys]
