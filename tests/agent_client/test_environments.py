"""What an environment must be for a DQN, and what is made of it."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from agent_client.environments import action_count, make_environment, observation_size
from agent_client.run_errors import UnsuitableEnvironmentError


def test_observations_are_float32_vectors() -> None:
    environment = make_environment("CartPole-v1", seed=0)

    observation, _ = environment.reset(seed=0)

    assert observation.dtype == np.float32
    assert observation.shape == (observation_size(environment),) == (4,)
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


@pytest.mark.parametrize(
    ("environment_id", "reason"),
    [
        pytest.param("NoSuchThing-v0", "doesn't exist", id="unknown"),
        pytest.param("Pendulum-v1", "discrete actions", id="continuous_actions"),
    ],
)
def test_environments_that_do_not_suit_are_refused(environment_id: str, reason: str) -> None:
    with pytest.raises(UnsuitableEnvironmentError) as caught:
        make_environment(environment_id, seed=0)

    assert caught.value.environment_id == environment_id
    assert reason in caught.value.reason
