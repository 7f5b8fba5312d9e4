"""Exploration."""

import numpy as np
import torch
from gymnasium import spaces

from agent_client.sac.actor import Actor
from agent_client.sac.policy import NumpyPolicy, SquashedGaussianPolicy

BOX = spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([2.0, 10.0], np.float32))
OBSERVATION = np.zeros(3, np.float32)


def actor(random_steps: int, seed: int = 0) -> Actor:
    torch.manual_seed(0)
    policy = NumpyPolicy(SquashedGaussianPolicy(3, BOX, ()))
    return Actor(policy, BOX, random_steps, np.random.default_rng(seed))


def test_first_actions_are_uniform_within_the_bounds() -> None:
    one = actor(random_steps=10)

    actions = np.array([one.act(OBSERVATION, step=9) for _ in range(4_000)])

    assert actions.dtype == np.float32
    assert BOX.low.tolist() <= actions.min(axis=0).tolist()
    assert actions.max(axis=0).tolist() <= BOX.high.tolist()
    # Each tenth of a range holds 400 of 4,000; five standard deviations are 95.
    for number, (low, high) in enumerate(zip(BOX.low, BOX.high, strict=True)):
        counts, _ = np.histogram(actions[:, number], bins=10, range=(low, high))
        assert np.abs(counts - 400).max() < 95


def test_later_actions_are_the_policys() -> None:
    one, policy = actor(random_steps=10), actor(random_steps=0)

    assert one.act(OBSERVATION, step=10).tolist() == policy.act(OBSERVATION, step=1).tolist()


def test_equal_seeds_make_equal_actions() -> None:
    one, same, other = actor(5, seed=1), actor(5, seed=1), actor(5, seed=2)

    acted = [[a.act(OBSERVATION, step).tolist() for step in range(10)] for a in (one, same, other)]

    assert acted[0] == acted[1]
    assert acted[0] != acted[2]
