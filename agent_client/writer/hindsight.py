"""HindsightWriter: transitions with goals, each stored again for goals that were reached.

    with RowWriter(client, "experience", create=goal_table_spec(...)) as rows:
        steps = HindsightWriter.for_environment(rows, environment)
        observation, _ = environment.reset()
        steps.begin(observation)
        while ...:
            observation, reward, terminated, truncated, info = environment.step(action)
            steps.append(action, observation, reward, terminated, truncated, info)

Source: Andrychowicz et al., Hindsight Experience Replay (arXiv 1707.01495).
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, TypeAlias

import numpy as np

from agent_client.errors import StepOrderError
from agent_client.writer.step_stream import RowSink, named_parts

__all__ = ["HindsightWriter", "Strategy"]

Strategy: TypeAlias = Literal["final", "future", "episode"]
_STRATEGIES: Final = ("final", "future", "episode")
_ACHIEVED: Final = "achieved_goal"
_DESIRED: Final = "desired_goal"


@dataclass(frozen=True, slots=True)
class _Transition:
    observation: Mapping[str, Any]
    action: Any
    reward: float
    terminated: bool
    following: Mapping[str, Any]
    info: Mapping[str, Any]


class HindsightWriter:
    """Makes rows of one environment's steps: as they were, and relabelled.

    A row has `observation/...`, `action`, `reward`, `discount` (0 after termination) and
    `next_observation/...`; `agent_client.step_tables.goal_table_spec` makes the spec. Rows of an
    episode go out when it ends, or when `begin` leaves it. For one thread; a vector environment
    takes a writer for each of its environments, all over one `RowWriter`.
    """

    def __init__(
        self,
        rows: RowSink,
        compute_reward: Callable[[Any, Any, Any], Any],
        *,
        compute_terminated: Callable[[Any, Any, Any], Any] | None = None,
        strategy: Strategy = "future",
        goals: int = 4,
        discount: float = 0.99,
        seed: int | None = None,
    ) -> None:
        """Make a writer with no episode open.

        Args:
            rows: a `RowWriter` of a table of rows; kept, not closed.
            compute_reward: the reward of (achieved goal after the step, desired goal, info).
            compute_terminated: likewise, whether the episode would have ended there; None leaves
                that as it was.
            strategy: which of the goals that an episode reached stand in for the one desired:
                its `final` one; those reached by a step or after it (`future`); any (`episode`).
            goals: of them for each step, drawn with replacement (`final` knows but one); with 0
                steps are stored as they were, and nothing else.
            discount: what a reward is worth one step later.
            seed: of the choice of goals.

        Raises:
            ValueError: there is no such strategy, or `goals` is negative.
        """
        if strategy not in _STRATEGIES or goals < 0:
            raise ValueError(
                f"expected one of {', '.join(_STRATEGIES)} and at least 0 goals, "
                f"got {strategy!r} and {goals}"
            )
        self._rows = rows
        self._compute_reward = compute_reward
        self._compute_terminated = compute_terminated
        self._strategy = strategy
        self._goals = goals
        self._discount = discount
        self._rng = np.random.default_rng(seed)
        self._observation: Mapping[str, Any] | None = None
        self._episode: list[_Transition] = []

    @classmethod
    def for_environment(cls, rows: RowSink, environment: Any, **options: Any) -> Self:
        """Return a writer that asks the environment for rewards, and for ends where it tells them.

        Args:
            rows: as above.
            environment: with `compute_reward`, and perhaps `compute_terminated`, as environments
                with goals have them.
            options: as above.

        Raises:
            ValueError: it does not compute rewards.
        """
        inner = environment.unwrapped
        if not hasattr(inner, "compute_reward"):
            raise ValueError(f"{inner} has no compute_reward(achieved_goal, desired_goal, info)")
        options.setdefault("compute_terminated", getattr(inner, "compute_terminated", None))
        return cls(rows, inner.compute_reward, **options)

    def begin(self, observation: Mapping[str, Any]) -> None:
        """Begin an episode; one still open is left, and its rows go out as if it ended there.

        Args:
            observation: a map with `achieved_goal` and `desired_goal` among its parts. Copied.

        Raises:
            ValueError: it has them not.
        """
        if not isinstance(observation, Mapping) or not {_ACHIEVED, _DESIRED} <= observation.keys():
            raise ValueError(f"expected an observation with {_ACHIEVED} and {_DESIRED}")
        self._send_episode()
        self._observation = copy.deepcopy(dict(observation))

    def append(
        self,
        action: Any,
        observation: Mapping[str, Any],
        reward: Any,
        terminated: Any,
        truncated: Any,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        """Take a step; all values are copied.

        Args:
            action: what was given to `step`.
            observation: what it gave.
            reward: a number.
            terminated: a bool.
            truncated: a bool.
            info: handed to `compute_reward`.

        Raises:
            StepOrderError: the episode has not begun, or has ended.
            ColumnMismatchError: at its end, values of the episode do not fit the table.
        """
        if self._observation is None:
            raise StepOrderError()
        following = copy.deepcopy(dict(observation))
        self._episode.append(
            _Transition(
                self._observation,
                copy.deepcopy(action),
                float(reward),
                bool(terminated),
                following,
                dict(info or {}),
            )
        )
        self._observation = following
        if terminated or truncated:
            self._observation = None
            self._send_episode()

    def flush(self) -> None:
        """Return when the server has every row; those of an episode still open are none yet."""
        self._rows.flush()

    def _send_episode(self) -> None:
        episode, self._episode = self._episode, []
        for place, step in enumerate(episode):
            self._send(step, step.observation[_DESIRED], step.reward, step.terminated)
            for stand_in in self._stand_ins(place, len(episode)):
                goal = episode[stand_in].following[_ACHIEVED]
                achieved = step.following[_ACHIEVED]
                is_end = step.terminated
                if self._compute_terminated is not None:
                    is_end = bool(self._compute_terminated(achieved, goal, step.info))
                reward = float(self._compute_reward(achieved, goal, step.info))
                self._send(step, goal, reward, is_end)

    def _stand_ins(self, place: int, length: int) -> list[int]:
        """Return the steps whose achieved goals stand in for that of the step at `place`."""
        if self._strategy == "final":
            return [length - 1] * min(1, self._goals)
        first = place if self._strategy == "future" else 0
        chosen: list[int] = self._rng.integers(first, length, self._goals).tolist()
        return chosen

    def _send(self, step: _Transition, goal: Any, reward: float, terminated: bool) -> None:
        self._rows.append(
            {
                **named_parts("observation", {**step.observation, _DESIRED: goal}),
                **named_parts("action", step.action),
                "reward": reward,
                "discount": 0.0 if terminated else self._discount,
                **named_parts("next_observation", {**step.following, _DESIRED: goal}),
            }
        )
