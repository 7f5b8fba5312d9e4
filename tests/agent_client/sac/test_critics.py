"""Two critics in one product are two critics."""

import torch
from torch import Tensor

from agent_client.sac.critics import TwinCritics


def alone(critics: TwinCritics, number: int, vectors: Tensor, actions: Tensor) -> Tensor:
    """Evaluate one of the critics as a plain perceptron."""
    values = torch.cat((vectors, actions), dim=1)
    layers = list(zip(critics.weights, critics.biases, strict=True))
    for place, (weight, bias) in enumerate(layers):
        values = values @ weight[number] + bias[number]
        if place < len(layers) - 1:
            values = values.clamp(min=0.0)
    return values[:, 0]


def test_both_critics_say_what_each_would_say_alone() -> None:
    torch.manual_seed(0)
    critics = TwinCritics(3, 2, (8, 5))
    vectors, actions = torch.randn(7, 3), torch.randn(7, 2)

    values = critics(vectors, actions)

    assert values.shape == (2, 7)
    torch.testing.assert_close(values[0], alone(critics, 0, vectors, actions))
    torch.testing.assert_close(values[1], alone(critics, 1, vectors, actions))


def test_critics_begin_apart_and_as_wide_as_linear_layers() -> None:
    torch.manual_seed(0)
    critics = TwinCritics(60, 4, (50,))

    first = critics.weights[0]
    assert not torch.equal(first[0], first[1])
    assert first.abs().max() <= 1 / 8  # 64 inputs
    assert first.abs().max() > 0.99 / 8


def test_gradients_of_one_critic_do_not_reach_the_other() -> None:
    critics = TwinCritics(3, 2, (8,))

    critics(torch.ones(4, 3), torch.ones(4, 2))[0].sum().backward()

    for parameter in critics.parameters():
        assert parameter.grad is not None
        assert parameter.grad[0].abs().sum() > 0
        assert parameter.grad[1].abs().sum() == 0
