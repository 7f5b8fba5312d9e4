"""What is made of an environment's observations, in whole and in parts."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from agent_client.environments import frame_space, make_environment
from agent_client.observations import (
    PreparedObservation,
    drawn_columns,
    newest_frame,
    shapes_of,
    whole,
)
from agent_client.run_errors import UnsuitableEnvironmentError
from agent_client.step_tables import step_columns

NESTED = spaces.Dict(
    {
        "camera": spaces.Box(0, 255, (4, 5, 3), np.uint8),
        "arm": spaces.Dict(
            {
                "joints": spaces.Box(-1.0, 1.0, (2,), np.float64),
                "grips": spaces.Discrete(3),
            }
        ),
        "lamp": spaces.MultiBinary(2),
    }
)


class Robot(gymnasium.Env[Any, Any]):
    """Shows the number of the step in all that it shows."""

    action_space = spaces.Discrete(2)

    def __init__(self, space: spaces.Space[Any] = NESTED) -> None:
        self.observation_space = space
        self.number = 0

    def reset(self, *, seed=None, options=None):  # type: ignore[no-untyped-def]
        self.number = 0
        return self.seen(), {}

    def step(self, action):  # type: ignore[no-untyped-def]
        self.number += 1
        return self.seen(), 0.0, False, False, {}

    def seen(self) -> dict[str, Any]:
        return {
            "camera": np.full((4, 5, 3), self.number, np.uint8),
            "arm": {"joints": np.array([0.5, self.number / 10]), "grips": self.number % 3},
            "lamp": np.array([1, self.number % 2], np.int8),
        }


@pytest.fixture
def robot_id() -> Any:
    gymnasium.register("Robot-v0", lambda **options: Robot(), disable_env_checker=True)
    yield "Robot-v0"
    del gymnasium.registry["Robot-v0"]


def test_parts_are_named_by_their_paths_and_prepared_one_by_one() -> None:
    environment = PreparedObservation(Robot())
    environment.reset()

    observation, *_ = environment.step(0)

    assert shapes_of(environment.observation_space) == {
        "arm/grips": (3,), "arm/joints": (2,), "camera": (4, 5, 3), "lamp": (2,)
    }  # fmt: skip
    assert environment.observation_space.contains(observation)
    assert observation["camera"].dtype == np.uint8
    assert observation["camera"].max() == observation["camera"].min() == 1
    assert observation["arm/grips"].tolist() == [0.0, 1.0, 0.0]
    assert observation["arm/joints"].tolist() == [0.5, np.float32(0.1)]
    assert observation["lamp"].tolist() == [1.0, 1.0]
    others = [part.dtype for name, part in observation.items() if name != "camera"]
    assert others == [np.float32] * 3


def test_each_part_is_a_column() -> None:
    space = PreparedObservation(Robot()).observation_space

    columns = step_columns(space, spaces.Discrete(2))

    assert {name: column["dtype"] for name, column in columns.items() if "observation" in name} == {
        "observation/arm/grips": "<f4",
        "observation/arm/joints": "<f4",
        "observation/camera": "|u1",
        "observation/lamp": "<f4",
    }
    stored = set(columns) | {f"next_{name}" for name in columns} | {"discount"}
    assert set(drawn_columns(space)) <= stored
    assert "next_observation/camera" in drawn_columns(space)


def test_one_array_is_one_column() -> None:
    space = spaces.Box(0.0, 1.0, (3,), np.float32)

    assert drawn_columns(space) == [
        "observation", "next_observation", "action", "reward", "discount"
    ]  # fmt: skip
    assert shapes_of(space) == (3,)


def test_stacks_are_made_of_each_part(robot_id: str) -> None:
    environment = make_environment(robot_id, seed=0, frame_stack=3)
    environment.reset(seed=0)
    environment.step(0)

    observation, *_ = environment.step(0)

    assert isinstance(observation, dict)
    assert observation["camera"][:, 0, 0, 0].tolist() == [0, 1, 2]
    assert observation["arm/joints"][:, 1].tolist() == [0.0, np.float32(0.1), np.float32(0.2)]
    newest = newest_frame(observation)
    assert isinstance(newest, dict)
    assert frame_space(environment).contains(newest)
    assert newest["camera"][0, 0, 0] == 2


def test_columns_are_put_together_again() -> None:
    columns = {"observation/a": 1, "observation/b/c": 2, "next_observation/a": 3, "observationx": 4}

    assert whole(columns, "observation") == {"a": 1, "b/c": 2}
    assert whole(columns, "next_observation") == {"a": 3}
    assert whole({"observation": 5}, "observation") == 5
    with pytest.raises(KeyError):
        whole(columns, "action")


def test_observations_without_a_length_are_refused() -> None:
    endless = spaces.Dict({"words": spaces.Sequence(spaces.Discrete(4))})
    gymnasium.register("Endless-v0", lambda **options: Robot(endless), disable_env_checker=True)
    try:
        with pytest.raises(UnsuitableEnvironmentError, match="fixed length"):
            make_environment("Endless-v0", seed=0)
    finally:
        del gymnasium.registry["Endless-v0"]
