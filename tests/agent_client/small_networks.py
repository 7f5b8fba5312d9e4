"""Networks so small that their values can be worked out by hand."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from agent_client.dqn.config import DQNConfig
from agent_client.dqn.network_choice import make_network
from agent_client.dqn.networks import QNetwork


def vector_network(
    size: int, actions: int, hidden_units: Sequence[int] = (), **config: Any
) -> QNetwork:
    """Return a network for vectors; without hidden units its values are linear."""
    return make_network((size,), actions, DQNConfig(hidden_units=tuple(hidden_units), **config))


def last_layer(network: QNetwork) -> nn.Linear:
    """Return the layer that gives the advantages, or the values where there is one stream."""
    layer = network.head.advantage[-1]
    assert isinstance(layer, nn.Linear)
    return layer


def linear_network(*values: float, **config: Any) -> QNetwork:
    """Return Q(o, a) = values[a] * o for observations of one number."""
    network = vector_network(1, len(values), **config)
    with torch.no_grad():
        last_layer(network).weight.copy_(torch.tensor(values).unsqueeze(1))
        last_layer(network).bias.zero_()
    return network
