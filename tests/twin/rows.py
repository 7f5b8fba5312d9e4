"""Rows of the twin, and what is drawn of them: plain lists, written from docs/protocol.md alone."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

FLAGS = ("is_first", "is_last", "is_terminal")


@dataclass
class Row:
    """A row; for a step also what it continues and how far its known episode has come."""

    key: int
    ordinal: int
    values: dict[str, Any]
    priority: float
    times_sampled: int = 0
    spent: bool = False  # its item was drawn as often as it may be
    stream: Hashable = None
    before: int | None = None
    position: int = 0

    @property
    def is_first(self) -> bool:
        return bool(self.values["is_first"])

    @property
    def is_last(self) -> bool:
        return bool(self.values["is_last"])


def value_of(name: str, column: dict[str, Any], x: float, reward: float, flags: Any) -> Any:
    """What a row of number x holds in a column."""
    if name in FLAGS:
        return np.bool_(flags[FLAGS.index(name)])
    dtype, shape = np.dtype(column["dtype"]), tuple(column["shape"])
    if name == "reward":
        return dtype.type(reward)
    salt = sum(map(ord, name)) % 7
    numbers = x + salt + np.arange(int(np.prod(shape)))
    if dtype == np.bool_:
        return (numbers % 2 == 0).reshape(shape)
    return (numbers % 120).astype(dtype).reshape(shape)


class Windows:
    """Which steps are items, and what a draw of one gives."""

    def __init__(self, items: dict[str, Any], columns: dict[str, Any] | None) -> None:
        self.items, self.columns = items, columns
        self.kind = items["kind"]

    def past(self, rows: dict[int, Row], row: Row, count: int) -> list[Row] | None:
        """A step and up to `count` before it, oldest first; None where one is missing."""
        steps = [row]
        while len(steps) <= count and not steps[0].is_first:
            before = rows.get(-1 if steps[0].before is None else steps[0].before)
            if before is None:
                return None
            steps.insert(0, before)
        return steps

    def window(self, rows: dict[int, Row], start: Row) -> list[Row] | None:
        """A step and those after it that its item needs; None where it is no item."""
        if self.kind == "row":
            return [start]
        if start.is_last:
            return None
        if self.kind == "transition":
            if self.past(rows, start, self.items["frame_stack"] - 1) is None:
                return None
            most, shorter = self.items["n_step"] + 1, True
        else:
            if start.position % self.items["period"]:
                return None
            most, shorter = self.items["length"], self.items["pad"]
        steps = [start]
        while len(steps) < most:
            if steps[-1].is_last:
                return steps if shorter else None
            after = [row for row in rows.values() if row.before == steps[-1].key]
            if not after:
                return None
            steps += after
        return steps

    def content(self, rows: dict[int, Row], start: Row) -> dict[str, Any]:
        """What a draw of the item of a step gives in the stacked layout, column by column."""
        window = self.window(rows, start)
        assert window is not None
        if self.kind == "row":
            return start.values
        if self.kind == "sequence":
            return self._sequence(window)
        return self._transition(rows, window)

    def _transition(self, rows: dict[int, Row], window: list[Row]) -> dict[str, Any]:
        start, end, discount = window[0], window[-1], float(self.items["discount"])
        steps = window[:-1]
        reward = sum(discount**j * float(row.values["reward"]) for j, row in enumerate(steps))
        drawn = dict(start.values)
        drawn["reward"] = np.float64(reward).astype(start.values["reward"].dtype)
        ends = bool(end.values["is_terminal"])
        drawn["discount"] = np.float32(0.0 if ends else discount ** len(steps))
        for name in start.values:
            if name.split("/")[0] == "observation":
                drawn[name] = self._stack(rows, start, name)
                drawn[f"next_{name}"] = self._stack(rows, end, name)
        return drawn

    def _stack(self, rows: dict[int, Row], row: Row, name: str) -> Any:
        frames = self.items["frame_stack"]
        if frames == 1:
            return row.values[name]
        steps = self.past(rows, row, frames - 1)
        assert steps is not None
        values = [step.values[name] for step in steps]
        return np.stack([values[0]] * (frames - len(values)) + values)

    def _sequence(self, window: list[Row]) -> dict[str, Any]:
        length = self.items["length"]
        drawn = {}
        for name, value in window[0].values.items():
            places = np.zeros((length, *np.shape(value)), np.asarray(value).dtype)
            places[: len(window)] = [row.values[name] for row in window]
            drawn[name] = places
        drawn["mask"] = np.arange(length) < len(window)
        return drawn
