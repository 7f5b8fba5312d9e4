"""Quantiles of the return: their loss by hand, and learned where they are known."""

import pytest
import torch

from agent_client.dqn.config import DQNConfig
from agent_client.dqn.learner import Learner
from agent_client.dqn.quantile_return import QuantileReturn
from agent_client.learning.transitions import TransitionBatch
from tests.agent_client.small_networks import vector_network


def test_values_are_means_of_the_quantiles() -> None:
    returns = QuantileReturn(2, huber_delta=1.0)

    assert returns.values(torch.tensor([[[1.0, 3.0], [-1.0, 0.0]]])).tolist() == [[2.0, -0.5]]


def test_loss_weighs_what_lies_above_and_below_by_the_quantile() -> None:
    # Quantiles 1/4 and 3/4, predicted 0 and 2; the target is 1 + 0.5 * (0, 2) = (1, 2); delta 1.
    # theta_1 = 0: errors 1 and 2, both above: 1/4 * (0.5 + 1.5) / 2 = 0.25
    # theta_2 = 2: errors -1 (below: |3/4 - 1| = 1/4) and 0: 1/4 * (0.5 + 0) / 2 = 0.0625
    returns = QuantileReturn(2, huber_delta=1.0)
    outputs = torch.tensor([[0.0, 2.0]], requires_grad=True)

    result = returns.compare(
        outputs, torch.tensor([1.0]), torch.tensor([0.5]), torch.tensor([[0.0, 2.0]])
    )

    assert result.losses.tolist() == pytest.approx([0.25 + 0.0625])
    assert result.surprise.tolist() == result.losses.tolist()
    assert not result.surprise.requires_grad


def test_known_quantiles_are_learned() -> None:
    # One step, then the end, which pays 0, 1, 2, ... 9, each as often: with ten quantiles, these.
    # A small delta makes Huber's loss the quantiles' own.
    network = vector_network(1, 1, quantile=True, atoms=10, huber_delta=0.01)
    learner = Learner(network, DQNConfig(learning_rate=0.1, learning_rate_final=0.01,
                                         learning_rate_decay_steps=800))  # fmt: skip
    batch = TransitionBatch(
        observation=torch.ones(10, 1),
        action=torch.zeros(10, dtype=torch.int64),
        reward=torch.arange(10.0),
        discount=torch.zeros(10),
        next_observation=torch.ones(10, 1),
        weights=torch.ones(10),
    )

    for step in range(800):
        learner.step(batch, step)

    with torch.no_grad():
        found = network.outputs(torch.ones(1, 1))[0, 0]
    assert found.tolist() == pytest.approx(list(range(10)), abs=0.2)
