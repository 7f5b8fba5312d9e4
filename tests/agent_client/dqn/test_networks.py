"""The network and its NumPy twin."""

import numpy as np
import pytest
import torch

from agent_client.dqn.networks import GreedyPolicy, QNetwork


def constant_network(value: float) -> QNetwork:
    network = QNetwork(2, 2, hidden_units=(3,))
    for parameter in network.parameters():
        torch.nn.init.constant_(parameter, value)
    return network


def test_network_computes_layers_with_rectifiers_between() -> None:
    # o = (1, -2); hidden = relu(W o + b) = relu((1*1 + 1*-2 + 3, 0)) = (2, 0)
    # Q = (2*2 + 5*0 + 0.5, -1*2 + 7*0 + 0) = (4.5, -2)
    network = QNetwork(2, 2, hidden_units=(2,))
    with torch.no_grad():
        first, last = [layer for layer in network.layers if isinstance(layer, torch.nn.Linear)]
        first.weight.copy_(torch.tensor([[1.0, 1.0], [-1.0, 0.0]]))
        first.bias.copy_(torch.tensor([3.0, 0.0]))
        last.weight.copy_(torch.tensor([[2.0, 5.0], [-1.0, 7.0]]))
        last.bias.copy_(torch.tensor([0.5, 0.0]))

    values = network(torch.tensor([[1.0, -2.0]]))

    assert values.tolist() == [[4.5, -2.0]]


@pytest.mark.parametrize("hidden_units", [(), (5,), (16, 16)], ids=str)
def test_policy_values_agree_with_the_network(hidden_units: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    network = QNetwork(4, 3, hidden_units)
    policy = GreedyPolicy(network)
    observations = torch.randn(50, 4)

    expected = network(observations).detach().numpy()

    for observation, values in zip(observations.numpy(), expected, strict=True):
        np.testing.assert_allclose(policy.values(observation), values, rtol=1e-4, atol=1e-6)


def test_policy_follows_the_network_as_it_is_trained() -> None:
    network = constant_network(0.0)
    policy = GreedyPolicy(network)

    with torch.no_grad():
        network.layers[-1].bias.copy_(torch.tensor([0.0, 1.0]))

    assert policy.action(np.zeros(2, np.float32)) == 1


def test_policy_takes_the_first_of_equal_actions() -> None:
    assert GreedyPolicy(constant_network(0.0)).action(np.ones(2, np.float32)) == 0


def test_equal_seeds_make_equal_networks() -> None:
    torch.manual_seed(7)
    one = QNetwork(4, 2, (8,))
    torch.manual_seed(7)
    other = QNetwork(4, 2, (8,))

    assert torch.equal(one.layers[0].weight, other.layers[0].weight)


def test_normalized_layers_say_the_same_in_numpy_and_torch():
    network = QNetwork(4, 3, (8, 6), layer_norm=True)
    observation = np.array([0.5, -2.0, 3.0, 0.1], np.float32)

    values = GreedyPolicy(network).values(observation)

    with torch.no_grad():
        expected = network(torch.from_numpy(observation)[None])[0].numpy()
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)
    assert values.dtype == np.float32


def test_normalization_bounds_the_values_of_far_away_observations():
    torch.manual_seed(0)
    plain, normalized = QNetwork(4, 2, (16,)), QNetwork(4, 2, (16,), layer_norm=True)
    far = torch.full((1, 4), 1e6)

    assert plain(far).abs().max() > 1e4
    assert normalized(far).abs().max() < 10.0
