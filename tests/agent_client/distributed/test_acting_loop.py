"""The acting loop on a corridor, with a memory in this process."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from agent_client.distributed.acting_loop import ActingEnd, ActingLoop
from agent_client.distributed.initial_priorities import PrioritizedSteps
from agent_client.errors import UnsentRows, WriterTimeoutError
from tests.agent_client.distributed.test_initial_priorities import Taken
from tests.agent_client.fakes import Corridor


def onward(observation: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values that prefer action 1, and tell the place."""
    return np.array([0.0, 1.0 + float(observation[0])], np.float32)


@dataclass
class Room:
    """Has no room for the first so many times that it is asked."""

    refusals: int = 0
    asked_for: list[int] = field(default_factory=list)

    def wait_for_room(self, rows: int) -> None:
        self.asked_for.append(rows)
        if len(self.asked_for) <= self.refusals:
            raise WriterTimeoutError(UnsentRows("t", "w", 0, 1, None, 0), "no room")


@dataclass
class Heard:
    """Keeps what a loop tells its observers."""

    episodes: list[tuple[float, int]] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)

    def on_step(self, loop: ActingLoop) -> None:
        self.steps.append(loop.step)

    def on_episode(self, loop: ActingLoop, episode_return: float, length: int) -> None:
        self.episodes.append((episode_return, length))


def loop_of(
    taken: Taken,
    *,
    epsilon: float = 0.0,
    limit: int | None = 9,
    room: Room | None = None,
    refresh: Callable[[], ActingEnd | None] = lambda: None,
    heard: Heard | None = None,
    environment: Corridor | None = None,
) -> ActingLoop:
    return ActingLoop(
        environment=environment or Corridor(goal=3, time_limit=5),
        values=onward,
        epsilon=epsilon,
        generator=np.random.default_rng(0),
        steps=PrioritizedSteps(taken, n_step=1, discount=0.5, epsilon_priority=0.0),
        room=room or Room(),
        refresh=refresh,
        seed=3,
        limit=limit,
        observers=(heard or Heard(),),
    )


def test_without_exploration_the_action_of_highest_value_is_taken() -> None:
    taken, heard = Taken(), Heard()

    end = loop_of(taken, heard=heard).run()

    assert end is ActingEnd.OUT_OF_STEPS
    assert [step[0] for step in taken.steps] == [1] * 9
    assert heard.episodes == [(-3.0, 3)] * 3
    assert heard.steps == list(range(1, 10))


def test_each_step_bears_the_error_of_the_values_that_were_acted_by() -> None:
    taken = Taken()

    loop_of(taken, limit=3).run()

    # |-1 + 0.5 V(next) - Q(here, 1)| with Q(here, 1) = V(here) = 1 + place; terminal at place 3
    assert taken.priorities == [abs(-1 + 0.5 * 2 - 1), abs(-1 + 0.5 * 3 - 2), abs(-1 - 3)]


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 1.0])
def test_so_many_actions_are_random_as_epsilon_says(epsilon: float) -> None:
    taken = Taken()

    loop_of(taken, epsilon=epsilon, limit=4_000).run()

    share = np.mean([step[0] == 0 for step in taken.steps])
    assert share == pytest.approx(epsilon / 2, abs=0.03)  # over 3.7 standard errors


def test_no_step_is_taken_before_there_is_room_for_an_episodes_end() -> None:
    taken, room = Taken(), Room(refusals=5)
    loop = loop_of(taken, room=room, limit=2)

    loop.run()

    assert room.asked_for == [2] * 7
    assert len(taken.steps) == 2


@pytest.mark.parametrize("end", [ActingEnd.RUN_IS_OVER, ActingEnd.STOPPED])
def test_it_ends_when_it_is_told_also_while_there_is_no_room(end: ActingEnd) -> None:
    answers = iter([None, None, end])
    taken = Taken()

    loop = loop_of(taken, room=Room(refusals=99), refresh=lambda: next(answers), limit=None)

    assert loop.run() is end
    assert taken.steps == []


def test_every_episode_has_a_seed_of_its_own() -> None:
    environment = Corridor(goal=3)

    loop_of(Taken(), environment=environment).run()

    assert len(set(environment.reset_seeds)) == len(environment.reset_seeds) == 4
