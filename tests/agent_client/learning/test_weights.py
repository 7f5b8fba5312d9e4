"""How weights move between networks."""

import torch
from torch import nn

from agent_client.learning.weights import copy_weights, move_weights


def constant_network(value: float) -> nn.Linear:
    network = nn.Linear(2, 3)
    for parameter in network.parameters():
        nn.init.constant_(parameter, value)
    return network


def test_hard_copy_makes_networks_equal_but_keeps_them_apart() -> None:
    source, destination = constant_network(3.0), constant_network(1.0)

    copy_weights(source, destination)
    with torch.no_grad():
        source.weight.fill_(9.0)

    assert set(destination.weight.flatten().tolist()) == {3.0}


def test_polyak_average_moves_by_its_rate() -> None:
    source, destination = constant_network(3.0), constant_network(1.0)

    move_weights(source, destination, rate=0.25)
    assert set(destination.bias.tolist()) == {1.5}  # 1 + 0.25 * (3 - 1)

    move_weights(source, destination, rate=0.25)
    assert set(destination.bias.tolist()) == {1.875}  # 1.5 + 0.375
