"""The steps of one environment made into rows: the RLDS alignment (docs/protocol.md, section 6).

A row holds an observation with what was done at it and what came of it, so it is complete one step
after its observation; an episode's final observation is a row of its own, with `is_last`.
"""

import copy
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

__all__ = ["RowSink", "StepStream", "named_parts"]


class RowSink(Protocol):
    """What takes the rows: `agent_client.writer.RowWriter`."""

    def append(
        self, row: Mapping[str, Any], priority: float | None = None, stream: int = 0
    ) -> None:
        """Take a row; copies its values and returns at once."""

    def wait_for_room(self, rows: int) -> None:
        """Return when `append` will take so many rows without waiting."""

    def flush(self) -> None:
        """Return when every row is with the server."""


class StepStream:
    """One environment, episode after episode.

    Attributes:
        is_open: whether an episode is under way.
    """

    __slots__ = ("_is_first", "_number", "_observation", "_rows", "is_open")

    def __init__(self, rows: RowSink, number: int) -> None:
        """Make a stream with no episode yet.

        Args:
            rows: where to.
            number: of the stream among its writer's.
        """
        self.is_open = False
        self._rows = rows
        self._number = number
        self._observation: dict[str, Any] = {}
        self._is_first = False

    def begin(self, observation: Mapping[str, Any]) -> None:
        """Begin an episode; one that is still open is abandoned.

        Args:
            observation: the first one, by column; copied.
        """
        self._observation = {name: _own(value) for name, value in observation.items()}
        self._is_first = True
        self.is_open = True

    def step(
        self,
        done: Mapping[str, Any],
        observation: Mapping[str, Any],
        *,
        terminated: bool,
        truncated: bool,
        priority: float | None,
    ) -> None:
        """Send the row of the observation before, and at the end that of the final one.

        Args:
            done: action, reward and further columns of this step.
            observation: what came after, by column; copied.
            terminated: whether that is terminal.
            truncated: whether the episode was cut off there.
            priority: of the step; None takes the table's highest so far.

        Raises:
            ColumnMismatchError: a value does not fit the table. The step was not taken; where it is
                the final observation that does not fit, the episode is left without its end.
            ValueError: the priority is negative or not finite; the step was not taken.
        """
        row = {
            **self._observation,
            **done,
            "is_first": self._is_first,
            "is_last": False,
            "is_terminal": False,
        }
        self._rows.append(row, priority, self._number)
        self._is_first = False
        if not (terminated or truncated):
            self._observation = {name: _own(value) for name, value in observation.items()}
            return
        self.is_open = False
        final = {
            **observation,
            **{name: _nothing(value) for name, value in done.items()},
            "is_first": False,
            "is_last": True,
            "is_terminal": terminated,
        }
        self._rows.append(final, priority, self._number)


def named_parts(name: str, value: Any) -> dict[str, Any]:
    """Return a value by the columns that hold it: `{"x": ...}` as `observation` is `observation/x`.

    Args:
        name: of the whole.
        value: anything; maps are taken apart, at every depth.
    """
    if not isinstance(value, Mapping):
        return {name: value}
    return {
        column: part
        for key, inner in value.items()
        for column, part in named_parts(f"{name}/{key}", inner).items()
    }


def _own(value: Any) -> Any:
    """Return a value that stays as it is when the environment reuses its array."""
    return value.copy() if isinstance(value, np.ndarray) else copy.deepcopy(value)


def _nothing(value: Any) -> Any:
    """Return zeros in the form of a value."""
    zeros = np.zeros_like(np.asarray(value))
    return zeros if hasattr(value, "__array__") else zeros.tolist()
