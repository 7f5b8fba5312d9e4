"""Priorities that the actor knows better than the table: what it was wrong by, n steps later.

Without them a new transition gets the table's highest priority, however dull it is, and a learner
that many actors feed does little but find that out (Horgan et al. 2018, section 3).
"""

from collections import deque
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Protocol

from agent_client.learning.rewards import limited

__all__ = [
    "ActedStep",
    "ActedSteps",
    "PrioritizedSteps",
    "StepSink",
    "UnprioritizedSteps",
    "n_step_error",
]


class StepSink(Protocol):
    """What takes the steps: `agent_client.writer.StepWriter`."""

    def begin(self, observation: Any) -> None:
        """Begin an episode with its first observation."""

    def append(
        self,
        action: Any,
        observation: Any,
        reward: Any,
        terminated: Any,
        truncated: Any,
        info: None = None,
        priority: float | None = None,
    ) -> None:
        """Take one step, with the observation that came of it and its priority."""


@dataclass(frozen=True, slots=True)
class ActedStep:
    """A step and what the network thought of it.

    Attributes:
        action: taken.
        observation: that came of it.
        reward: alike.
        terminated: whether the observation is terminal.
        truncated: whether the episode was cut off there.
        value: Q of the action where it was taken.
        next_value: the highest Q at the observation; does not count where it is terminal.
    """

    action: Any
    observation: Any
    reward: float
    terminated: bool
    truncated: bool
    value: float
    next_value: float


class ActedSteps(Protocol):
    """What an actor hands its steps to."""

    @property
    def most_rows(self) -> int:
        """The rows that one step can bring along, at an episode's end."""

    def begin(self, observation: Any) -> None:
        """Begin an episode."""

    def append(self, step: ActedStep) -> None:
        """Take a step; its observation is copied where it is kept."""


class UnprioritizedSteps:
    """Hands steps on as they come: new transitions get the table's highest priority so far."""

    most_rows = 2
    """A step, and at an episode's end the final observation."""

    def __init__(self, steps: StepSink, *, reward_limit: float = 0.0) -> None:
        """Hand steps on; arguments as of `PrioritizedSteps`."""
        self._steps = steps
        self._reward_limit = reward_limit

    def begin(self, observation: Any) -> None:
        """Begin an episode."""
        self._steps.begin(observation)

    def append(self, step: ActedStep) -> None:
        """Hand a step on; the values tell nothing."""
        told = limited(step.reward, self._reward_limit)
        self._steps.append(step.action, step.observation, told, step.terminated, step.truncated)


def n_step_error(rewards: list[float], discount: float, value: float, last_value: float) -> float:
    """Return `r_0 + d r_1 + ... + d^m V - Q`, the TD error of m steps.

    Args:
        rewards: of the m steps, m >= 1.
        discount: what a reward is worth one step later.
        value: Q, of the first step's action where it was taken.
        last_value: V, the highest value after the last step; 0 after termination.
    """
    target = last_value
    for reward in reversed(rewards):
        target = reward + discount * target
    return target - value


class PrioritizedSteps:
    """Hands steps on with priorities, each as soon as its n-step TD error is known.

    That is n - 1 steps later than without, or at the episode's end. The values are those that the
    actor has to compute for acting anyway, of its network of then.
    """

    def __init__(
        self,
        steps: StepSink,
        *,
        n_step: int,
        discount: float,
        epsilon_priority: float,
        reward_limit: float = 0.0,
    ) -> None:
        """Make priorities as the learner will.

        Args:
            steps: takes the steps.
            n_step: of the table's transitions.
            discount: of the table's transitions.
            epsilon_priority: added to the absolute error.
            reward_limit: to which rewards are clipped before they are handed on; 0 is none.
        """
        self._steps = steps
        self._n_step = n_step
        self._discount = discount
        self._epsilon_priority = epsilon_priority
        self._reward_limit = reward_limit
        self._waiting: deque[ActedStep] = deque()

    @property
    def most_rows(self) -> int:
        """The rows that one step can bring along, at an episode's end."""
        return self._n_step + 1

    def begin(self, observation: Any) -> None:
        """Begin an episode; steps of one that has not ended are not handed on any more."""
        self._waiting.clear()
        self._steps.begin(observation)

    def append(self, step: ActedStep) -> None:
        """Take a step, and hand on what can be: at most one step, or at the end all."""
        told = limited(step.reward, self._reward_limit)
        kept = replace(step, observation=deepcopy(step.observation), reward=told)
        self._waiting.append(kept)
        last_value = 0.0 if step.terminated else step.next_value
        if step.terminated or step.truncated:
            while self._waiting:
                self._hand_on(last_value)
        elif len(self._waiting) == self._n_step:
            self._hand_on(last_value)

    def _hand_on(self, last_value: float) -> None:
        """Hand on the oldest step; `last_value` is what comes after the newest."""
        rewards = [step.reward for step in self._waiting]
        step = self._waiting.popleft()
        error = n_step_error(rewards, self._discount, step.value, last_value)
        self._steps.append(
            step.action,
            step.observation,
            step.reward,
            step.terminated,
            step.truncated,
            priority=abs(error) + self._epsilon_priority,
        )
