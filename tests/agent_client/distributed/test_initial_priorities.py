"""Priorities from the actor's own values, against the definition, step by step."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from agent_client.distributed.initial_priorities import (
    ActedStep,
    PrioritizedSteps,
    UnprioritizedSteps,
)

DISCOUNT = 0.9
REWARDS = [1.0, -2.0, 4.0, 0.5, 3.0]
VALUES = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
"""V at each observation, and Q of the action taken there less 1."""


@dataclass
class Taken:
    """What a writer of steps was given."""

    begun: list[Any] = field(default_factory=list)
    steps: list[tuple[Any, Any, float, bool, bool]] = field(default_factory=list)
    priorities: list[float | None] = field(default_factory=list)

    def begin(self, observation: Any) -> None:
        self.begun.append(observation)

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
        self.steps.append((action, observation, reward, terminated, truncated))
        self.priorities.append(priority)


def play(n_step: int, *, terminated: bool = False, truncated: bool = False) -> Taken:
    """Hand five steps to a writer; the last one may end the episode."""
    taken = Taken()
    steps = PrioritizedSteps(taken, n_step=n_step, discount=DISCOUNT, epsilon_priority=0.25)
    steps.begin("o0")
    for t, reward in enumerate(REWARDS):
        is_last = t == len(REWARDS) - 1
        steps.append(
            ActedStep(
                action=t,
                observation=f"o{t + 1}",
                reward=reward,
                terminated=terminated and is_last,
                truncated=truncated and is_last,
                value=VALUES[t] - 1.0,
                next_value=VALUES[t + 1],
            )
        )
    return taken


def expected(t: int, n_step: int, *, terminated: bool) -> float:
    """Return |n-step TD error| + epsilon of step t by its definition."""
    end = min(t + n_step, len(REWARDS))
    target = sum(DISCOUNT ** (i - t) * REWARDS[i] for i in range(t, end))
    if not (terminated and end == len(REWARDS)):
        target += DISCOUNT ** (end - t) * VALUES[end]
    return abs(target - (VALUES[t] - 1.0)) + 0.25


@pytest.mark.parametrize("n_step", [1, 2, 3, 7])
@pytest.mark.parametrize("terminated", [True, False], ids=["terminated", "truncated"])
def test_every_step_of_an_episode_has_its_own_error(n_step: int, terminated: bool) -> None:
    taken = play(n_step, terminated=terminated, truncated=not terminated)

    assert taken.priorities == pytest.approx(
        [expected(t, n_step, terminated=terminated) for t in range(5)]
    )


@pytest.mark.parametrize("n_step", [1, 3])
def test_steps_arrive_whole_and_in_order_and_only_the_last_one_ends_the_episode(
    n_step: int,
) -> None:
    taken = play(n_step, terminated=True)

    assert taken.begun == ["o0"]
    assert taken.steps == [
        (t, f"o{t + 1}", reward, t == 4, False) for t, reward in enumerate(REWARDS)
    ]


@pytest.mark.parametrize(("n_step", "known"), [(1, 5), (3, 3), (7, 0)])
def test_while_the_episode_goes_on_steps_wait_for_what_comes_of_them(
    n_step: int, known: int
) -> None:
    taken = play(n_step)

    assert taken.priorities == pytest.approx(
        [expected(t, n_step, terminated=False) for t in range(known)]
    )


def test_a_new_episode_has_nothing_of_one_that_was_left() -> None:
    taken = Taken()
    steps = PrioritizedSteps(taken, n_step=2, discount=0.5, epsilon_priority=0.0)
    steps.begin("a0")
    steps.append(ActedStep(0, "a1", 100.0, False, False, value=0.0, next_value=0.0))

    steps.begin("b0")
    steps.append(ActedStep(1, "b1", 1.0, False, False, value=0.0, next_value=0.0))
    steps.append(ActedStep(2, "b2", 1.0, True, False, value=0.0, next_value=9.0))

    assert [step[0] for step in taken.steps] == [1, 2]
    assert taken.priorities == [1.5, 1.0]


def test_an_observation_that_the_environment_reuses_stays_what_it_was() -> None:
    taken = Taken()
    steps = PrioritizedSteps(taken, n_step=2, discount=1.0, epsilon_priority=0.0)
    observation = np.zeros(2)
    steps.begin(observation)
    for t in range(3):
        observation += 1.0
        steps.append(ActedStep(t, observation, 0.0, t == 2, False, value=0.0, next_value=0.0))

    assert [step[1].tolist() for step in taken.steps] == [[1, 1], [2, 2], [3, 3]]


def test_rewards_are_clipped_before_they_count() -> None:
    taken = Taken()
    steps = PrioritizedSteps(taken, n_step=2, discount=0.5, epsilon_priority=0.25, reward_limit=1.0)
    steps.begin("o0")
    for reward in (-2.0, 4.0):
        steps.append(ActedStep(0, "o", reward, False, False, value=3.0, next_value=8.0))

    # -1 + 0.5 * 1 + 0.25 * 8 - 3 = -1.5
    assert taken.steps[0][2] == -1.0
    assert taken.priorities == [pytest.approx(1.75)]


def test_without_values_steps_are_handed_on_at_once_and_bear_no_priority() -> None:
    taken = Taken()
    steps = UnprioritizedSteps(taken, reward_limit=2.0)

    steps.begin("o0")
    steps.append(ActedStep(4, "o1", 9.0, False, True, value=0.0, next_value=0.0))

    assert taken.begun == ["o0"]
    assert taken.steps == [(4, "o1", 2.0, False, True)]
    assert taken.priorities == [None]
