"""The formulas of the papers against numbers worked out by hand."""

import pytest
import torch
from torch import Tensor

from agent_client.dqn.losses import (
    huber_losses,
    new_priorities,
    next_actions,
    td_targets,
    weighted_mean,
)


def close(actual: Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(actual, torch.tensor(expected), rtol=0, atol=1e-6)


def test_double_q_lets_the_online_network_choose() -> None:
    chosen = next_actions(torch.tensor([[8.0, 3.0]]), torch.tensor([[2.0, 9.0]]))

    assert chosen.tolist() == [1]


def test_without_double_q_the_target_network_chooses() -> None:
    assert next_actions(torch.tensor([[8.0, 3.0]]), None).tolist() == [0]


def test_target_after_termination_is_the_reward_and_after_truncation_goes_on() -> None:
    terminated, truncated = 0.0, 0.9

    targets = td_targets(
        reward=torch.tensor([2.0, 2.0]),
        discount=torch.tensor([terminated, truncated]),
        next_values=torch.tensor([10.0, 10.0]),
    )

    close(targets, [2.0, 2.0 + 0.9 * 10.0])


def test_target_has_no_gradient() -> None:
    values = torch.tensor([1.0], requires_grad=True)

    assert not td_targets(torch.tensor([0.0]), torch.tensor([1.0]), values).requires_grad


def test_loss_is_the_mean_of_weight_times_huber() -> None:
    # |0.5| is below delta 1: 0.5^2 / 2 = 0.125. |-3| is beyond: 1 * (3 - 0.5) = 2.5.
    losses = huber_losses(torch.tensor([0.5, -3.0]), delta=1.0)

    close(losses, [0.125, 2.5])
    assert float(weighted_mean(losses, torch.tensor([1.0, 0.2]))) == pytest.approx(
        (1.0 * 0.125 + 0.2 * 2.5) / 2
    )


@pytest.mark.parametrize(
    ("error", "slope"),
    [
        pytest.param(0.5, 0.5, id="small_error"),
        pytest.param(-0.5, -0.5, id="small_negative_error"),
        pytest.param(30.0, 2.0, id="clipped_at_delta"),
        pytest.param(-30.0, -2.0, id="clipped_at_minus_delta"),
    ],
)
def test_slope_of_the_loss_is_the_error_clipped_to_delta(error: float, slope: float) -> None:
    errors = torch.tensor([error], requires_grad=True)

    huber_losses(errors, delta=2.0).sum().backward()  # type: ignore[no-untyped-call]

    assert errors.grad is not None
    close(errors.grad, [slope])


def test_priority_is_absolute_td_error_plus_epsilon_without_weight_or_exponent() -> None:
    priorities = new_priorities(torch.tensor([-3.0, 0.0, 0.5]), epsilon_priority=0.01)

    assert priorities.dtype == torch.float64
    assert priorities.tolist() == pytest.approx([3.01, 0.01, 0.51])
