"""Distributions over atoms: projected by hand, by a slow twin, and learned where they are known."""

import math

import pytest
import torch
from torch import Tensor

from agent_client.dqn.categorical_return import CategoricalReturn, project
from agent_client.dqn.config import DQNConfig
from agent_client.dqn.learner import Learner
from agent_client.learning.transitions import TransitionBatch
from tests.agent_client.small_networks import vector_network


def slow_projection(
    returns: list[float], probabilities: list[float], low: float, high: float, atoms: int
) -> list[float]:
    """Algorithm 1 of Bellemare et al. (2017), return by return."""
    spacing = (high - low) / (atoms - 1)
    projected = [0.0] * atoms
    for value, probability in zip(returns, probabilities, strict=True):
        b = (min(max(value, low), high) - low) / spacing
        lower, upper = math.floor(b), math.ceil(b)
        if lower == upper:
            projected[lower] += probability
        else:
            projected[lower] += probability * (upper - b)
            projected[upper] += probability * (b - lower)
    return projected


def test_what_lies_between_two_atoms_goes_to_both() -> None:
    # 0.25 lies a quarter of the way from 0 to 1; 1 is an atom; 7 and -9 lie beyond the ends.
    atoms = torch.tensor([-1.0, 0.0, 1.0, 2.0])

    projected = project(
        torch.tensor([[0.25, 1.0, 7.0, -9.0]]), torch.tensor([[0.4, 0.3, 0.2, 0.1]]), atoms
    )

    expected = torch.tensor([[0.1, 0.4 * 0.75, 0.4 * 0.25 + 0.3, 0.2]])
    torch.testing.assert_close(projected, expected)


def test_projection_is_that_of_the_slow_twin() -> None:
    torch.manual_seed(0)
    atoms = torch.linspace(-3.0, 5.0, 17, dtype=torch.float64)
    returns = 4.0 * torch.randn(50, 17, dtype=torch.float64)
    returns[:10] = atoms  # on the atoms themselves
    probabilities = torch.rand(50, 17, dtype=torch.float64).softmax(dim=1)

    projected = project(returns, probabilities, atoms)

    for row, (values, likely) in enumerate(
        zip(returns.tolist(), probabilities.tolist(), strict=True)
    ):
        expected = slow_projection(values, likely, -3.0, 5.0, 17)
        assert projected[row].tolist() == pytest.approx(expected, abs=1e-12)
    torch.testing.assert_close(projected.sum(dim=1), torch.ones(50, dtype=torch.float64))


def test_values_are_means_over_the_atoms() -> None:
    returns = CategoricalReturn(3, -1.0, 1.0)
    logits = torch.tensor([[[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]]]).clamp_min(1e-30).log()

    torch.testing.assert_close(returns.values(logits), torch.tensor([[-0.25, 1.0]]))


def test_loss_is_the_cross_entropy_and_the_priority_the_divergence() -> None:
    # Atoms 0, 1, 2. Target: 0.5 + 0.5 * (0, 1, 2) = (0.5, 1, 1.5), each a third:
    # m = (1/6, 1/6 + 1/3 + 1/6, 1/6) = (1/6, 2/3, 1/6).
    returns = CategoricalReturn(3, 0.0, 2.0)
    logits = torch.tensor([[0.0, 1.0, -1.0]], requires_grad=True)

    result = returns.compare(logits, torch.tensor([0.5]), torch.tensor([0.5]), torch.zeros(1, 3))

    target = torch.tensor([1 / 6, 2 / 3, 1 / 6])
    predicted = logits.detach()[0].softmax(dim=0)
    cross_entropy = -(target * predicted.log()).sum()
    divergence = (target * (target / predicted).log()).sum()
    assert result.losses.tolist() == pytest.approx([cross_entropy.item()], rel=1e-5)
    assert result.surprise.tolist() == pytest.approx([divergence.item()], rel=1e-5)
    result.losses.sum().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(logits.grad, (predicted - target)[None])


def test_what_was_foreseen_does_not_surprise() -> None:
    returns = CategoricalReturn(5, 0.0, 4.0)
    logits = torch.randn(3, 5)

    result = returns.compare(logits, torch.zeros(3), torch.ones(3), logits)

    assert result.losses.min() > 0.1
    assert result.surprise.tolist() == pytest.approx([0.0] * 3, abs=1e-6)
    assert result.surprise.min() >= 0.0


def test_after_termination_only_the_reward_is_left() -> None:
    returns = CategoricalReturn(3, 0.0, 2.0)
    sure = torch.tensor([[-50.0, 50.0, -50.0]])

    result = returns.compare(sure, torch.tensor([1.0]), torch.zeros(1), torch.randn(1, 3))

    assert result.losses.tolist() == pytest.approx([0.0], abs=1e-6)


def test_a_known_distribution_is_learned_and_not_its_mean_alone() -> None:
    # One step, then the end; action 0 pays 1 for sure, action 1 pays 0 or 4 (a quarter): both 1.
    network = vector_network(1, 2, categorical=True, atoms=5, value_min=0.0, value_max=4.0)
    config = DQNConfig(learning_rate=0.05, learning_rate_final=0.05)
    learner = Learner(network, config)
    pays = torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 4.0])
    batch = TransitionBatch(
        observation=torch.ones(8, 1),
        action=torch.tensor([0] * 4 + [1] * 4),
        reward=pays,
        discount=torch.zeros(8),
        next_observation=torch.ones(8, 1),
        weights=torch.ones(8),
    )

    for _ in range(300):
        learner.step(batch, 0)

    with torch.no_grad():
        found: Tensor = network.outputs(torch.ones(1, 1))[0].softmax(dim=1)
        values = network(torch.ones(1, 1))[0]
    assert found[0].tolist() == pytest.approx([0, 1, 0, 0, 0], abs=0.02)
    assert found[1].tolist() == pytest.approx([0.75, 0, 0, 0, 0.25], abs=0.02)
    assert values.tolist() == pytest.approx([1.0, 1.0], abs=0.05)
