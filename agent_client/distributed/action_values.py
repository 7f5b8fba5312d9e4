"""What each action is worth at one observation: what an actor needs besides the best action."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agent_client.dqn.networks import GreedyPolicy, QNetwork
from agent_client.observations import Observation

Values = Callable[[Observation], NDArray[np.float32]]


def action_values(network: nn.Module) -> Values:
    """Return a function from an observation, without a leading axis, to [actions] float32, Q.

    Args:
        network: must stay on the CPU; its values are always those of its weights as they stand.
    """
    if isinstance(network, QNetwork):
        policy = GreedyPolicy(network)
        return lambda observation: policy.values(np.asarray(observation))

    def values(observation: Observation) -> NDArray[np.float32]:
        with torch.inference_mode():
            found: NDArray[np.float32] = network(_batch_of_one(observation))[0].numpy()
        return found

    return values


def _batch_of_one(observation: Observation) -> Tensor | dict[str, Tensor]:
    if isinstance(observation, dict):
        return {name: _one(part) for name, part in observation.items()}
    return _one(observation)


def _one(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)[None])
