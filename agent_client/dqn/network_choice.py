"""Which network suits an environment's observations and a configuration."""

from math import prod

from torch import nn

from agent_client.dqn.categorical_return import CategoricalReturn
from agent_client.dqn.config import DQNConfig
from agent_client.dqn.fusing_body import FusingBody
from agent_client.dqn.heads import Head, perceptron
from agent_client.dqn.image_body import Convolutions, ImageBody
from agent_client.dqn.mean_return import MeanReturn
from agent_client.dqn.networks import QNetwork
from agent_client.dqn.quantile_return import QuantileReturn
from agent_client.dqn.return_model import ReturnModel
from agent_client.observations import IMAGE_AXES, Shapes


def make_network(shapes: Shapes, action_count: int, config: DQNConfig) -> QNetwork:
    """Return a fresh network; its weights come from torch's global generator.

    The last hidden layer belongs to the head, which has one for each of its streams; the layers
    before it are shared.

    Args:
        shapes: [D] or [k, D] of vectors, which go in end to end; [H, W, C] or [k, H, W, C] of
            images: convolutions; several by their names: an encoder for each. k is the number of
            stacked frames.
        action_count: number of actions.
        config: how large it is, and which head it has.

    Raises:
        ValueError: images are too small for the configured convolutions.
    """
    body, features = _make_body(shapes, config)
    shared, own = config.hidden_units[:-1], config.hidden_units[-1:]
    hidden = perceptron([features, *shared], layer_norm=config.layer_norm)
    returns = _make_returns(config)
    head = Head(
        shared[-1] if shared else features,
        action_count,
        returns.numbers,
        own,
        dueling=config.dueling,
        noise_scale=config.noise_scale if config.noisy else None,
        layer_norm=config.layer_norm,
    )
    return QNetwork(body, nn.Sequential(*hidden), head, returns)


def _make_body(shapes: Shapes, config: DQNConfig) -> tuple[nn.Module, int]:
    """Return what makes features of observations, and how many."""
    if isinstance(shapes, dict):
        parts = FusingBody(shapes, config)
        return parts, parts.size
    if len(shapes) >= IMAGE_AXES:
        images = ImageBody(shapes, Convolutions.choose(config, shapes))
        return images, images.size
    return nn.Flatten(), prod(shapes)


def _make_returns(config: DQNConfig) -> ReturnModel:
    if config.categorical:
        return CategoricalReturn(config.atoms, config.value_min, config.value_max)
    if config.quantile:
        return QuantileReturn(config.atoms, config.huber_delta)
    return MeanReturn(config.huber_delta)
