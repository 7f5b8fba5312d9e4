"""Hindsight: each step as it was, and again with goals that its episode reached."""

from collections import Counter
from typing import Any

import gymnasium
import numpy as np
import pytest

from agent_client import HindsightWriter, ReplayClient, RowWriter, StepOrderError
from agent_client.step_tables import goal_table_spec
from agent_client.tasks.bit_flip import BitFlip

LENGTH = 5


class Rows:
    """Takes the rows and keeps them."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def append(self, row: Any, priority: float | None = None, stream: int = 0) -> None:
        self.rows.append(dict(row))

    def wait_for_room(self, rows: int) -> None:
        pass

    def flush(self) -> None:
        pass


def observed(place: int, goal: int = 99) -> dict[str, Any]:
    """A walk along the numbers: what is observed at a place."""
    return {
        name: np.array([value])
        for name, value in zip(
            ("observation", "achieved_goal", "desired_goal"), (place, place, goal), strict=True
        )
    }


def walk(rows: Any, *, ends: bool = False, episodes: int = 1, **options: Any) -> None:
    """Go from 0 to `LENGTH`, again and again; the reward is the distance to the goal, negative."""
    writer = HindsightWriter(
        rows,
        lambda achieved, desired, info: -abs(int(achieved[0] - desired[0])) + info["extra"],
        **options,
    )
    for _ in range(episodes):
        writer.begin(observed(0))
        for place in range(1, LENGTH + 1):
            is_last = place == LENGTH
            writer.append(7, observed(place), -50.0, is_last and ends, is_last, {"extra": 0.25})


def relabelled(rows: Rows) -> list[tuple[int, int, float, float]]:
    """Return place before, goal, reward and discount of each row with another goal."""
    return [
        (
            int(row["observation/achieved_goal"][0]),
            int(row["observation/desired_goal"][0]),
            row["reward"],
            row["discount"],
        )
        for row in rows.rows
        if row["observation/desired_goal"][0] != 99
    ]


def test_steps_are_stored_as_they_were() -> None:
    rows = Rows()
    walk(rows, discount=0.5, ends=True)

    own = [row for row in rows.rows if row["observation/desired_goal"][0] == 99]
    assert [int(row["observation/observation"][0]) for row in own] == [0, 1, 2, 3, 4]
    assert [int(row["next_observation/observation"][0]) for row in own] == [1, 2, 3, 4, 5]
    assert [row["reward"] for row in own] == [-50.0] * 5
    assert [row["discount"] for row in own] == [0.5, 0.5, 0.5, 0.5, 0.0]
    assert {row["action"] for row in rows.rows} == {7}


def test_final_takes_where_the_episode_ended() -> None:
    rows = Rows()
    walk(rows, strategy="final", discount=0.5)

    assert relabelled(rows) == [
        (place, LENGTH, -(LENGTH - place - 1) + 0.25, 0.5) for place in range(LENGTH)
    ]


@pytest.mark.parametrize("strategy", ["final", "future", "episode"])
def test_with_no_other_goals_steps_are_stored_as_they_were_alone(strategy: Any) -> None:
    rows = Rows()
    walk(rows, strategy=strategy, goals=0)

    assert len(rows.rows) == LENGTH
    assert relabelled(rows) == []


@pytest.mark.parametrize(("strategy", "first"), [("future", 1), ("episode", None)])
def test_goals_are_drawn_evenly_from_those_that_may_stand_in(
    strategy: Any, first: int | None
) -> None:
    rows = Rows()
    walk(rows, strategy=strategy, goals=3, episodes=400, seed=1)

    drawn = relabelled(rows)
    assert len(drawn) == 400 * LENGTH * 3
    for place in range(LENGTH):
        goals = Counter(goal for before, goal, _, _ in drawn if before == place)
        may = range(place + 1 if first else 1, LENGTH + 1)
        assert set(goals) == set(may)
        expected = 1200 / len(may)
        for count in goals.values():  # five standard deviations: once in a million runs
            assert abs(count - expected) < 5 * np.sqrt(expected)
    for before, goal, reward, _ in drawn:
        assert reward == -abs(before + 1 - goal) + 0.25


def test_both_observations_of_a_row_have_its_goal() -> None:
    rows = Rows()
    walk(rows, goals=2)

    assert len(rows.rows) == 3 * LENGTH
    for row in rows.rows:
        assert row["observation/desired_goal"] == row["next_observation/desired_goal"]


def test_an_episode_ends_where_the_stand_in_is_reached() -> None:
    rows = Rows()
    walk(rows, goals=9, compute_terminated=lambda achieved, desired, info: achieved == desired)

    assert {discount == 0.0 for _, _, _, discount in relabelled(rows)} == {True, False}
    for before, goal, _, discount in relabelled(rows):
        assert (discount == 0.0) == (before + 1 == goal)


def test_without_a_rule_of_its_own_an_end_stays_where_it_was() -> None:
    rows = Rows()
    walk(rows, goals=9, ends=True)

    for before, _, _, discount in relabelled(rows):
        assert (discount == 0.0) == (before == LENGTH - 1)


def test_an_episode_that_is_left_is_stored_as_far_as_it_went() -> None:
    rows = Rows()
    writer = HindsightWriter(rows, lambda *_: 0.0, strategy="final")
    writer.begin(observed(0))
    writer.append(1, observed(1), -1.0, False, False)
    assert not rows.rows

    writer.begin(observed(0))

    assert [goal for _, goal, _, _ in relabelled(rows)] == [1]
    assert len(rows.rows) == 2


def test_values_are_copied() -> None:
    rows = Rows()
    writer = HindsightWriter(rows, lambda *_: 0.0, strategy="final")
    first, second = observed(0), observed(1)
    writer.begin(first)
    first["observation"][0] = 50
    writer.append(1, second, -1.0, False, False)
    second["observation"][0] = 50
    writer.append(1, observed(2), -1.0, False, True)

    assert {int(row["observation/observation"][0]) for row in rows.rows} == {0, 1}


def test_what_cannot_be_relabelled_is_refused() -> None:
    writer = HindsightWriter(Rows(), lambda *_: 0.0)

    with pytest.raises(StepOrderError):
        writer.append(1, observed(1), -1.0, False, False)
    with pytest.raises(ValueError, match="achieved_goal"):
        writer.begin({"observation": np.zeros(1)})
    with pytest.raises(ValueError, match="one of"):
        HindsightWriter(Rows(), lambda *_: 0.0, strategy="best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 0 goals"):
        HindsightWriter(Rows(), lambda *_: 0.0, goals=-1)
    with pytest.raises(ValueError, match="compute_reward"):
        HindsightWriter.for_environment(Rows(), gymnasium.make("CartPole-v1"))


def test_rows_of_bits_that_were_flipped_are_right_in_the_table(server_url: str) -> None:
    env = gymnasium.make("Replay/BitFlip-v0", bits=4)
    spec = goal_table_spec(env.observation_space, env.action_space, 10_000)
    with ReplayClient(server_url) as client:
        with RowWriter(client, "hindsight-bits", create=spec) as rows:
            writer = HindsightWriter.for_environment(rows, env, goals=2, discount=0.75, seed=0)
            env.action_space.seed(0)
            for episode in range(30):
                writer.begin(env.reset(seed=episode)[0])
                is_over = False
                while not is_over:
                    action = env.action_space.sample()
                    observation, reward, terminated, truncated, info = env.step(action)
                    writer.append(action, observation, reward, terminated, truncated, info)
                    is_over = terminated or truncated
        columns = client.scan("hindsight-bits").columns

    before, after = columns["observation/observation"], columns["next_observation/observation"]
    is_there = (after == columns["next_observation/desired_goal"]).all(1)
    assert np.array_equal(np.abs(after - before).argmax(1), columns["action"])
    assert np.array_equal(columns["reward"], np.where(is_there, 0.0, -1.0))
    assert np.array_equal(columns["discount"], np.where(is_there, 0.0, 0.75))
    assert 0.2 < is_there.mean() < 0.8


def test_bits_are_flipped_one_by_one_until_they_are_the_goal() -> None:
    env = BitFlip(6)
    observation, _ = env.reset(seed=3)
    wrong = np.flatnonzero(observation["observation"] != observation["desired_goal"])

    steps = [env.step(place) for place in wrong]

    assert [step[1] for step in steps] == [-1.0] * (len(wrong) - 1) + [0.0]
    assert [step[2] for step in steps] == [False] * (len(wrong) - 1) + [True]
    env.reset()
    assert [env.step(np.int64(0))[3] for _ in range(6)] == [False] * 5 + [True]
