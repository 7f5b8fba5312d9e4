"""StepWriter: what Gymnasium's `step` gives, made into correct rows of a table of steps.

    with RowWriter(client, "experience") as rows:
        steps = StepWriter(rows)
        observation, _ = environment.reset()
        steps.begin(observation)
        while ...:
            action = policy(observation)
            observation, reward, terminated, truncated, info = environment.step(action)
            steps.append(action, observation, reward, terminated, truncated, info)
            if terminated or truncated:
                observation, _ = environment.reset()
                steps.begin(observation)

A vector environment's steps go the same way, whole; `agent_client.step_tables` makes the table's
spec from the environment's spaces.
"""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agent_client.errors import StepOrderError
from agent_client.writer.autoreset import Autoreset, final_observations, values_at
from agent_client.writer.step_stream import RowSink, StepStream, named_parts

__all__ = ["StepWriter"]


class StepWriter:
    """Makes rows of one environment's steps, or of N environments', one stream for each.

    For one thread. It sends nothing itself: the rows go to a `RowWriter`, whose thread sends them,
    so no call waits for the network but when that has as many rows in line as it may have. A step's
    row goes out with the step after it, for only then it is known what came of its action.
    """

    def __init__(
        self,
        rows: RowSink,
        environments: int | None = None,
        *,
        autoreset: Autoreset | Any = Autoreset.NEXT_STEP,
    ) -> None:
        """Make a writer with no episode open.

        Args:
            rows: a `RowWriter` of a table of steps, all its own; kept, not closed.
            environments: N; None stands for one environment that is no vector environment, whose
                values have no leading axis.
            autoreset: of a vector environment; Gymnasium's `AutoresetMode` does as well. One
                environment alone never resets itself.

        Raises:
            ValueError: N is less than 1, or there is no such mode.
        """
        if environments is not None and environments < 1:
            raise ValueError(f"expected at least 1 environment, got {environments}")
        self._rows = rows
        self._environments = environments
        self._autoreset = Autoreset(getattr(autoreset, "value", autoreset))
        self._streams = [StepStream(rows, number) for number in range(environments or 1)]
        self._resets_next = np.zeros(environments or 1, np.bool_)

    @classmethod
    def for_environment(cls, rows: RowSink, environment: Any) -> Self:
        """Return a writer for a Gymnasium environment, by its `num_envs` and autoreset mode."""
        count: int | None = getattr(environment, "num_envs", None)
        metadata = getattr(environment, "metadata", None) or {}
        return cls(rows, count, autoreset=metadata.get("autoreset_mode", Autoreset.NEXT_STEP))

    def begin(self, observation: Any, mask: ArrayLike | None = None) -> None:
        """Begin episodes with what `reset` gave. Those still open are abandoned where they stand.

        Args:
            observation: an array, or a map of arrays (at any depth); of N environments, with a
                leading axis N. Copied.
            mask: [N] bool, the environments that were reset; None means all.

        Raises:
            ValueError: not of N environments.
        """
        parts = named_parts("observation", observation)
        if self._environments is None:
            if mask is not None:
                raise ValueError("one environment alone has no mask")
            self._streams[0].begin(parts)
            return
        self._require_length(parts)
        begun = np.ones(self._environments, np.bool_) if mask is None else self._flags("mask", mask)
        for place in np.flatnonzero(begun).tolist():
            self._streams[place].begin(values_at(parts, place))
        self._resets_next &= ~begun

    def append(
        self,
        action: Any,
        observation: Any,
        reward: Any,
        terminated: Any,
        truncated: Any,
        info: Mapping[str, Any] | None = None,
        priority: ArrayLike | None = None,
        *,
        further: Mapping[str, Any] | None = None,
    ) -> None:
        """Take a step; all values are copied. Of N environments each has a leading axis N.

        Args:
            action: what was given to `step`; an array, a number, or a map of them.
            observation: what it gave, as in `begin`.
            reward: a number, or [N].
            terminated: a bool, or [N].
            truncated: a bool, or [N].
            info: needed in mode SAME_STEP alone, for its `final_obs`.
            priority: raw, finite and >= 0, or [N] of them; None takes the table's highest so far.
            further: the table's columns beyond those of every table of steps, such as the
                probability of the action.

        Raises:
            StepOrderError: an environment's episode has not begun, or has ended.
            ColumnMismatchError: a value does not fit the table. Of N environments those before it
                have had their steps taken: begin anew.
            ValueError: not of N environments, or a priority is negative or not finite.
            WriterTimeoutError: the writer of rows had no room in time; no step was taken.
            WriterFailedError, WriterClosedError: it takes no more rows; no step was taken.
        """
        done = {**named_parts("action", action), "reward": reward}
        for name, value in (further or {}).items():
            done |= named_parts(name, value)
        parts = named_parts("observation", observation)
        if self._environments is None:
            self._append_one(done, parts, terminated, truncated, priority)
        else:
            self._append_all(done, parts, terminated, truncated, info, priority)

    def flush(self) -> None:
        """Return when the server has every row; the last step of an open episode is none yet.

        Raises:
            WriterFailedError: the server refused rows, or stayed away too long.
        """
        self._rows.flush()

    def _append_one(
        self,
        done: dict[str, Any],
        observation: dict[str, Any],
        terminated: Any,
        truncated: Any,
        priority: Any,
    ) -> None:
        (stream,) = self._streams
        if not stream.is_open:
            raise StepOrderError()
        if np.ndim(terminated) or np.ndim(truncated):
            raise ValueError(
                "expected the step of one environment, got arrays of terminated and truncated; a "
                "vector environment's writer is told how many environments there are"
            )
        self._rows.wait_for_room(1 + bool(terminated or truncated))
        stream.step(
            done,
            observation,
            terminated=bool(terminated),
            truncated=bool(truncated),
            priority=priority,
        )

    def _append_all(
        self,
        done: dict[str, Any],
        observation: dict[str, Any],
        terminated: Any,
        truncated: Any,
        info: Mapping[str, Any] | None,
        priority: ArrayLike | None,
    ) -> None:
        ends = self._flags("terminated", terminated)
        is_over = ends | self._flags("truncated", truncated)
        self._require_length({**done, **observation})
        priorities = None if priority is None else np.asarray(priority, np.float64)
        if priorities is not None:
            self._require_length({"priority": priorities})
        resets = self._resets_next
        closed = [n for n, stream in enumerate(self._streams) if not (stream.is_open or resets[n])]
        if closed:
            raise StepOrderError(closed)
        final = final_observations(
            info, np.flatnonzero(is_over & ~resets).tolist(), self._autoreset
        )
        # So that none of the rows finds the line full after others have been taken.
        self._rows.wait_for_room(len(self._streams) + int(np.count_nonzero(is_over & ~resets)))
        self._resets_next = np.zeros_like(resets)
        for place, stream in enumerate(self._streams):
            if resets[place]:
                stream.begin(values_at(observation, place))
                continue
            stream.step(
                values_at(done, place),
                final.get(place) or values_at(observation, place),
                terminated=bool(ends[place]),
                truncated=bool(is_over[place]),
                priority=None if priorities is None else float(priorities[place]),
            )
            if not is_over[place]:
                continue
            if self._autoreset is Autoreset.SAME_STEP:
                stream.begin(values_at(observation, place))
            elif self._autoreset is Autoreset.NEXT_STEP:
                self._resets_next[place] = True

    def _flags(self, name: str, values: ArrayLike) -> NDArray[np.bool_]:
        flags = np.asarray(values)
        if flags.dtype != np.bool_ or flags.shape != (self._environments,):
            raise ValueError(
                f"expected {name} as [{self._environments}] bool, "
                f"got {list(flags.shape)} {flags.dtype}"
            )
        return flags

    def _require_length(self, parts: Mapping[str, Any]) -> None:
        for name, value in parts.items():
            shape = np.shape(value)
            if not shape or shape[0] != self._environments:
                raise ValueError(
                    f"expected {name} of {self._environments} environments, got {list(shape)}"
                )
