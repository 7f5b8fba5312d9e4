"""The formulas of the papers against numbers worked out by hand."""

import pytest
import torch
from torch import Tensor

from agent_client.dqn.losses import new_priorities, td_errors, td_targets, weighted_huber_loss


def close(actual: Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(actual, torch.tensor(expected), rtol=0, atol=1e-6)


def test_double_q_target_values_the_online_choice_by_the_target_network() -> None:
    # The online network prefers action 1, which the target network thinks is worth 3, not 8.
    targets = td_targets(
        reward=torch.tensor([1.0]),
        discount=torch.tensor([0.5]),
        next_target_values=torch.tensor([[8.0, 3.0]]),
        next_online_values=torch.tensor([[2.0, 9.0]]),
    )

    close(targets, [1.0 + 0.5 * 3.0])


def test_plain_target_takes_the_maximum_of_the_target_network() -> None:
    targets = td_targets(
        reward=torch.tensor([1.0]),
        discount=torch.tensor([0.5]),
        next_target_values=torch.tensor([[8.0, 3.0]]),
        next_online_values=None,
    )

    close(targets, [1.0 + 0.5 * 8.0])


def test_target_after_termination_is_the_reward_and_after_truncation_goes_on() -> None:
    terminated, truncated = 0.0, 0.9

    targets = td_targets(
        reward=torch.tensor([2.0, 2.0]),
        discount=torch.tensor([terminated, truncated]),
        next_target_values=torch.tensor([[10.0], [10.0]]),
        next_online_values=torch.tensor([[10.0], [10.0]]),
    )

    close(targets, [2.0, 2.0 + 0.9 * 10.0])


def test_target_has_no_gradient() -> None:
    values = torch.tensor([[1.0, 2.0]], requires_grad=True)

    targets = td_targets(torch.tensor([0.0]), torch.tensor([1.0]), values, values)

    assert not targets.requires_grad


def test_td_error_is_target_minus_value_of_the_action_taken() -> None:
    values = torch.tensor([[1.0, 5.0], [7.0, 2.0]])

    errors = td_errors(values, torch.tensor([1, 0]), torch.tensor([4.5, 10.0]))

    close(errors, [-0.5, 3.0])


def test_loss_is_the_mean_of_weight_times_huber() -> None:
    # |0.5| is below delta 1: 0.5^2 / 2 = 0.125. |-3| is beyond: 1 * (3 - 0.5) = 2.5.
    loss = weighted_huber_loss(torch.tensor([0.5, -3.0]), torch.tensor([1.0, 0.2]), delta=1.0)

    assert float(loss) == pytest.approx((1.0 * 0.125 + 0.2 * 2.5) / 2)


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

    weighted_huber_loss(errors, torch.tensor([1.0]), delta=2.0).backward()  # type: ignore[no-untyped-call]

    assert errors.grad is not None
    close(errors.grad, [slope])


def test_priority_is_absolute_td_error_plus_epsilon_without_weight_or_exponent() -> None:
    priorities = new_priorities(torch.tensor([-3.0, 0.0, 0.5]), epsilon_priority=0.01)

    assert priorities.dtype == torch.float64
    assert priorities.tolist() == pytest.approx([3.01, 0.01, 0.51])
