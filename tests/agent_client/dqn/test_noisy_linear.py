"""Noise on weights: how wide it is, what it has in common, and when there is none."""

import pytest
import torch
from torch import Tensor

from agent_client.dqn.noisy_linear import NoisyLinear, fresh_noise

# E f(e)^2 = E|e| for a standard normal e.
MEAN_SQUARE = (2.0 / torch.pi) ** 0.5


def draws(layer: NoisyLinear, inputs: Tensor, count: int) -> Tensor:
    """Return [count, B, outputs], what the layer says by as many draws of noise."""
    found = []
    for _ in range(count):
        with torch.no_grad(), fresh_noise([layer]):
            found.append(layer(inputs))
    return torch.stack(found)


@pytest.fixture
def layer() -> NoisyLinear:
    torch.manual_seed(0)
    return NoisyLinear(4, 3, sigma=0.5)


def test_weights_begin_as_in_the_paper() -> None:
    torch.manual_seed(0)
    layer = NoisyLinear(400, 100, sigma=0.5)

    # Means are uniform within 1 / sqrt(400) = 0.05: of deviation 0.05 / sqrt(3).
    assert layer.weight.abs().max() <= 0.05
    assert layer.weight.std().item() == pytest.approx(0.05 / 3**0.5, rel=0.02)
    assert layer.bias.abs().max() <= 0.05
    torch.testing.assert_close(layer.weight_sigma.detach(), torch.full((100, 400), 0.025))
    torch.testing.assert_close(layer.bias_sigma.detach(), torch.full((100,), 0.025))


def test_outputs_spread_as_they_must(layer: NoisyLinear) -> None:
    # y_j - mean = f(e_j) (sum_i sigma f(e_i) x_i + sigma): with m = E f^2 its variance is
    # m sigma^2 (m sum x^2 + 1); sigma = 0.5 / sqrt(4) = 0.25.
    inputs = torch.tensor([[1.0, -2.0, 0.5, 3.0], [0.0, 0.0, 0.0, 0.0]])
    squares = inputs.square().sum(dim=1)

    found = draws(layer, inputs, 40_000)

    expected = MEAN_SQUARE * 0.25**2 * (MEAN_SQUARE * squares + 1.0)
    torch.testing.assert_close(found.var(dim=0), expected[:, None].expand(2, 3), rtol=0.06, atol=0)
    torch.testing.assert_close(found.mean(dim=0), layer(inputs).detach(), rtol=0, atol=0.03)


def test_noise_is_of_two_factors_and_the_same_for_a_whole_batch(layer: NoisyLinear) -> None:
    # Rows of the identity show the noise of each weight: f(e_out) f(e_in)^T, of rank one.
    inputs = torch.cat([torch.eye(4), torch.zeros(1, 4)])
    means = layer(inputs)

    found = draws(layer, inputs, 1)[0]

    of_bias = (found - means)[4] / layer.bias_sigma
    of_weights = ((found - means)[:4] - (found - means)[4]) / layer.weight_sigma.T
    assert torch.linalg.matrix_rank(of_weights, rtol=1e-4) == 1
    assert torch.linalg.matrix_rank(torch.cat([of_weights, of_bias[None]]), rtol=1e-4) == 1
    for one in (of_weights, of_weights.T):  # the factors of inputs and of outputs
        assert len(one.unique(dim=0)) == len(one)


def test_every_draw_is_another(layer: NoisyLinear) -> None:
    found = draws(layer, torch.ones(1, 4), 100)

    assert len(found.unique(dim=0)) == 100


def test_there_is_no_noise_outside_the_block(layer: NoisyLinear) -> None:
    inputs = torch.randn(5, 4)
    before = layer(inputs)

    with fresh_noise([layer]):
        assert not torch.equal(layer(inputs), before)
    assert torch.equal(layer(inputs), before)

    with pytest.raises(RuntimeError), fresh_noise([layer]):
        layer(torch.zeros(1, 5))
    assert torch.equal(layer(inputs), before)
    assert torch.equal(before, inputs @ layer.weight.T + layer.bias)


def test_how_much_noise_there_is_is_learned(layer: NoisyLinear) -> None:
    with fresh_noise([layer]):
        layer(torch.ones(2, 4)).square().sum().backward()

    for weight in (layer.weight, layer.bias, layer.weight_sigma, layer.bias_sigma):
        assert weight.grad is not None
        assert weight.grad.abs().sum() > 0


def test_noise_is_no_part_of_what_is_saved(layer: NoisyLinear) -> None:
    with fresh_noise([layer]):
        names = set(layer.state_dict())

    assert names == {"weight", "bias", "weight_sigma", "bias_sigma"}
