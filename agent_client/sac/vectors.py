"""Observations as one vector each: what SAC's networks take.

Stacked frames lie end to end; so do the parts of an observation, in the order of their names.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor

from agent_client.learning.transitions import TensorParts
from agent_client.observations import Observation


def vector_size(space: spaces.Space[Any]) -> int:
    """Return the length of a prepared space's observations as vectors.

    Raises:
        ValueError: they are images, or have images among their parts.
    """
    parts = list(space.spaces.values()) if isinstance(space, spaces.Dict) else [space]
    for part in parts:
        if part.dtype != np.float32:
            raise ValueError(f"sac takes observations that are vectors, not images like {part}")
    return sum(int(np.prod(part.shape or (), dtype=np.int64)) for part in parts)


def as_vectors(observation: TensorParts) -> Tensor:
    """Return a batch of observations, [B, ...] or parts of it by their names, as [B, D]."""
    if isinstance(observation, Tensor):
        return observation.flatten(1)
    return torch.cat([observation[name].flatten(1) for name in sorted(observation)], dim=1)


def as_vector(observation: Observation) -> NDArray[np.float32]:
    """Return one observation, an array or parts of it by their names, as [D]."""
    if not isinstance(observation, Mapping):
        return observation.reshape(-1)
    return np.concatenate([observation[name].reshape(-1) for name in sorted(observation)])
