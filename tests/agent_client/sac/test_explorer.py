"""SAC's actors elsewhere: uniform until the run has its random steps, then the policy of now."""

import numpy as np
import torch
from gymnasium import spaces

from agent_client.sac.algorithm import SAC
from agent_client.sac.config import SACConfig

SPACE = spaces.Box(-1.0, 1.0, (3,), np.float32)
ACTIONS = spaces.Box(np.float32([-2.0]), np.float32([6.0]))
CONFIG = SACConfig(hidden_units=(8,), random_steps=100)
SEEN = np.array([0.5, -0.25, 1.0], np.float32)


def test_actions_are_uniform_until_all_actors_together_have_done_the_random_steps() -> None:
    policy = SAC().make_network(SPACE, ACTIONS, CONFIG)
    with torch.no_grad():  # a policy that is sure of tanh(-20), the lower bound
        policy.layers[-1].weight.zero_()
        policy.layers[-1].bias.copy_(torch.tensor([-20.0, -20.0]))
    explorer = SAC().explorer(policy, ACTIONS, CONFIG, np.random.default_rng(0), epsilon=0.9)

    first = np.array([explorer.choose(SEEN, 99).action for _ in range(1_000)])
    later = np.array([explorer.choose(SEEN, 100).action for _ in range(10)])

    assert abs(first.mean() - 2.0) < 0.3
    assert first.min() < -1.9
    assert first.max() > 5.9
    assert (later == -2.0).all()


def test_it_draws_from_the_policy_as_it_stands_and_tells_no_values() -> None:
    policy = SAC().make_network(SPACE, ACTIONS, CONFIG)
    explorer = SAC().explorer(policy, ACTIONS, CONFIG, np.random.default_rng(0), epsilon=0.0)

    spread = np.std([explorer.choose(SEEN, 100).action for _ in range(100)])
    with torch.no_grad():
        policy.layers[-1].bias[0] = 50.0  # the mean; changed after the explorer was made
    choice = explorer.choose(SEEN, 100)

    assert spread > 0.1
    assert choice.action == 6.0
    assert not explorer.tells_values
    assert explorer.exploration == {}
