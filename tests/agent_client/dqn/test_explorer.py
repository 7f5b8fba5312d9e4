"""An actor of Ape-X: epsilon stays what it is, and values are those of the network of now."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from agent_client.dqn.algorithm import DQN
from agent_client.dqn.config import DQNConfig

SPACE = spaces.Box(-1.0, 1.0, (3,), np.float32)
ACTIONS = spaces.Discrete(4)
SEEN = np.array([0.5, -0.25, 1.0], np.float32)


@pytest.mark.parametrize("noisy", [False, True])
def test_values_are_of_the_action_and_of_the_best_one_by_the_network_as_it_stands(
    noisy: bool,
) -> None:
    config = DQNConfig(hidden_units=(8,), noisy=noisy)
    network = DQN().make_network(SPACE, ACTIONS, config)
    explorer = DQN().explorer(network, ACTIONS, config, np.random.default_rng(0), 0.5)

    for _ in range(2):
        with torch.no_grad():
            for weights in network.parameters():
                weights.add_(0.1 * torch.randn_like(weights))
        values = DQN().greedy_policy(network).values(SEEN)  # type: ignore[attr-defined]
        choices = [explorer.choose(SEEN, 0) for _ in range(200)]

        assert {choice.best_value for choice in choices} == {float(values.max())}
        assert all(choice.value == float(values[choice.action]) for choice in choices)
        assert {choice.action for choice in choices} == {0, 1, 2, 3}


def test_so_many_choices_are_random_as_epsilon_says() -> None:
    config = DQNConfig(hidden_units=(8,))
    network = DQN().make_network(SPACE, ACTIONS, config)
    explorer = DQN().explorer(network, ACTIONS, config, np.random.default_rng(1), 0.4)

    choices = [explorer.choose(SEEN, 0) for _ in range(4_000)]

    best = DQN().greedy_policy(network).action(SEEN)
    share = np.mean([choice.action != best for choice in choices])
    assert share == pytest.approx(0.4 * 3 / 4, abs=0.03)  # over 4 standard errors
    assert explorer.exploration == {"epsilon": 0.4}
