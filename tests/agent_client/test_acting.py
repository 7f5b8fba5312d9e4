"""Acting in several environments in step: each keeps its own episodes, stream and seeds."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import FrameStackObservation

from agent_client.acting import acting_in
from agent_client.environments import make_environments
from agent_client.seeding import EpisodePurpose, episode_seed
from agent_client.writer import StepWriter
from agent_client.writer.autoreset import Autoreset
from tests.agent_client.fakes import Corridor


class Rows:
    """Keeps rows by their stream."""

    def __init__(self) -> None:
        self.streams: dict[int, list[dict[str, Any]]] = {}

    def append(self, row: Any, priority: float | None = None, stream: int = 0) -> None:
        self.streams.setdefault(stream, []).append(dict(row))

    def wait_for_room(self, rows: int) -> None:
        """There is room."""

    def flush(self) -> None:
        """All rows are there."""


class Onward:
    """Goes on in the corridor, and keeps what it was asked."""

    def __init__(self) -> None:
        self.generator = np.random.default_rng(0)
        self.asked: list[tuple[list[float], int]] = []

    def act(self, observation: Any, step: int) -> int:
        self.asked.append((np.asarray(observation).reshape(-1).tolist(), step))
        return 1


def corridors(*goals: int, frame_stack: int = 1) -> SyncVectorEnv:
    def make(goal: int) -> Any:
        corridor = Corridor(goal, time_limit=4)
        corridor.observation_space = Corridor(9).observation_space
        return corridor if frame_stack == 1 else FrameStackObservation(corridor, frame_stack)

    return SyncVectorEnv(
        [partial(make, goal) for goal in goals], autoreset_mode=AutoresetMode.DISABLED
    )


def writer_of(rows: Rows, environments: int) -> StepWriter:
    return StepWriter(rows, environments, autoreset=Autoreset.DISABLED)


def places(rows: list[dict[str, Any]]) -> list[float]:
    return [float(row["observation"][0]) for row in rows]


def test_each_environment_has_its_own_episodes_and_its_own_stream() -> None:
    rows, actor = Rows(), Onward()
    acting = acting_in(corridors(2, 3, 9), writer_of(rows, 3), seed=1, reward_limit=0.5)

    acting.begin(0)
    scores = [acting.step(actor, 3 * number) for number in range(6)]

    # goal 2 ends every 2 steps, goal 3 every 3, and that of goal 9 is cut off after 4
    assert scores == [
        [], [(-2.0, 2)], [(-3.0, 3)], [(-2.0, 2), (-4.0, 4)], [], [(-2.0, 2), (-3.0, 3)],
    ]  # fmt: skip
    assert places(rows.streams[0]) == [0, 1, 2] * 3
    assert places(rows.streams[1]) == [0, 1, 2, 3] * 2
    assert places(rows.streams[2]) == [0, 1, 2, 3, 4, 0, 1]
    assert [row["is_last"] for row in rows.streams[2]] == [False] * 4 + [True, False, False]
    assert [row["is_first"] for row in rows.streams[2]] == [True] + [False] * 4 + [True, False]
    assert [row["is_terminal"] for row in rows.streams[2]] == [False] * 7
    assert [row["is_terminal"] for row in rows.streams[0]] == [False, False, True] * 3
    assert {float(row["reward"]) for row in rows.streams[1] if not row["is_last"]} == {-0.5}


def test_the_actor_sees_one_observation_at_a_time_and_counts_steps_of_all() -> None:
    actor = Onward()
    acting = acting_in(corridors(3, 3), writer_of(Rows(), 2), seed=1)

    acting.begin(0)
    acting.step(actor, 10)
    acting.step(actor, 12)

    assert actor.asked == [([0.0], 10), ([0.0], 11), ([1.0], 12), ([1.0], 13)]


def test_no_two_episodes_have_a_seed_in_common() -> None:
    environments = corridors(2, 3)
    acting = acting_in(environments, writer_of(Rows(), 2), seed=7)

    acting.begin(5)
    for number in range(3):
        acting.step(Onward(), 2 * number)

    seeds = [list(one.unwrapped.reset_seeds) for one in environments.envs]  # type: ignore[attr-defined]
    numbered = [episode_seed(7, EpisodePurpose.TRAINING, number) for number in range(5, 9)]
    assert seeds == [[numbered[0], numbered[2]], [numbered[1], numbered[3]]]


def test_the_writer_gets_the_newest_frame_of_each_stack() -> None:
    rows, actor = Rows(), Onward()
    acting = acting_in(corridors(9, 9, frame_stack=2), writer_of(rows, 2), seed=1, frame_stack=2)

    acting.begin(0)
    for number in range(3):
        acting.step(actor, 2 * number)

    assert places(rows.streams[1]) == [0, 1, 2]
    assert actor.asked[-1] == ([1.0, 2.0], 5)


@pytest.fixture(params=[False, True], ids=["in_turn", "in_processes"])
def cart_poles(request: pytest.FixtureRequest) -> Iterator[Any]:
    environments = make_environments("CartPole-v1", 0, 2, in_processes=request.param)
    yield environments
    environments.close()


def test_real_environments_act_alike_in_turn_and_in_processes(cart_poles: Any) -> None:
    rows = Rows()
    acting = acting_in(cart_poles, writer_of(rows, 2), seed=3)
    acting.begin(0)

    scores = [score for number in range(40) for score in acting.step(Onward(), 2 * number)]

    assert len(scores) >= 6
    assert {returned == length for returned, length in scores} == {True}
    for place in range(2):
        alone = Rows()
        single = acting_in(
            make_environments("CartPole-v1", 0, 1).envs[0],  # type: ignore[attr-defined]
            StepWriter(alone),
            seed=3,
        )
        single.begin(place)  # the first episode of that environment
        (score,) = next(filter(None, (single.step(Onward(), 0) for _ in range(99))))
        first = rows.streams[place][: score[1] + 1]
        np.testing.assert_array_equal(
            [row["observation"] for row in first],
            [row["observation"] for row in alone.streams[0][: score[1] + 1]],
        )
