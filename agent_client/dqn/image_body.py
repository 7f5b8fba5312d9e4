"""Convolutions: from images to features."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import torch
from torch import Tensor, nn

from agent_client.dqn.config import DQNConfig

_BRIGHTEST = 255.0
_SMALLEST_OF_NATURE = 36  # pixels; the least that the three convolutions leave one of


@dataclass(frozen=True, slots=True)
class Convolutions:
    """Sizes of convolutions, one after another.

    Attributes:
        channels: filters of each.
        kernels: pixels on a side of each filter.
        strides: pixels from one place of a filter to the next.
    """

    channels: tuple[int, ...]
    kernels: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def choose(cls, config: DQNConfig, shape: Sequence[int]) -> Self:
        """Return those of `config`, or what suits images of `shape` [..., H, W, C] if it has none.

        One kernel size, or stride, stands for all.
        """
        if not config.convolution_channels:
            height, width = shape[-3:-1]
            known = NATURE if min(height, width) >= _SMALLEST_OF_NATURE else SMALL
            return cls(known.channels, known.kernels, known.strides)
        count = len(config.convolution_channels)
        kernels, strides = (
            sizes * count if len(sizes) == 1 else sizes
            for sizes in (config.convolution_kernels, config.convolution_strides)
        )
        return cls(config.convolution_channels, kernels, strides)

    def length(self, pixels: int) -> int:
        """Return how many pixels they leave of `pixels` on a side; less than 1 is too few."""
        for kernel, stride in zip(self.kernels, self.strides, strict=True):
            pixels = (pixels - kernel) // stride + 1
        return pixels


NATURE: Final = Convolutions((32, 64, 64), (8, 4, 3), (4, 2, 1))
"""Mnih et al. (2015, Methods, "Model architecture"), made for 84 x 84."""
SMALL: Final = Convolutions((16,), (3,), (1,))
"""Young & Tian (2019, arXiv 1903.03176, section 3), made for 10 x 10."""


class ImageBody(nn.Module):
    """Rectified convolutions over `planes`, flattened.

    Attributes:
        size: features that come of an image.
    """

    def __init__(self, shape: Sequence[int], sizes: Convolutions) -> None:
        """Make a body; weights come from torch's global generator.

        Args:
            shape: [H, W, C] of images, or [k, H, W, C] of stacked frames.
            sizes: of the convolutions.

        Raises:
            ValueError: the shape is none of images, or too small for so many convolutions.
        """
        super().__init__()
        *frames, height, width, colors = shape
        rows, columns = sizes.length(height), sizes.length(width)
        if len(frames) > 1 or min(rows, columns) < 1:
            raise ValueError(
                f"{len(sizes.channels)} convolutions cannot be laid over images of shape "
                f"{list(shape)}"
            )
        every = [colors * (frames[0] if frames else 1), *sizes.channels]
        layers: list[nn.Module] = []
        for (before, after), kernel, stride in zip(
            itertools.pairwise(every), sizes.kernels, sizes.strides, strict=True
        ):
            layers += [nn.Conv2d(before, after, kernel, stride), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.size = every[-1] * rows * columns

    def forward(self, images: Tensor) -> Tensor:
        """Return [B, size] of images as `planes` takes them."""
        features: Tensor = self.layers(planes(images))
        return features


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
