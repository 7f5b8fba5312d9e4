"""Exploration."""

import numpy as np
import pytest
import torch

from agent_client.dqn.actor import Actor
from agent_client.dqn.policies import VectorPolicy
from agent_client.learning.schedules import LinearSchedule
from tests.agent_client.small_networks import last_layer, vector_network

OBSERVATION = np.zeros(2, np.float32)


@pytest.fixture
def policy() -> VectorPolicy:
    """Always prefers action 2 of 4."""
    network = vector_network(2, 4)
    with torch.no_grad():
        last_layer(network).bias.copy_(torch.tensor([0.0, 0.0, 100.0, 0.0]))
    return VectorPolicy(network)


def actor_with(policy: VectorPolicy, epsilon: LinearSchedule, seed: int = 0) -> Actor:
    return Actor(policy, 4, epsilon, np.random.default_rng(seed))


def test_without_exploration_every_action_is_greedy(policy: VectorPolicy) -> None:
    actor = actor_with(policy, LinearSchedule(0.0, 0.0, 0))

    assert {actor.act(OBSERVATION, step) for step in range(100)} == {2}


def test_exploration_is_uniform_over_all_actions(policy: VectorPolicy) -> None:
    actor = actor_with(policy, LinearSchedule(1.0, 1.0, 0))

    counts = np.bincount([actor.act(OBSERVATION, step) for step in range(4_000)], minlength=4)

    assert np.all(np.abs(counts - 1_000) < 150)  # 5 standard deviations are 137


def test_exploration_follows_the_schedule(policy: VectorPolicy) -> None:
    actor = actor_with(policy, LinearSchedule(1.0, 0.0, 1_000))

    others_at_half = sum(actor.act(OBSERVATION, 500) != 2 for _ in range(4_000))
    others_in_the_end = sum(actor.act(OBSERVATION, 1_000) != 2 for _ in range(4_000))

    assert others_at_half == pytest.approx(4_000 * 0.5 * 3 / 4, abs=160)  # 5 std. dev.
    assert others_in_the_end == 0


def test_equal_seeds_explore_equally(policy: VectorPolicy) -> None:
    one = actor_with(policy, LinearSchedule(0.5, 0.5, 0), seed=3)
    other = actor_with(policy, LinearSchedule(0.5, 0.5, 0), seed=3)

    assert [one.act(OBSERVATION, 0) for _ in range(50)] == [
        other.act(OBSERVATION, 0) for _ in range(50)
    ]
