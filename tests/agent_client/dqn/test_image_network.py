"""The network for images: what it computes, and when it is chosen."""

import numpy as np
import pytest
import torch

from agent_client.dqn.config import DQNConfig
from agent_client.dqn.image_network import ImagePolicy, ImageQNetwork
from agent_client.dqn.network_choice import greedy_policy, make_network
from agent_client.dqn.networks import GreedyPolicy, QNetwork


def first_layer_of_ones(network: ImageQNetwork) -> torch.nn.Conv2d:
    layer = network.layers[0]
    assert isinstance(layer, torch.nn.Conv2d)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.bias.zero_()  # type: ignore[union-attr]
    return layer


def test_frames_are_channels_of_one_image() -> None:
    # One pixel after the convolution: 1 * (sum of channel weights of what is lit).
    network = ImageQNetwork((2, 3, 3, 2), 1, (1,), ())
    layer = first_layer_of_ones(network)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 10.0, 100.0, 1000.0])[None, :, None, None])
    seen = torch.zeros(1, 2, 3, 3, 2, dtype=torch.bool)
    seen[0, 0, 1, 2, 1] = True  # frame 0, color 1: channel 1
    seen[0, 1, 0, 0, 0] = True  # frame 1, color 0: channel 2

    pixel = network.layers[:3](seen.permute(0, 1, 4, 2, 3).flatten(1, 2).float())
    values = network(seen)

    assert pixel.tolist() == [[110.0]]
    assert torch.equal(values, network.layers[3](torch.tensor([[110.0]])))


def test_bytes_are_scaled_and_bools_are_not() -> None:
    network = ImageQNetwork((4, 4, 1), 2, (3,), (5,))
    lit = torch.randint(0, 2, (6, 4, 4, 1), dtype=torch.bool)

    assert torch.allclose(network(lit), network(lit.to(torch.uint8) * 255))


@pytest.mark.parametrize("shape", [(10, 10, 4), (4, 10, 10, 4)], ids=["frame", "stack"])
def test_policy_takes_the_best_action_of_the_network(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    network = ImageQNetwork(shape, 5, (16,), (32,))
    images = torch.randint(0, 256, (20, *shape), dtype=torch.uint8)

    best = network(images).argmax(dim=1).tolist()

    policy = ImagePolicy(network)
    assert [policy.action(image) for image in images.numpy()] == best
    flipped = np.flip(images.numpy()[0], axis=0)
    assert 0 <= policy.action(flipped) < 5


@pytest.mark.parametrize(
    "shape", [(2, 10, 3), (10, 2, 3), (1, 2, 9, 9, 3)], ids=["low", "narrow", "axes"]
)
def test_what_no_convolution_can_be_laid_over_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="images"):
        ImageQNetwork(shape, 2, (8,), (8,))


def test_the_network_follows_from_the_observations() -> None:
    config = DQNConfig(hidden_units=(8,), convolution_channels=(4, 6))

    vectors = make_network((3,), 2, config)
    stacks = make_network((4, 3), 2, config)
    images = make_network((4, 10, 10, 3), 2, config)

    assert isinstance(vectors, QNetwork)
    assert isinstance(stacks, QNetwork)
    assert stacks.observation_size == 12
    assert isinstance(images, ImageQNetwork)
    assert images(torch.zeros(7, 4, 10, 10, 3, dtype=torch.bool)).shape == (7, 2)
    assert isinstance(greedy_policy(stacks), GreedyPolicy)
    assert isinstance(greedy_policy(images), ImagePolicy)


@pytest.mark.parametrize("shape", [(3,), (4, 10, 10, 3)], ids=["vectors", "images"])
def test_hidden_layers_are_normalized_where_so_configured(shape: tuple[int, ...]) -> None:
    config = DQNConfig(hidden_units=(8, 8), layer_norm=True)

    network = make_network(shape, 2, config)

    assert sum(isinstance(layer, torch.nn.LayerNorm) for layer in network.layers) == 2
    assert network(torch.zeros(5, *shape)).shape == (5, 2)


def test_a_stack_of_vectors_is_one_long_vector() -> None:
    network = QNetwork(6, 2, (4,))
    stack = torch.randn(1, 3, 2)

    values = network(stack)

    assert torch.equal(values, network(stack.reshape(1, 6)))
    assert GreedyPolicy(network).action(stack[0].numpy()) == int(values.argmax())
