"""Gymnasium environments as agents want them: arrays or parts of them in, actions out."""

import importlib
from functools import partial
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium import spaces, wrappers
from gymnasium.envs.registration import load_env_creator
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

from agent_client import atari
from agent_client.environment_names import EnvironmentName
from agent_client.observations import Observation, PreparedObservation, is_image
from agent_client.run_errors import UnsuitableEnvironmentError

Environment = gymnasium.Env[Observation, Any]
Environments = VectorEnv[Observation, Any, Any]

LONGEST_EPISODE: Final = 10_000
_REGISTERED_BY: Final = {
    "ALE": "ale_py",
    "MinAtar": "minatar.gym",
    "Replay": "agent_client.tasks",
    "replay": "agent_client.tasks",
}
"""Namespaces of environments that Gymnasium knows only once this module has been asked to."""


def make_environment(
    environment_id: str, seed: int, frame_stack: int = 1, *, render_mode: str | None = None
) -> Environment:
    """Return an environment whose observations and actions are prepared.

    Atari games (`ALE/...`) get the standard preprocessing of ``atari``, unless their arguments say
    otherwise. Images, [H, W, C] of bytes or bools, stay as they are. All else is flattened to
    float32 vectors; discrete observations become one-hot vectors. Of a Dict space each part is
    prepared so, and an observation is a dict of them. Discrete actions are 0, 1, 2, ..., continuous
    ones float32. An environment without a time limit of its own is truncated after
    ``LONGEST_EPISODE`` steps, or a policy that runs in circles would never come to an end.

    Args:
        environment_id: a name that Gymnasium knows, such as ``CartPole-v1``, and perhaps arguments
            after it, as ``EnvironmentName`` has them.
        seed: of the action space; episodes get theirs at reset.
        frame_stack: with more than 1, observations are the last so many, oldest first, with a
            leading axis; before there are as many the first one is repeated.
        render_mode: how it shows itself, as Gymnasium has it; None is not at all.

    Raises:
        UnsuitableEnvironmentError: no such environment, something to install is missing, its
            actions are neither a finite choice nor numbers, its arguments are wrong, its
            observations have no fixed length, or it does not render so.
    """
    try:
        name = EnvironmentName.parse(environment_id)
        _register(name.id)
        options: dict[str, Any] = {} if render_mode is None else {"render_mode": render_mode}
        if render_mode is not None:
            _require_render_mode(name.id, render_mode)
        is_game = atari.takes_preprocessing(name.id, name.arguments)
        options |= name.arguments | (atari.ARGUMENTS if is_game else {})
        environment: gymnasium.Env[Any, Any] = gymnasium.make(name.id, **options)
        if is_game:
            environment = atari.preprocessed(environment)
    except (gymnasium.error.Error, ModuleNotFoundError, TypeError, ValueError) as error:
        raise UnsuitableEnvironmentError(environment_id, _one_line(error)) from error
    try:
        environment = _with_prepared_actions(environment)
    except ValueError as error:
        raise UnsuitableEnvironmentError(environment_id, str(error)) from error
    if not is_game and (environment.spec is None or environment.spec.max_episode_steps is None):
        environment = wrappers.TimeLimit(environment, LONGEST_EPISODE)
    if not _is_prepared(environment.observation_space):
        try:
            environment = PreparedObservation(environment)
        except (ValueError, NotImplementedError) as error:
            raise UnsuitableEnvironmentError(environment_id, _one_line(error)) from error
    if frame_stack > 1:
        environment = wrappers.FrameStackObservation(environment, frame_stack)
    environment.action_space.seed(seed)
    return environment


def make_environments(
    environment_id: str, seed: int, count: int, frame_stack: int = 1, *, in_processes: bool = False
) -> Environments:
    """Return several environments of ``make_environment`` that take their steps together.

    None resets itself: ``reset`` with ``options={"reset_mask": ...}`` begins the next episodes.

    Args:
        environment_id: as there; raises as there.
        seed: of the first one's action space; the others' are those that follow.
        count: how many.
        frame_stack: as there.
        in_processes: whether each has a process of its own, which pays where a step takes longer
            than some 0.1 ms; else they take turns in this one. These must be closed.
    """
    makers = [
        partial(make_environment, environment_id, seed + place, frame_stack)
        for place in range(count)
    ]
    if in_processes:
        # A fork would copy the locks of threads that it does not copy.
        return AsyncVectorEnv(makers, context="spawn", autoreset_mode=AutoresetMode.DISABLED)
    return SyncVectorEnv(makers, autoreset_mode=AutoresetMode.DISABLED)


def frame_space(environment: Environment) -> spaces.Space[Any]:
    """Return the space of one frame, which is that of an observation where none are stacked."""
    if isinstance(environment, wrappers.FrameStackObservation):
        return environment.env.observation_space
    return environment.observation_space


def action_count(environment: Environment) -> int:
    """Return how many actions there are."""
    space = environment.action_space
    if not isinstance(space, spaces.Discrete):
        raise TypeError(f"make_environment gives discrete actions, not {space}")
    return int(space.n)


def _register(environment_id: str) -> None:
    namespace = environment_id.rpartition("/")[0]
    module = _REGISTERED_BY.get(namespace)
    if module is not None and environment_id not in gymnasium.registry:
        loaded = importlib.import_module(module)
        if hasattr(loaded, "register_envs"):  # others do it when they are imported
            loaded.register_envs()


def _with_prepared_actions(environment: gymnasium.Env[Any, Any]) -> gymnasium.Env[Any, Any]:
    space = environment.action_space
    if isinstance(space, spaces.Discrete):
        first = int(space.start)
        if first == 0:
            return environment
        counted = spaces.Discrete(int(space.n))
        return wrappers.TransformAction(environment, lambda action: action + first, counted)
    if not isinstance(space, spaces.Box) or space.dtype.kind != "f":
        raise ValueError(f"actions must be a finite choice or floating-point numbers, not {space}")
    if space.dtype == np.float32:
        return environment
    low, high = space.low.astype(np.float32), space.high.astype(np.float32)
    return wrappers.TransformAction(
        environment,
        lambda action: action.astype(space.dtype),
        spaces.Box(low, high, space.shape, np.float32),
    )


def _require_render_mode(environment_id: str, render_mode: str) -> None:
    """Ask before it is made: Gymnasium only warns, and what comes of it differs by environment."""
    entry_point = gymnasium.spec(environment_id).entry_point
    creator = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
    metadata = getattr(creator, "metadata", None)
    modes = metadata.get("render_modes", ()) if isinstance(metadata, dict) else ()
    if render_mode not in modes:
        known = f"only {', '.join(modes)}" if modes else "nothing"
        raise UnsuitableEnvironmentError(
            environment_id, f"it cannot render {render_mode}, which pictures need, but {known}"
        )


def _is_prepared(space: spaces.Space[Any]) -> bool:
    """Return whether observations are what they should be as they come from the environment."""
    return isinstance(space, spaces.Box) and (
        is_image(space.shape, space.dtype) or (len(space.shape) == 1 and space.dtype == np.float32)
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
