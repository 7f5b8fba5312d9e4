"""Which network, and which policy, suits an environment's observations."""

from typing import TypeAlias

from agent_client.dqn.config import DQNConfig
from agent_client.dqn.fusing_network import FusingPolicy, FusingQNetwork
from agent_client.dqn.image_network import ImagePolicy, ImageQNetwork
from agent_client.dqn.networks import GreedyPolicy, QNetwork
from agent_client.learning.algorithm import Policy
from agent_client.observations import Shapes

AnyQNetwork: TypeAlias = QNetwork | ImageQNetwork | FusingQNetwork

_IMAGE_AXES = 3


def make_network(shapes: Shapes, action_count: int, config: DQNConfig) -> AnyQNetwork:
    """Return a fresh network; its weights come from torch's global generator.

    Args:
        shapes: [D] or [k, D] of vectors: a perceptron; [H, W, C] or [k, H, W, C] of images:
            convolutions before it; several by their names: an encoder for each. k is the number of
            stacked frames.
        action_count: number of actions.
        config: how large it is.

    Raises:
        ValueError: images are too small for the configured convolutions.
    """
    if isinstance(shapes, dict):
        return FusingQNetwork(
            shapes,
            action_count,
            config.convolution_channels,
            config.hidden_units,
            layer_norm=config.layer_norm,
        )
    if len(shapes) >= _IMAGE_AXES:
        return ImageQNetwork(
            shapes,
            action_count,
            config.convolution_channels,
            config.hidden_units,
            layer_norm=config.layer_norm,
        )
    size = 1
    for length in shapes:
        size *= length
    return QNetwork(size, action_count, config.hidden_units, layer_norm=config.layer_norm)


def greedy_policy(network: AnyQNetwork) -> Policy:
    """Return the policy that takes the action of highest value, as the network stands."""
    if isinstance(network, FusingQNetwork):
        return FusingPolicy(network)
    return ImagePolicy(network) if isinstance(network, ImageQNetwork) else GreedyPolicy(network)
