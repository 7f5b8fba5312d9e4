"""The acting loop on a corridor, with a memory in this process."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from agent_client.distributed.acting_loop import ActingEnd, ActingLoop
from agent_client.distributed.acting_place import ActingPlace, StreamRows
from agent_client.distributed.initial_priorities import PrioritizedSteps
from agent_client.errors import UnsentRows, WriterTimeoutError
from agent_client.learning.algorithm import Choice
from agent_client.writer import StepWriter
from tests.agent_client.distributed.test_initial_priorities import Taken
from tests.agent_client.fakes import Corridor


@dataclass
class Onward:
    """Prefers action 1, with values that tell the place; acts at random as often as told."""

    epsilon: float = 0.0
    tells_values: bool = True
    seen: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.generator = np.random.default_rng(0)

    @property
    def exploration(self) -> dict[str, float]:
        return {"epsilon": self.epsilon}

    def choose(self, observation: NDArray[np.float32], run_step: int) -> Choice:
        place = float(observation[0])
        self.seen.append((place, run_step))
        values = [0.0, 1.0 + place]
        action = 1
        if self.generator.random() < self.epsilon:
            action = int(self.generator.integers(2))
        return Choice(action, values[action], values[1])


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
    environments: list[Corridor] | None = None,
    sinks: list[Taken] | None = None,
    explorer: Onward | None = None,
    run_step: int = 0,
) -> ActingLoop:
    return ActingLoop(
        places=[
            ActingPlace(
                one,
                PrioritizedSteps(sink, n_step=1, discount=0.5, epsilon_priority=0.0),
                seed=3 + number,
            )
            for number, (one, sink) in enumerate(
                zip(environments or [Corridor(goal=3, time_limit=5)], sinks or [taken], strict=True)
            )
        ],
        explorer=explorer or Onward(epsilon),
        run_step=lambda: run_step,
        room=room or Room(),
        refresh=refresh,
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

    loop_of(Taken(), environments=[environment]).run()

    assert len(set(environment.reset_seeds)) == len(environment.reset_seeds) == 4


def test_several_environments_act_in_turn_each_with_its_own_episodes() -> None:
    environments = [Corridor(goal=2), Corridor(goal=3)]
    sinks, heard, room = [Taken(), Taken()], Heard(), Room()
    loop = loop_of(
        Taken(), environments=environments, sinks=sinks, heard=heard, room=room, limit=13
    )

    end = loop.run()

    assert end is ActingEnd.OUT_OF_STEPS
    assert [len(sink.steps) for sink in sinks] == [7, 6]
    assert heard.episodes == [(-2.0, 2), (-3.0, 3), (-2.0, 2), (-2.0, 2), (-3.0, 3)]
    assert room.asked_for == [4] * 7
    seeds = [seed for environment in environments for seed in environment.reset_seeds]
    assert len(set(seeds)) == len(seeds) == 7


def test_choices_are_made_knowing_how_far_the_run_is() -> None:
    explorer = Onward()

    loop_of(Taken(), explorer=explorer, run_step=77, limit=3).run()

    assert explorer.seen == [(0.0, 77), (1.0, 77), (2.0, 77), (3.0, 77), (0.0, 77)]


def test_rows_of_one_environment_are_rows_of_one_stream() -> None:
    streams: list[int] = []

    class Rows:
        def append(self, row: object, priority: float | None = None, stream: int = 0) -> None:
            streams.append(stream)

        def wait_for_room(self, rows: int) -> None:
            """There is room."""

        def flush(self) -> None:
            """All is there."""

    for number in (0, 2):
        steps = StepWriter(StreamRows(Rows(), number))
        steps.begin([0.0])
        steps.append(0, [1.0], 1.0, True, False)

    assert streams == [0, 0, 2, 2]
