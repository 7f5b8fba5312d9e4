"""Observations: one array, or several that belong together, by the names of their parts.

What is nested in an environment's Dict space is named by its path: `arm/camera`. On the wire each
part is a column: `observation/arm/camera`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

__all__ = [
    "DRAWN",
    "IMAGE_AXES",
    "Observation",
    "PreparedObservation",
    "Shapes",
    "drawn_columns",
    "newest_frame",
    "shapes_of",
    "whole",
]

Observation: TypeAlias = NDArray[Any] | dict[str, NDArray[Any]]
Shapes: TypeAlias = tuple[int, ...] | dict[str, tuple[int, ...]]
"""The shape of an observation, or of each of its parts."""

Value = TypeVar("Value")

IMAGE_AXES = 3
"""Height, width, colors; a stack has one more."""
_OBSERVATIONS = ("observation", "next_observation")
DRAWN = ("action", "reward", "discount")
"""What a learner draws beside observations."""


class PreparedObservation(gymnasium.ObservationWrapper[Any, Any, Any]):
    """Images, [H, W, C] of bytes or bools, as they are; all else as float32 vectors.

    A Dict space becomes a Dict space of one level, whose names are paths; of any other space the
    observation is one array. Discrete values become one-hot vectors.
    """

    def __init__(self, environment: gymnasium.Env[Any, Any]) -> None:
        """Prepare the observations of an environment."""
        super().__init__(environment)
        self._parts = _parts(environment.observation_space, "")
        prepared: dict[str, spaces.Space[Any]] = {
            name: _prepared_space(space) for name, space in self._parts.items()
        }
        self.observation_space = spaces.Dict(prepared) if "" not in prepared else prepared[""]

    def observation(self, observation: Any) -> Observation:
        """Return an observation of the environment as this one's space has it."""
        values = _values(observation, "")
        prepared = {name: _prepared(space, values[name]) for name, space in self._parts.items()}
        return prepared.get("", prepared)


def shapes_of(space: spaces.Space[Any]) -> Shapes:
    """Return the shape of a prepared space's observations, or of each part."""
    if isinstance(space, spaces.Dict):
        return {name: part.shape or () for name, part in space.spaces.items()}
    return space.shape or ()


def drawn_columns(space: spaces.Space[Any]) -> list[str]:
    """Return the columns that a learner draws of transitions with a prepared space."""
    parts = [f"/{name}" for name in space.spaces] if isinstance(space, spaces.Dict) else [""]
    return [f"{name}{part}" for name in _OBSERVATIONS for part in parts] + list(DRAWN)


def newest_frame(observation: Observation) -> Observation:
    """Return the last frame of a stack of them: views."""
    if isinstance(observation, dict):
        return {name: stack[-1] for name, stack in observation.items()}
    newest: NDArray[Any] = observation[-1]
    return newest


def whole(columns: Mapping[str, Value], name: str) -> Value | dict[str, Value]:
    """Return a column, or those of its parts by their names.

    Raises:
        KeyError: there is neither.
    """
    if name in columns:
        return columns[name]
    prefix = f"{name}/"
    parts = {
        column.removeprefix(prefix): values
        for column, values in columns.items()
        if column.startswith(prefix)
    }
    if not parts:
        raise KeyError(name)
    return parts


def is_image(shape: Sequence[int], dtype: np.dtype[Any] | None) -> bool:
    """Return whether values of a shape and a dtype are images."""
    return len(shape) == IMAGE_AXES and dtype in (np.dtype(np.bool_), np.dtype(np.uint8))


def _parts(space: spaces.Space[Any], path: str) -> dict[str, spaces.Space[Any]]:
    """Return the spaces within a space by their paths; "" is the whole where it has no parts."""
    if not isinstance(space, spaces.Dict):
        return {path: space}
    return {
        name: part
        for key, inner in space.spaces.items()
        for name, part in _parts(inner, f"{path}/{key}" if path else key).items()
    }


def _values(observation: Any, path: str) -> dict[str, Any]:
    if not isinstance(observation, Mapping):
        return {path: observation}
    return {
        name: value
        for key, inner in observation.items()
        for name, value in _values(inner, f"{path}/{key}" if path else key).items()
    }


def _prepared_space(space: spaces.Space[Any]) -> spaces.Box:
    if isinstance(space, spaces.Box) and is_image(space.shape, space.dtype):
        return space
    flat = spaces.flatten_space(space)
    if not isinstance(flat, spaces.Box):
        raise ValueError(f"observations of {space} have no fixed length")
    low, high = flat.low.astype(np.float32), flat.high.astype(np.float32)
    return spaces.Box(low, high, flat.shape, np.float32)


def _prepared(space: spaces.Space[Any], value: Any) -> NDArray[Any]:
    if isinstance(space, spaces.Box) and is_image(space.shape, space.dtype):
        return np.asarray(value)
    return np.asarray(spaces.flatten(space, value), np.float32)
