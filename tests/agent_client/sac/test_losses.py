"""Targets and losses, by hand."""

import pytest
import torch

from agent_client.sac import losses


def test_target_is_the_lower_soft_value_and_after_termination_the_reward() -> None:
    targets = losses.soft_targets(
        reward=torch.tensor([1.0, 2.0, 3.0]),
        discount=torch.tensor([0.5, 0.0, 0.25]),  # a step, a termination, two steps of 0.5
        next_values=torch.tensor([[10.0, 10.0, 8.0], [6.0, 99.0, 12.0]]),
        next_log_densities=torch.tensor([-2.0, 5.0, 10.0]),
        temperature=0.5,
    )

    assert targets.tolist() == [1.0 + 0.5 * (6.0 + 1.0), 2.0, 3.0 + 0.25 * (8.0 - 5.0)]


def test_targets_carry_no_gradient() -> None:
    values = torch.ones(2, 1, requires_grad=True)

    targets = losses.soft_targets(torch.ones(1), torch.ones(1), values, torch.ones(1), 1.0)

    assert not targets.requires_grad


def test_critic_loss_is_half_the_weighted_mean_square_of_each_critic() -> None:
    errors = torch.tensor([[1.0, 2.0], [3.0, 0.0]])

    loss = losses.critic_loss(errors, torch.tensor([1.0, 0.5]))

    assert loss.item() == 0.5 * ((1.0 + 0.5 * 4.0) / 2 + 9.0 / 2)


def test_policy_loss_weighs_the_lower_value_against_the_density() -> None:
    values = torch.tensor([[1.0, 5.0], [2.0, 3.0]], requires_grad=True)
    densities = torch.tensor([0.5, -1.5], requires_grad=True)

    loss = losses.policy_loss(values, densities, temperature=2.0)
    loss.backward()

    assert loss.item() == ((1.0 - 1.0) + (-3.0 - 3.0)) / 2
    assert values.grad is not None
    assert values.grad.tolist() == [[-0.5, 0.0], [0.0, -0.5]]
    assert densities.grad is not None
    assert densities.grad.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("density", "slope"),
    [
        pytest.param(3.0, -1.0, id="grows_below_the_target_entropy"),  # entropy -3
        pytest.param(-1.0, 3.0, id="falls_above_the_target_entropy"),  # entropy 1
        pytest.param(2.0, 0.0, id="stays_at_the_target_entropy"),
    ],
)
def test_temperature(density: float, slope: float) -> None:
    log_temperature = torch.tensor(0.7, requires_grad=True)
    densities = torch.tensor([density - 0.5, density + 0.5], requires_grad=True)

    losses.temperature_loss(log_temperature, densities, target_entropy=-2.0).backward()

    assert log_temperature.grad is not None
    assert log_temperature.grad.item() == slope
    assert densities.grad is None


def test_priority_is_the_mean_error_of_both_critics_plus_epsilon() -> None:
    priorities = losses.new_priorities(torch.tensor([[1.0, -2.0], [-3.0, 0.0]]), 0.25)

    assert priorities.dtype == torch.float64
    assert priorities.tolist() == [2.25, 1.25]
