"""Which network, and which policy, suits an environment's observations."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from numpy.typing import NDArray

from agent_client.dqn.config import DQNConfig
from agent_client.dqn.image_network import ImagePolicy, ImageQNetwork
from agent_client.dqn.networks import GreedyPolicy, QNetwork

AnyQNetwork: TypeAlias = QNetwork | ImageQNetwork

_IMAGE_AXES = 3


class Policy(Protocol):
    """What acts."""

    def action(self, observation: NDArray[Any]) -> int:
        """Return the action to take at an observation."""


def make_network(
    observation_shape: Sequence[int], action_count: int, config: DQNConfig
) -> AnyQNetwork:
    """Return a fresh network; its weights come from torch's global generator.

    Args:
        observation_shape: [D] or [k, D] of vectors: a perceptron; [H, W, C] or [k, H, W, C] of
            images: convolutions before it. k is the number of stacked frames.
        action_count: number of actions.
        config: how large it is.

    Raises:
        ValueError: images are too small for the configured convolutions.
    """
    if len(observation_shape) >= _IMAGE_AXES:
        return ImageQNetwork(
            observation_shape,
            action_count,
            config.convolution_channels,
            config.hidden_units,
            layer_norm=config.layer_norm,
        )
    size = 1
    for length in observation_shape:
        size *= length
    return QNetwork(size, action_count, config.hidden_units, layer_norm=config.layer_norm)


def greedy_policy(network: AnyQNetwork) -> Policy:
    """Return the policy that takes the action of highest value, as the network stands."""
    return ImagePolicy(network) if isinstance(network, ImageQNetwork) else GreedyPolicy(network)
