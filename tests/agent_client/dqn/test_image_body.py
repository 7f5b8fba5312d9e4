"""Convolutions over images: what they compute, and which ones there are."""

import pytest
import torch
from torch import nn

from agent_client.dqn.config import DQNConfig
from agent_client.dqn.image_body import NATURE, SMALL, Convolutions, ImageBody


def test_frames_are_channels_of_one_image() -> None:
    # One pixel after the convolution: 1 * (sum of channel weights of what is lit).
    body = ImageBody((2, 3, 3, 2), Convolutions((1,), (3,), (1,)))
    layer = body.layers[0]
    assert isinstance(layer, nn.Conv2d)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 10.0, 100.0, 1000.0])[None, :, None, None])
        layer.bias.zero_()  # type: ignore[union-attr]
    seen = torch.zeros(2, 2, 3, 3, 2, dtype=torch.bool)
    seen[0, 0, 1, 2, 1] = True  # frame 0, color 1: channel 1
    seen[1, 1, 0, 0, 0] = True  # frame 1, color 0: channel 2

    assert body(seen).tolist() == [[10.0], [100.0]]
    assert body.size == 1


def test_bytes_are_scaled_and_bools_are_not() -> None:
    body = ImageBody((4, 4, 1), SMALL)
    lit = torch.randint(0, 2, (6, 4, 4, 1), dtype=torch.bool)

    assert torch.allclose(body(lit), body(lit.to(torch.uint8) * 255))


@pytest.mark.parametrize(
    "shape", [(2, 10, 3), (10, 2, 3), (1, 2, 9, 9, 3)], ids=["low", "narrow", "axes"]
)
def test_what_no_convolution_can_be_laid_over_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="images"):
        ImageBody(shape, SMALL)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        pytest.param((84, 84, 1), NATURE, id="atari"),
        pytest.param((4, 84, 84, 1), NATURE, id="stacked"),
        pytest.param((36, 40, 3), NATURE, id="just_large_enough"),
        pytest.param((35, 84, 3), SMALL, id="too_low"),
        pytest.param((10, 10, 4), SMALL, id="minatar"),
    ],
)
def test_convolutions_follow_from_the_size(shape: tuple[int, ...], expected: Convolutions) -> None:
    assert Convolutions.choose(DQNConfig(), shape) == expected


def test_convolutions_can_be_said() -> None:
    config = DQNConfig(
        convolution_channels=(8, 6), convolution_kernels=(5, 3), convolution_strides=(2,)
    )

    assert Convolutions.choose(config, (84, 84, 1)) == Convolutions((8, 6), (5, 3), (2, 2))


def test_nature_has_the_layers_of_the_paper() -> None:
    # Mnih et al. (2015): 84 -> 20 -> 9 -> 7, 64 filters in the end.
    body = ImageBody((4, 84, 84, 1), NATURE)

    assert body.size == 7 * 7 * 64
    assert body(torch.zeros(2, 4, 84, 84, 1, dtype=torch.uint8)).shape == (2, 3136)
    weights = [layer.weight.shape for layer in body.layers if isinstance(layer, nn.Conv2d)]
    assert weights == [(32, 4, 8, 8), (64, 32, 4, 4), (64, 64, 3, 3)]
    assert ImageBody((36, 36, 3), NATURE).size == 64
