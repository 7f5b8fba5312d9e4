"""What an environment must be for an agent, and what is made of it."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from agent_client.environments import (
    LONGEST_EPISODE,
    action_count,
    frame_space,
    make_environment,
)
from agent_client.observations import shapes_of
from agent_client.run_errors import UnsuitableEnvironmentError


def test_observations_are_float32_vectors() -> None:
    environment = make_environment("CartPole-v1", seed=0)

    observation, _ = environment.reset(seed=0)

    assert observation.dtype == np.float32
    assert observation.shape == shapes_of(environment.observation_space) == (4,)
    assert action_count(environment) == 2


def test_discrete_observations_become_one_hot_vectors() -> None:
    environment = make_environment("CliffWalking-v1", seed=0)

    observation, _ = environment.reset(seed=0)

    assert observation.dtype == np.float32
    assert observation.shape == (48,)
    assert observation.tolist() == [0.0] * 36 + [1.0] + [0.0] * 11


def test_actions_that_do_not_start_at_zero_are_shifted() -> None:
    seen: list[int] = []

    class StartsAtFive(gymnasium.Env[Any, Any]):
        observation_space = spaces.Box(0.0, 1.0, (1,), np.float32)
        action_space = spaces.Discrete(3, start=5)

        def step(self, action):  # type: ignore[no-untyped-def]
            seen.append(action)
            return np.zeros(1, np.float32), 0.0, True, False, {}

        def reset(self, *, seed=None, options=None):  # type: ignore[no-untyped-def]
            return np.zeros(1, np.float32), {}

    gymnasium.register(
        "StartsAtFive-v0", lambda **options: StartsAtFive(), disable_env_checker=True
    )
    try:
        environment = make_environment("StartsAtFive-v0", seed=0)
        environment.reset()
        environment.step(2)
    finally:
        del gymnasium.registry["StartsAtFive-v0"]

    assert action_count(environment) == 3
    assert seen == [7]


def test_continuous_actions_stay_as_they_are() -> None:
    environment = make_environment("Pendulum-v1", seed=0)

    assert environment.action_space == spaces.Box(-2.0, 2.0, (1,), np.float32)


def test_arguments_reach_the_environment() -> None:
    environment = make_environment("LunarLander-v3?continuous=true", seed=0)

    assert environment.action_space == spaces.Box(-1.0, 1.0, (2,), np.float32)


class Acts(gymnasium.Env[Any, Any]):
    """Keeps the action that it was given."""

    observation_space = spaces.Box(0.0, 1.0, (1,), np.float32)

    def __init__(self, action_space: spaces.Space[Any]) -> None:
        self.action_space = action_space

    def step(self, action):  # type: ignore[no-untyped-def]
        return np.zeros(1, np.float32), 0.0, True, False, {"acted": action}

    def reset(self, *, seed=None, options=None):  # type: ignore[no-untyped-def]
        return np.zeros(1, np.float32), {}


@pytest.fixture
def register() -> Iterator[Callable[[spaces.Space[Any]], str]]:
    """Registers an environment with an action space and returns its name."""

    def register(space: spaces.Space[Any]) -> str:
        gymnasium.register("Acts-v0", lambda **options: Acts(space), disable_env_checker=True)
        return "Acts-v0"

    yield register
    del gymnasium.registry["Acts-v0"]


def test_actions_of_double_precision_are_single_outside(
    register: Callable[[spaces.Space[Any]], str],
) -> None:
    environment = make_environment(register(spaces.Box(-3.0, 3.0, (2,), np.float64)), seed=0)
    environment.reset()

    *_, info = environment.step(np.ones(2, np.float32))

    assert environment.action_space == spaces.Box(-3.0, 3.0, (2,), np.float32)
    assert info["acted"].dtype == np.float64


@pytest.mark.parametrize(
    "space",
    [spaces.MultiDiscrete([2, 3]), spaces.Box(0, 5, (2,), np.int64)],
    ids=["several_choices", "whole_numbers"],
)
def test_other_actions_are_refused(
    space: spaces.Space[Any], register: Callable[[spaces.Space[Any]], str]
) -> None:
    with pytest.raises(UnsuitableEnvironmentError, match="finite choice"):
        make_environment(register(space), seed=0)


class Picture(gymnasium.Env[Any, Any]):
    """Shows the number of the step in every pixel, and never ends."""

    observation_space = spaces.Box(0, 255, (6, 5, 2), np.uint8)
    action_space = spaces.Discrete(2)

    def step(self, action):  # type: ignore[no-untyped-def]
        self._step += 1
        return np.full((6, 5, 2), self._step % 256, np.uint8), 0.0, False, False, {}

    def reset(self, *, seed=None, options=None):  # type: ignore[no-untyped-def]
        self._step = 0
        return np.zeros((6, 5, 2), np.uint8), {}


@pytest.fixture
def picture_id() -> Iterator[str]:
    gymnasium.register("Picture-v0", lambda **options: Picture(), disable_env_checker=True)
    yield "Picture-v0"
    del gymnasium.registry["Picture-v0"]


def test_images_stay_as_they_are(picture_id: str) -> None:
    environment = make_environment(picture_id, seed=0)

    observation, _ = environment.reset(seed=0)

    assert observation.dtype == np.uint8
    assert observation.shape == shapes_of(environment.observation_space) == (6, 5, 2)
    assert frame_space(environment) == environment.observation_space


def test_frames_are_stacked_oldest_first(picture_id: str) -> None:
    environment = make_environment(picture_id, seed=0, frame_stack=3)

    first, _ = environment.reset(seed=0)
    environment.step(0)
    later, *_ = environment.step(0)
    latest, *_ = environment.step(0)

    assert shapes_of(environment.observation_space) == (3, 6, 5, 2)
    assert frame_space(environment).shape == (6, 5, 2)
    assert first[:, 0, 0, 0].tolist() == [0, 0, 0]
    assert later[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert latest[:, 0, 0, 0].tolist() == [1, 2, 3]


def test_episodes_without_a_limit_of_their_own_are_truncated(picture_id: str) -> None:
    environment = make_environment(picture_id, seed=0)
    environment.reset(seed=0)

    ends = [environment.step(0)[2:4] for _ in range(LONGEST_EPISODE)]

    assert ends[-1] == (False, True)
    assert not any(truncated for _, truncated in ends[:-1])


def test_minatar_is_known_where_it_is_installed() -> None:
    pytest.importorskip("minatar")

    environment = make_environment("MinAtar/Breakout-v1", seed=0, frame_stack=4)

    observation, _ = environment.reset(seed=0)
    assert observation.shape == (4, 10, 10, 4)
    assert observation.dtype == np.bool_
    assert action_count(environment) == 3


def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "minatar.gym", None)
    for known in [name for name in gymnasium.registry if name.startswith("MinAtar/")]:
        monkeypatch.delitem(gymnasium.registry, known)

    with pytest.raises(UnsuitableEnvironmentError, match="minatar"):
        make_environment("MinAtar/Breakout-v1", seed=0)


@pytest.mark.parametrize(
    ("environment_id", "reason"),
    [
        pytest.param("NoSuchThing-v0", "doesn't exist", id="unknown"),
        pytest.param("LunarLander-v3?continuos=true", "continuos", id="unknown_argument"),
        pytest.param("LunarLander-v3?continuous", "continuous", id="no_argument"),
    ],
)
def test_environments_that_do_not_suit_are_refused(environment_id: str, reason: str) -> None:
    with pytest.raises(UnsuitableEnvironmentError) as caught:
        make_environment(environment_id, seed=0)

    assert caught.value.environment_id == environment_id
    assert reason in caught.value.reason
