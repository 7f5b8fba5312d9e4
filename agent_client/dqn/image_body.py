"""The action-value network for images, and the greedy policy that it implies."""

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agent_client.dqn.networks import perceptron

_KERNEL = 3
_BRIGHTEST = 255.0


class ImageQNetwork(nn.Module):
    """Convolutions of 3 x 3, then a perceptron with one output per action.

    Young & Tian (2019, arXiv 1903.03176, section 3): for images of 10 x 10 one such layer of 16
    filters and 128 units stand where Mnih et al. (2015) have three layers. As there, the frames of
    a stack are channels of one image.
    """

    def __init__(
        self,
        observation_shape: Sequence[int],
        action_count: int,
        convolution_channels: Sequence[int],
        hidden_units: Sequence[int],
        *,
        layer_norm: bool = False,
    ) -> None:
        """Make a network with PyTorch's default initialization, from torch's global generator.

        Args:
            observation_shape: [H, W, C], or [k, H, W, C] of stacked frames; H and W are at least 1
                after every convolution has taken 2 of them.
            action_count: number of actions.
            convolution_channels: filters of each convolution.
            hidden_units: units of each hidden layer after them.
            layer_norm: normalize each of those before its rectifier.

        Raises:
            ValueError: the shape is none of images, or too small for so many convolutions.
        """
        super().__init__()
        self.action_count = action_count
        features, size = convolutions(observation_shape, convolution_channels)
        head = perceptron([size, *hidden_units], action_count, layer_norm=layer_norm)
        self.layers = nn.Sequential(*features, *head)

    def forward(self, observation: Tensor) -> Tensor:
        """Return Q(o, a) of every action.

        Args:
            observation: [B, H, W, C] or [B, k, H, W, C], bool or uint8; bytes are scaled to [0, 1].

        Returns:
            [B, action_count] float32, in units of the return.
        """
        values: Tensor = self.layers(planes(observation))
        return values


def convolutions(shape: Sequence[int], channels: Sequence[int]) -> tuple[list[nn.Module], int]:
    """Return rectified convolutions of 3 x 3 over `planes`, flattened, and how many values come.

    Args:
        shape: [H, W, C] of images, or [k, H, W, C] of stacked frames.
        channels: filters of each convolution.

    Raises:
        ValueError: the shape is none of images, or too small for so many convolutions.
    """
    *frames, height, width, colors = shape
    shrinkage = (_KERNEL - 1) * len(channels)
    if len(frames) > 1 or min(height, width) <= shrinkage:
        raise ValueError(
            f"{len(channels)} convolutions cannot be laid over images of shape {list(shape)}"
        )
    every = [colors * (frames[0] if frames else 1), *channels]
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(every):
        layers += [nn.Conv2d(before, after, _KERNEL), nn.ReLU()]
    return [*layers, nn.Flatten()], every[-1] * (height - shrinkage) * (width - shrinkage)


def planes(images: Tensor) -> Tensor:
    """Return images as float32 [B, channels, H, W]; frames of a stack are channels.

    Args:
        images: [B, H, W, C] or [B, k, H, W, C], bool or uint8; bytes are scaled to [0, 1].
    """
    scaled = images.float()
    if images.dtype == torch.uint8:
        scaled = scaled / _BRIGHTEST
    if images.dim() == 5:  # [B, k, H, W, C] -> [B, k, C, H, W] -> [B, k C, H, W]
        return scaled.permute(0, 1, 4, 2, 3).flatten(1, 2)
    return scaled.permute(0, 3, 1, 2)


class ImagePolicy:
    """Chooses argmax_a Q(o, a) for one image, or stack of them, at a time."""

    def __init__(self, network: ImageQNetwork) -> None:
        """Look at ``network``, which must stay on the CPU."""
        self._network = network

    def action(self, observation: NDArray[np.uint8] | NDArray[np.bool_]) -> int:
        """Return the action of highest value in [0, action_count); of equal ones the first.

        Args:
            observation: [H, W, C] or [k, H, W, C], bool or uint8.
        """
        with torch.inference_mode():
            values = self._network(torch.from_numpy(np.ascontiguousarray(observation)[None]))
        return int(values[0].argmax())
