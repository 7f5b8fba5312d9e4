"""Gymnasium environments as a DQN wants them: float32 vectors in, an action number out."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces, wrappers
from numpy.typing import NDArray

from agent_client.run_errors import UnsuitableEnvironmentError

Environment = gymnasium.Env[NDArray[np.float32], Any]


def make_environment(environment_id: str, seed: int) -> Environment:
    """Return an environment whose observations are float32 vectors and actions 0, 1, 2, ...

    Observations of other shapes are flattened, discrete ones become one-hot vectors.

    Args:
        environment_id: a name that Gymnasium knows, such as ``CartPole-v1``.
        seed: of the action space; episodes get theirs at reset.

    Raises:
        UnsuitableEnvironmentError: no such environment, something to install is missing, or
            its actions are not a finite choice.
    """
    try:
        environment: gymnasium.Env[Any, Any] = gymnasium.make(environment_id)
    except (gymnasium.error.Error, ModuleNotFoundError) as error:
        raise UnsuitableEnvironmentError(environment_id, _one_line(error)) from error
    if not isinstance(environment.action_space, spaces.Discrete):
        raise UnsuitableEnvironmentError(
            environment_id, f"a DQN needs discrete actions, not {environment.action_space}"
        )
    first_action = int(environment.action_space.start)
    if first_action != 0:
        environment = wrappers.TransformAction(
            environment,
            lambda action: action + first_action,
            spaces.Discrete(int(environment.action_space.n)),
        )
    if not _is_vector(environment.observation_space):
        environment = wrappers.FlattenObservation(environment)
    if environment.observation_space.dtype != np.float32:
        environment = wrappers.DtypeObservation(environment, np.float32)
    environment.action_space.seed(seed)
    return environment


def observation_size(environment: Environment) -> int:
    """Return the length of the environment's observation vectors."""
    (size,) = environment.observation_space.shape or (0,)
    return int(size)


def action_count(environment: Environment) -> int:
    """Return how many actions there are."""
    space = environment.action_space
    if not isinstance(space, spaces.Discrete):
        raise TypeError(f"make_environment gives discrete actions, not {space}")
    return int(space.n)


def _is_vector(space: spaces.Space[Any]) -> bool:
    return isinstance(space, spaces.Box) and len(space.shape) == 1


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
