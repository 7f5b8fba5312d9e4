"""An encoder for each part of an observation: from several parts to one vector of features."""

from collections.abc import Mapping, Sequence
from math import prod

import torch
from torch import Tensor, nn

from agent_client.dqn.config import DQNConfig
from agent_client.dqn.image_body import Convolutions, ImageBody
from agent_client.observations import IMAGE_AXES

_DEFAULT_WIDTH = 128


class FusingBody(nn.Module):
    """An encoder for each part; what they say stands side by side.

    Images go through convolutions, vectors do not; both end in a layer of the same width, so that
    no part drowns another by its size: late fusion, as Levine et al. (2016, arXiv 1504.00702,
    section 5.1) join what a camera sees with what joints tell.

    Attributes:
        encoders: of the parts, by their names in alphabetical order.
        size: features that come of an observation.
    """

    def __init__(self, shapes: Mapping[str, Sequence[int]], config: DQNConfig) -> None:
        """Make a body; weights come from torch's global generator.

        Args:
            shapes: of each part by its name: [D] of vectors, [H, W, C] of images, after [k] where
                frames are stacked.
            config: its first hidden layer's width is that of the encoders; sizes of convolutions;
                whether encodings are normalized before their rectifiers.

        Raises:
            ValueError: there are no parts, or images too small for so many convolutions.
        """
        super().__init__()
        if not shapes:
            raise ValueError("observations without parts tell nothing")
        self._names = sorted(shapes)
        width = config.hidden_units[0] if config.hidden_units else _DEFAULT_WIDTH
        self.encoders = nn.ModuleList(_encoder(shapes[name], width, config) for name in self._names)
        self.size = width * len(self._names)

    def forward(self, observation: Mapping[str, Tensor]) -> Tensor:
        """Return [B, size].

        Args:
            observation: each part by its name, [B, ...] of its shape; images are bool or uint8.
        """
        return torch.cat(
            [
                encoder(observation[name])
                for name, encoder in zip(self._names, self.encoders, strict=True)
            ],
            dim=1,
        )


def _encoder(shape: Sequence[int], width: int, config: DQNConfig) -> nn.Sequential:
    if len(shape) >= IMAGE_AXES:
        images = ImageBody(shape, Convolutions.choose(config, shape))
        layers: list[nn.Module] = [images, nn.Linear(images.size, width)]
    else:
        layers = [nn.Flatten(), nn.Linear(prod(shape), width)]
    if config.layer_norm:
        layers.append(nn.LayerNorm(width))
    return nn.Sequential(*layers, nn.ReLU())
