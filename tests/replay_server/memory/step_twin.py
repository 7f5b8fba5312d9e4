"""A slow, obvious twin of a table of steps: windows are reckoned anew from plain rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class Step:
    key: int
    value: float
    is_first: bool
    is_last: bool
    is_terminal: bool
    before: int | None
    position: int
    whole: bool
    after: int | None = None


class StepTwin:
    """Rows by key. `history`, `future`, `period` and `shorter` say what an item needs."""

    def __init__(
        self, capacity: int, history: int, future: int, period: int = 1, shorter: bool = True
    ) -> None:
        self.capacity = capacity
        self.history, self.future, self.period, self.shorter = history, future, period, shorter
        self.rows: dict[int, Step] = {}
        self.open_ends: dict[Any, int] = {}
        self.next_key = 0

    def insert(self, stream: Any, value: float, first: bool, last: bool, terminal: bool) -> int:
        key = self.next_key
        self.next_key += 1
        self.rows.pop(key - self.capacity, None)
        previous = None if first else self.rows.get(self.open_ends.get(stream, -1))
        self.rows[key] = Step(
            key,
            value,
            first,
            last,
            terminal,
            None if previous is None else previous.key,
            0 if previous is None else previous.position + 1,
            first if previous is None else previous.whole,
        )
        if previous is not None:
            previous.after = key
        self.open_ends[stream] = -1 if last else key
        return key

    def delete(self, key: int) -> bool:
        return self.rows.pop(key, None) is not None

    def reset(self) -> None:
        self.rows.clear()
        self.open_ends.clear()

    def past(self, key: int, count: int) -> list[Step] | None:
        """The step and up to `count` before it, oldest first; None where one is missing."""
        steps = [self.rows[key]]
        while len(steps) <= count and (steps[0].position or not steps[0].whole):
            before = steps[0].before
            if before is None or before not in self.rows:
                return None
            steps.insert(0, self.rows[before])
        return steps

    def window(self, key: int) -> list[Step] | None:
        """The step and those after it that its item needs; None where there is no item."""
        start = self.rows.get(key)
        if start is None or start.is_last or start.position % self.period:
            return None
        if self.past(key, self.history) is None:
            return None
        steps = [start]
        while len(steps) <= self.future:
            if steps[-1].is_last:
                return steps if self.shorter else None
            after = steps[-1].after
            if after is None or after not in self.rows:
                return None
            steps.append(self.rows[after])
        return steps

    def items(self) -> set[int]:
        return {key for key in self.rows if self.window(key) is not None}

    def stack(self, key: int) -> list[float]:
        """The values of a frame stack that ends at a step, the episode's first repeated."""
        steps = self.past(key, self.history)
        assert steps is not None
        values = [step.value for step in steps]
        return [values[0]] * (self.history + 1 - len(values)) + values
