"""One gradient step, worked out by hand on a network of one weight per action."""

from dataclasses import replace

import pytest
import torch

from agent_client.dqn.config import DQNConfig
from agent_client.dqn.learner import Learner
from agent_client.learning.transitions import TransitionBatch
from tests.agent_client.small_networks import last_layer, linear_network, vector_network

CONFIG = DQNConfig(hidden_units=(), epsilon_priority=0.01, target_update_period=3)


def batch_of(
    *, observation: list[float], action: list[int], reward: list[float], discount: list[float],
    next_observation: list[float], weights: list[float] | None = None,
) -> TransitionBatch:  # fmt: skip
    return TransitionBatch(
        observation=torch.tensor(observation).unsqueeze(1),
        action=torch.tensor(action),
        reward=torch.tensor(reward),
        discount=torch.tensor(discount),
        next_observation=torch.tensor(next_observation).unsqueeze(1),
        weights=torch.tensor(weights or [1.0] * len(action)),
    )


ONE_TRANSITION = batch_of(
    observation=[1.0], action=[0], reward=[1.0], discount=[0.5], next_observation=[2.0]
)


def test_priorities_are_unweighted_td_errors() -> None:
    # Q = (2, 1) * o. Targets: 1 + 0.5 * max(4, 2) = 3 and 5 + 0 = 5 (terminated).
    # Errors: 3 - Q(1, 0) = 1 and 5 - Q(3, 1) = 2, whatever the weights say.
    learner = Learner(linear_network(2.0, 1.0), CONFIG)
    batch = batch_of(
        observation=[1.0, 3.0],
        action=[0, 1],
        reward=[1.0, 5.0],
        discount=[0.5, 0.0],
        next_observation=[2.0, 100.0],
        weights=[0.1, 1.0],
    )

    result = learner.step(batch, 0)

    assert result.priorities.tolist() == pytest.approx([1.01, 2.01])
    assert result.loss == pytest.approx((0.1 * 0.5 + 1.0 * 1.5) / 2)
    assert result.mean_value == pytest.approx((2.0 + 3.0) / 2)


@pytest.mark.parametrize(
    ("double_q", "error"),
    [
        # The target network thinks (2, 6) of o' = 2, the online network prefers action 0.
        pytest.param(True, 1 + 0.5 * 2 - 5, id="double"),
        pytest.param(False, 1 + 0.5 * 6 - 5, id="plain"),
    ],
)
def test_double_q_can_be_switched(double_q: bool, error: float) -> None:
    learner = Learner(linear_network(1.0, 3.0), replace(CONFIG, double_q=double_q))
    with torch.no_grad():
        last_layer(learner.network).weight.copy_(torch.tensor([[5.0], [4.0]]))

    result = learner.step(ONE_TRANSITION, 0)

    assert result.priorities.tolist() == pytest.approx([abs(error) + 0.01])


def test_step_moves_the_value_towards_the_target_and_no_other_action() -> None:
    learner = Learner(linear_network(0.0, 0.0), replace(CONFIG, learning_rate=0.1))

    learner.step(ONE_TRANSITION, 0)

    # Adam's first step is the learning rate times the sign of the gradient.
    assert last_layer(learner.network).weight[:, 0].tolist() == pytest.approx([0.1, 0.0], abs=1e-6)


def test_weight_scales_the_gradient() -> None:
    halved = replace(ONE_TRANSITION, weights=torch.tensor([0.5]))

    full = Learner(linear_network(0.0), CONFIG).step(ONE_TRANSITION, 0)
    half = Learner(linear_network(0.0), CONFIG).step(halved, 0)

    assert half.gradient_norm == pytest.approx(full.gradient_norm / 2)
    assert half.priorities.tolist() == full.priorities.tolist()


def test_gradient_is_clipped_to_the_longest_norm() -> None:
    # d loss / d weight = -o * 1 = -100, d loss / d bias = -1.
    config = replace(CONFIG, max_gradient_norm=0.5)
    learner = Learner(linear_network(0.0), config)
    batch = batch_of(
        observation=[100.0], action=[0], reward=[9.0], discount=[0.0], next_observation=[0.0]
    )

    result = learner.step(batch, 0)

    gradients = torch.cat([parameter.grad.flatten() for parameter in learner.network.parameters()
                           if parameter.grad is not None])  # fmt: skip
    assert result.gradient_norm == pytest.approx((100.0**2 + 1.0) ** 0.5)
    assert float(gradients.norm()) == pytest.approx(0.5, rel=1e-4)


def test_target_network_is_copied_every_period_and_frozen_between() -> None:
    learner = Learner(linear_network(0.0), replace(CONFIG, target_update_period=3))
    target = last_layer(learner.target_network).weight
    online = last_layer(learner.network).weight

    for _ in range(2):
        learner.step(ONE_TRANSITION, 0)
    assert target.item() == 0.0

    learner.step(ONE_TRANSITION, 0)
    assert target.item() == online.item() != 0.0


def test_target_network_follows_by_polyak_when_so_configured() -> None:
    config = replace(CONFIG, target_update_period=1, target_update_rate=0.1)
    learner = Learner(linear_network(0.0), config)

    learner.step(ONE_TRANSITION, 0)

    online = last_layer(learner.network).weight.item()
    assert last_layer(learner.target_network).weight.item() == pytest.approx(0.1 * online)


def test_step_size_falls_with_environment_steps() -> None:
    config = replace(
        CONFIG, learning_rate=0.4, learning_rate_final=0.2, learning_rate_decay_steps=100
    )
    learner = Learner(linear_network(0.0), config)

    learner.step(ONE_TRANSITION, 50)

    assert last_layer(learner.network).weight.item() == pytest.approx(0.3)


def test_learning_a_known_value_by_heart() -> None:
    # One state that leads back to itself: Q = r / (1 - d) = 1 / (1 - 0.5) = 2.
    config = replace(CONFIG, learning_rate=0.01, learning_rate_final=0.01, target_update_period=5)
    learner = Learner(linear_network(0.0), config)
    batch = batch_of(
        observation=[1.0], action=[0], reward=[1.0], discount=[0.5], next_observation=[1.0]
    )

    for _ in range(1_500):
        learner.step(batch, 0)
    result = learner.step(batch, 0)

    assert result.mean_value == pytest.approx(2.0, abs=0.02)


def test_without_a_target_network_targets_come_of_the_online_network() -> None:
    config = replace(CONFIG, target_update_period=1, target_update_rate=1.0)
    with_one = Learner(linear_network(1.0, 2.0), replace(config, target_update_period=1_000))
    without = Learner(linear_network(1.0, 2.0), config)
    assert without.target_network is without.network

    for learner in (with_one, without):
        with torch.no_grad():
            last_layer(learner.network).weight += 1.0
    frozen, followed = (learner.step(ONE_TRANSITION, 0) for learner in (with_one, without))

    # Q(1, 0) = 2. Of o' = 2 the frozen target says (2, 4), the online network (4, 6).
    assert frozen.priorities.tolist() == pytest.approx([abs(1 + 0.5 * 4 - 2) + 0.01])
    assert followed.priorities.tolist() == pytest.approx([abs(1 + 0.5 * 6 - 2) + 0.01])


@pytest.mark.parametrize(("actions", "largest"), [(2, 0.56419), (8, 1.42360)])
def test_double_q_takes_the_bias_of_the_maximum_away(actions: int, largest: float) -> None:
    # Every action is worth 0, but both networks err in each of 2,000 states, independently and
    # normally. The target network's maximum then has the mean of the largest of so many normal
    # numbers (two: 1 / sqrt(pi)); what it says of the online network's choice has the mean 0.
    states, pay = 2_000, 100.0
    batch = TransitionBatch(
        observation=torch.zeros(states, states),
        action=torch.zeros(states, dtype=torch.int64),
        reward=torch.full((states,), pay),
        discount=torch.ones(states),
        next_observation=torch.eye(states),
        weights=torch.ones(states),
    )

    def bias(*, double_q: bool) -> float:
        learner = Learner(vector_network(states, actions), replace(CONFIG, double_q=double_q))
        torch.manual_seed(actions)
        with torch.no_grad():
            for network in (learner.network, learner.target_network):
                last_layer(network).weight.normal_()
                last_layer(network).bias.zero_()
        return float(learner.step(batch, 0).priorities.mean()) - pay - CONFIG.epsilon_priority

    assert bias(double_q=False) == pytest.approx(largest, abs=0.09)  # 5 standard deviations
    assert bias(double_q=True) == pytest.approx(0.0, abs=0.11)


def test_noise_is_drawn_anew_for_prediction_choice_and_target() -> None:
    network = vector_network(1, 2, noisy=True)
    learner = Learner(network, CONFIG)
    drawn: list[torch.Tensor] = []
    for one in (network, learner.target_network):
        for layer in one.noisy_layers:
            layer.register_forward_pre_hook(lambda it, _: drawn.append(it.noise[0]))  # type: ignore[index,arg-type]

    learner.step(ONE_TRANSITION, 0)

    assert len(torch.stack(drawn).unique(dim=0)) == len(drawn) == 3
    assert all(layer.noise is None for layer in network.noisy_layers)
