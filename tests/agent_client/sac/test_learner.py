"""Gradient steps: what moves, by how much, and where it leads."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium import spaces

from agent_client.learning.transitions import TransitionBatch
from agent_client.sac.agent import Agent
from agent_client.sac.config import SACConfig
from agent_client.sac.policy import LOG_STD_RANGE

CONFIG = SACConfig(hidden_units=(8,), epsilon_priority=0.5, target_update_rate=0.25)
BOX = spaces.Box(np.array([-2.0], np.float32), np.array([4.0], np.float32))


def agent_of(config: SACConfig = CONFIG) -> Agent:
    torch.manual_seed(0)
    return Agent.build(2, BOX, config, np.random.default_rng(0))


def batch_of(action: torch.Tensor, reward: torch.Tensor, discount: float = 0.0) -> TransitionBatch:
    return TransitionBatch(
        observation=torch.zeros(len(action), 2),
        action=action,
        reward=reward,
        discount=torch.full((len(action),), discount),
        next_observation=torch.zeros(len(action), 2),
        weights=torch.ones(len(action)),
    )


def random_batch() -> TransitionBatch:
    return batch_of(torch.rand(16, 1) * 6 - 2, torch.randn(16), discount=0.9)


def spread_of(agent: Agent, log_std: float) -> None:
    """Let the policy have a standard deviation everywhere."""
    with torch.no_grad():
        agent.network.layers[-1].weight[1].zero_()
        agent.network.layers[-1].bias[1] = log_std


@pytest.mark.parametrize(
    ("log_std", "direction"),
    [pytest.param(-5.0, 1, id="too_certain"), pytest.param(-0.5, -1, id="too_uncertain")],
)
def test_temperature_moves_against_the_entropys_error(log_std: float, direction: int) -> None:
    agent = agent_of(replace(CONFIG, initial_temperature=0.2))
    spread_of(agent, log_std)

    found = agent.learner.step(random_batch(), 0)

    assert np.sign(found.entropy - -1.0) == -direction
    assert np.sign(agent.learner.temperature.value - 0.2) == direction
    assert agent.exploration(0) == {"temperature": agent.learner.temperature.value}


def test_target_entropy_counts_the_dimensions_of_an_action() -> None:
    wide = spaces.Box(-1.0, 1.0, (8,), np.float32)
    agent = Agent.build(2, wide, CONFIG, np.random.default_rng(0))
    with torch.no_grad():
        agent.network.layers[-1].weight.zero_()
        # Normal(0, e^-2) has an entropy of -0.6 nats in each dimension: -4.6 in all.
        agent.network.layers[-1].bias.copy_(torch.tensor([0.0] * 8 + [-2.0] * 8))

    found = agent.learner.step(batch_of(torch.zeros(16, 8), torch.zeros(16)), 0)

    assert -6.0 < found.entropy < -3.0  # above -8, below -1
    assert agent.learner.temperature.value < 1.0


def test_fixed_temperature_stays() -> None:
    agent = agent_of(replace(CONFIG, automatic_temperature=False, initial_temperature=0.3))

    agent.learner.step(random_batch(), 0)

    assert agent.learner.temperature.value == pytest.approx(0.3)


def test_target_critics_follow_by_their_rate() -> None:
    agent = agent_of()
    before = [parameter.clone() for parameter in agent.learner.target_critics.parameters()]

    agent.learner.step(random_batch(), 0)

    for old, online, target in zip(
        before,
        agent.learner.critics.parameters(),
        agent.learner.target_critics.parameters(),
        strict=True,
    ):
        assert not torch.equal(old, online)
        torch.testing.assert_close(target, old + 0.25 * (online - old))


def test_priorities_are_unweighted_errors_against_the_soft_target() -> None:
    agent = agent_of(replace(CONFIG, initial_temperature=0.5))
    spread_of(agent, LOG_STD_RANGE[0])  # as good as without chance
    with torch.no_grad():
        for critics in (agent.learner.critics, agent.learner.target_critics):
            for parameter in critics.parameters():
                parameter.zero_()
        agent.learner.critics.biases[-1].copy_(torch.tensor([[[1.0]], [[3.0]]]))
        agent.learner.target_critics.biases[-1].copy_(torch.tensor([[[7.0]], [[5.0]]]))
    batch = replace(
        batch_of(torch.zeros(2, 1), torch.tensor([10.0, 10.0])),
        discount=torch.tensor([0.0, 0.9]),
        weights=torch.tensor([1.0, 0.1]),
    )
    torch.manual_seed(1)
    _, log_densities = agent.network.sample(batch.next_observation)
    soft = 5.0 - 0.5 * log_densities[1].item()
    targets = [10.0, 10.0 + 0.9 * soft]
    torch.manual_seed(1)

    found = agent.learner.step(batch, 0)

    expected = [(abs(y - 1.0) + abs(y - 3.0)) / 2 + 0.5 for y in targets]
    assert found.priorities.tolist() == pytest.approx(expected, rel=1e-5)
    assert found.priorities.dtype == np.float64
    assert found.mean_value == pytest.approx(2.0)


def test_steps_are_counted_and_figures_are_those_announced() -> None:
    agent = agent_of()

    found = agent.learner.step(random_batch(), 0)

    assert agent.learner.steps == 1
    assert set(found.figures()) | set(agent.exploration(0)) == {
        "temperature", "entropy", "critic_loss", "policy_loss", "mean_value",
    }  # fmt: skip
    assert all(np.isfinite(value) for value in found.figures().values())


def bandit(config: SACConfig, steps: int, optimum: float, curvature: float) -> Agent:
    """Train on one-step episodes whose reward is ``-curvature (a - optimum)^2``."""
    agent = agent_of(config)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        action = torch.rand(64, 1, generator=generator) * 6 - 2
        reward = -curvature * (action[:, 0] - optimum).square()
        agent.learner.step(batch_of(action, reward), 0)
    return agent


QUICK = SACConfig(
    hidden_units=(32, 32),
    policy_learning_rate=3e-3,
    critic_learning_rate=3e-3,
    temperature_learning_rate=3e-3,
    initial_temperature=0.1,
)


def test_bandit_of_one_step_is_learned() -> None:
    agent = bandit(QUICK, 800, optimum=2.5, curvature=1.0)

    (action,) = agent.greedy_policy().action(np.zeros(2, np.float32))

    assert action == pytest.approx(2.5, abs=0.15)


def test_at_a_fixed_temperature_the_policy_spreads_as_far_as_rewards_allow() -> None:
    # exp(Q / alpha) is a Gaussian of variance alpha / (2 curvature): std 0.3 of the environment's
    # actions, 0.1 of those in [-1, 1], around a = 1, the middle.
    config = replace(QUICK, automatic_temperature=False, initial_temperature=0.18)

    agent = bandit(config, 1_200, optimum=1.0, curvature=1.0)

    with torch.no_grad():
        mean, log_std = agent.network.distribution(torch.zeros(1, 2))
    assert mean.item() == pytest.approx(0.0, abs=0.05)
    assert log_std.exp().item() == pytest.approx(0.1, rel=0.3)
