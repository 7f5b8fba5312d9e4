"""The network for observations of several parts."""

import numpy as np
import pytest
import torch

from agent_client.dqn.config import DQNConfig
from agent_client.dqn.fusing_network import FusingPolicy, FusingQNetwork
from agent_client.dqn.network_choice import greedy_policy, make_network

SHAPES = {"camera": (6, 7, 2), "joints": (3,)}


def observations(count: int, stack: tuple[int, ...] = ()) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {
        "camera": torch.randint(0, 256, (count, *stack, 6, 7, 2), dtype=torch.uint8),
        "joints": torch.randn(count, *stack, 3),
    }


@pytest.mark.parametrize("part", ["camera", "joints"])
def test_each_part_matters(part: str) -> None:
    torch.manual_seed(0)
    network = FusingQNetwork(SHAPES, 2, (4,), (16,))
    seen = observations(2)
    other = {**seen, part: seen[part].flip(0)}

    assert not torch.allclose(network(seen), network(other), atol=1e-5)


def test_names_decide_and_not_their_order() -> None:
    torch.manual_seed(0)
    network = FusingQNetwork(SHAPES, 2, (4,), (16,))
    seen = observations(5)

    assert torch.equal(network(seen), network(dict(reversed(seen.items()))))


def test_no_part_has_more_to_say_than_another() -> None:
    network = FusingQNetwork(SHAPES, 2, (4,), (16,))

    encodings = [encoder[-2].out_features for encoder in network.encoders]  # type: ignore[index]

    assert encodings == [16, 16]
    assert network.layers[0].in_features == 32


def test_every_weight_learns() -> None:
    network = FusingQNetwork(SHAPES, 2, (4,), (16,), layer_norm=True)

    network(observations(8)).square().sum().backward()

    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("stack", [(), (3,)], ids=["frame", "stack"])
def test_policy_takes_the_best_action_of_the_network(stack: tuple[int, ...]) -> None:
    shapes = {name: (*stack, *shape) for name, shape in SHAPES.items()}
    network = make_network(shapes, 5, DQNConfig(hidden_units=(32,)))
    assert isinstance(network, FusingQNetwork)
    seen = observations(20, stack)

    best = network(seen).argmax(dim=1).tolist()

    policy = greedy_policy(network)
    assert isinstance(policy, FusingPolicy)
    parts = {name: part.numpy() for name, part in seen.items()}
    chosen = [policy.action({name: part[i] for name, part in parts.items()}) for i in range(20)]
    assert chosen == best
    assert len(set(best)) > 1
    mirrored = {name: np.flip(part[0], axis=-1) for name, part in parts.items()}
    assert 0 <= policy.action(mirrored) < 5


def test_images_too_small_are_refused() -> None:
    with pytest.raises(ValueError, match="2 convolutions"):
        FusingQNetwork({"camera": (4, 9, 1)}, 2, (4, 4), ())


def test_observations_without_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="without parts"):
        FusingQNetwork({}, 2, (4,), ())
