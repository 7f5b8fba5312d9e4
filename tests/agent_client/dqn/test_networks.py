"""What a network computes, whatever its body and its head."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from agent_client.dqn.config import DQNConfig
from agent_client.dqn.fusing_body import FusingBody
from agent_client.dqn.image_body import ImageBody
from agent_client.dqn.network_choice import make_network
from agent_client.dqn.noisy_linear import fresh_noise
from agent_client.observations import Shapes
from tests.agent_client.small_networks import vector_network

BODIES: dict[str, Shapes] = {
    "vector": (3,),
    "stack": (2, 3),
    "image": (6, 7, 2),
    "images": (4, 6, 7, 2),
    "nature": (4, 84, 84, 1),
    "parts": {"camera": (6, 7, 2), "joints": (3,)},
}
RETURNS: dict[str, dict[str, Any]] = {
    "mean": {},
    "categorical": {"categorical": True, "atoms": 11},
    "quantile": {"quantile": True, "atoms": 5},
}


def some(shapes: Shapes, count: int) -> Tensor | dict[str, Tensor]:
    if isinstance(shapes, dict):
        return {name: _some(shape, count) for name, shape in shapes.items()}
    return _some(shapes, count)


def _some(shape: tuple[int, ...], count: int) -> Tensor:
    if len(shape) >= 3:
        return torch.randint(0, 256, (count, *shape), dtype=torch.uint8)
    return torch.randn(count, *shape)


@pytest.mark.parametrize(
    ("body", "returns", "dueling", "noisy"),
    [
        pytest.param(body, returns, dueling, noisy, id=f"{body}-{returns}-{dueling}-{noisy}")
        for body, returns, dueling, noisy in itertools.product(
            BODIES, RETURNS, (False, True), (False, True)
        )
    ],
)
def test_any_body_goes_with_any_head(body: str, returns: str, dueling: bool, noisy: bool) -> None:
    config = DQNConfig(
        hidden_units=(16, 8), dueling=dueling, noisy=noisy, layer_norm=True, **RETURNS[returns]
    )
    network = make_network(BODIES[body], 3, config)
    numbers = config.atoms if returns != "mean" else 1
    seen = some(BODIES[body], 2)

    with fresh_noise(network.noisy_layers):
        outputs, values = network.outputs(seen), network(seen)
        outputs[:, :, 0].square().sum().backward()

    assert outputs.shape == (2, 3, numbers)
    assert values.shape == (2, 3)
    assert len(network.noisy_layers) == (noisy * (4 if dueling else 2))
    unmoved = [name for name, weight in network.named_parameters() if weight.grad is None]
    assert unmoved == []


def test_network_computes_layers_with_rectifiers_between() -> None:
    # o = (1, -2); hidden = relu(W o + b) = relu((1*1 + 1*-2 + 3, 0)) = (2, 0)
    # Q = (2*2 + 5*0 + 0.5, -1*2 + 7*0 + 0) = (4.5, -2)
    network = vector_network(2, 2, (2,))
    with torch.no_grad():
        first, last = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
        first.weight.copy_(torch.tensor([[1.0, 1.0], [-1.0, 0.0]]))
        first.bias.copy_(torch.tensor([3.0, 0.0]))
        last.weight.copy_(torch.tensor([[2.0, 5.0], [-1.0, 7.0]]))
        last.bias.copy_(torch.tensor([0.5, 0.0]))

    values = network(torch.tensor([[1.0, -2.0]]))

    assert values.tolist() == [[4.5, -2.0]]


def test_bodies_follow_from_the_observations() -> None:
    config = DQNConfig(hidden_units=(8,))

    assert isinstance(make_network((3,), 2, config).body, nn.Flatten)
    assert isinstance(make_network((4, 3), 2, config).body, nn.Flatten)
    assert isinstance(make_network((10, 10, 3), 2, config).body, ImageBody)
    assert isinstance(make_network({"a": (3,)}, 2, config).body, FusingBody)


def test_the_last_hidden_layer_is_each_streams_own() -> None:
    network = vector_network(4, 2, (32, 16), dueling=True)

    assert [layer.out_features for layer in network.hidden if isinstance(layer, nn.Linear)] == [32]
    assert network.head.value is not None
    for stream, outputs in ((network.head.advantage, 2), (network.head.value, 1)):
        sizes = [layer.out_features for layer in stream if isinstance(layer, nn.Linear)]
        assert sizes == [16, outputs]


@pytest.mark.parametrize("shape", [(3,), (4, 10, 10, 3)], ids=["vectors", "images"])
def test_hidden_layers_are_normalized_where_so_configured(shape: tuple[int, ...]) -> None:
    network = make_network(shape, 2, DQNConfig(hidden_units=(8, 8), layer_norm=True))

    assert sum(isinstance(layer, nn.LayerNorm) for layer in network.modules()) == 2


def test_normalization_bounds_the_values_of_far_away_observations() -> None:
    torch.manual_seed(0)
    plain, normalized = vector_network(4, 2, (16,)), vector_network(4, 2, (16,), layer_norm=True)
    far = torch.full((1, 4), 1e6)

    assert plain(far).abs().max() > 1e4
    assert normalized(far).abs().max() < 10.0


def test_a_stack_of_vectors_is_one_long_vector() -> None:
    network = make_network((3, 2), 2, DQNConfig(hidden_units=(4,)))
    stack = torch.randn(1, 3, 2)

    assert torch.equal(network(stack), network(stack.reshape(1, 6)))


def test_equal_seeds_make_equal_networks() -> None:
    torch.manual_seed(7)
    one = vector_network(4, 2, (8,))
    torch.manual_seed(7)
    other = vector_network(4, 2, (8,))

    for weight, same in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(weight, same)
