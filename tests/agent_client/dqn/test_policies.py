"""What acts: the network's best action, by NumPy or by torch, with noise or without."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from agent_client.dqn.agent import Agent
from agent_client.dqn.config import DQNConfig
from agent_client.dqn.network_choice import make_network
from agent_client.dqn.noisy_linear import fresh_noise
from agent_client.dqn.policies import (
    NoisyPolicy,
    TensorPolicy,
    VectorPolicy,
    exploring_policy,
    greedy_policy,
)
from tests.agent_client.dqn.test_networks import BODIES, RETURNS, some
from tests.agent_client.small_networks import last_layer, linear_network, vector_network


@pytest.mark.parametrize(
    ("returns", "dueling", "noisy", "layer_norm"),
    list(itertools.product(RETURNS, (False, True), (False, True), (False, True))),
)
@pytest.mark.parametrize("hidden_units", [(), (5,), (16, 16)], ids=str)
def test_numpy_and_torch_agree(
    hidden_units: tuple[int, ...], returns: str, dueling: bool, noisy: bool, layer_norm: bool
) -> None:
    torch.manual_seed(0)
    config: dict[str, Any] = {"dueling": dueling, "noisy": noisy, "layer_norm": layer_norm}
    network = vector_network(4, 3, hidden_units, **config, **RETURNS[returns])
    policy = VectorPolicy(network)
    observations = torch.randn(10, 4)

    for noise in (False, True):
        with fresh_noise(network.noisy_layers if noise else ()):
            expected = network(observations).detach().numpy()
            for observation, values in zip(observations.numpy(), expected, strict=True):
                np.testing.assert_allclose(policy.values(observation), values, rtol=1e-4, atol=1e-5)


def test_policy_follows_the_network_as_it_is_trained() -> None:
    network = linear_network(0.0, 0.0)
    policy = VectorPolicy(network)

    with torch.no_grad():
        last_layer(network).bias.copy_(torch.tensor([0.0, 1.0]))

    assert policy.action(np.zeros(1, np.float32)) == 1


def test_policy_takes_the_first_of_equal_actions() -> None:
    assert VectorPolicy(linear_network(1.0, 1.0)).action(np.ones(1, np.float32)) == 0


@pytest.mark.parametrize("body", BODIES)
def test_policy_takes_the_best_action_of_the_network(body: str) -> None:
    torch.manual_seed(0)
    network = make_network(BODIES[body], 5, DQNConfig(hidden_units=(32,)))
    policy = greedy_policy(network)
    seen = some(BODIES[body], 20)

    with torch.no_grad():
        last_layer(network).bias -= network(seen).mean(dim=0)  # or one action is best everywhere
    best = network(seen).argmax(dim=1).tolist()

    assert isinstance(policy, VectorPolicy if body in ("vector", "stack") else TensorPolicy)
    if isinstance(seen, dict):
        parts = {name: part.numpy() for name, part in seen.items()}
        rows: list[Any] = [{name: part[i] for name, part in parts.items()} for i in range(20)]
    else:
        rows = list(seen.numpy())
    assert [policy.action(row) for row in rows] == best
    assert len(set(best)) > 1


def test_observations_need_not_be_contiguous() -> None:
    network = make_network((6, 7, 2), 5, DQNConfig(hidden_units=(8,)))
    image = np.random.default_rng(0).integers(0, 256, (7, 6, 2), np.uint8).swapaxes(0, 1)

    assert 0 <= TensorPolicy(network).action(image) < 5


def test_noise_explores_and_its_absence_does_not() -> None:
    torch.manual_seed(0)
    network = vector_network(2, 4, (16,), noisy=True, noise_scale=2.0)
    observation = np.array([0.3, -0.8], np.float32)
    exploring, greedy = exploring_policy(network), greedy_policy(network)
    values = network(torch.from_numpy(observation)[None])[0]

    explored = {exploring.action(observation) for _ in range(200)}

    assert isinstance(exploring, NoisyPolicy)
    assert explored == {0, 1, 2, 3}
    assert {greedy.action(observation) for _ in range(20)} == {int(values.argmax())}
    np.testing.assert_allclose(greedy.values(observation), values.detach().numpy(), atol=1e-5)


def test_without_noisy_layers_exploring_is_left_to_epsilon() -> None:
    assert isinstance(exploring_policy(vector_network(2, 4)), VectorPolicy)


@pytest.mark.parametrize("noisy", [False, True])
def test_noise_stands_in_place_of_epsilon(noisy: bool) -> None:
    config = DQNConfig(hidden_units=(8,), noisy=noisy, epsilon_start=1.0)

    agent = Agent.build((2,), 4, config, np.random.default_rng(0))

    assert agent.actor.epsilon(0) == (0.0 if noisy else 1.0)
    observation = np.ones(2, np.float32)
    assert len({agent.actor.act(observation, 0) for _ in range(100)}) > 1
