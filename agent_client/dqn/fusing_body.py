"""The action-value network for observations of several parts, and its greedy policy."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agent_client.dqn.image_network import convolutions, planes
from agent_client.dqn.networks import perceptron

_IMAGE_AXES = 3
_DEFAULT_WIDTH = 128


class FusingQNetwork(nn.Module):
    """An encoder for each part; what they say, side by side, goes through one perceptron.

    Images go through convolutions, vectors do not; both end in a layer of the same width, so that
    no part drowns another by its size: late fusion, as Levine et al. (2016, arXiv 1504.00702,
    section 5.1) join what a camera sees with what joints tell.
    """

    def __init__(
        self,
        shapes: Mapping[str, Sequence[int]],
        action_count: int,
        convolution_channels: Sequence[int],
        hidden_units: Sequence[int],
        *,
        layer_norm: bool = False,
    ) -> None:
        """Make a network with PyTorch's default initialization, from torch's global generator.

        Args:
            shapes: of each part by its name: [D] of vectors, [H, W, C] of images, after [k] where
                frames are stacked.
            action_count: number of actions.
            convolution_channels: filters of each convolution over images.
            hidden_units: units of each hidden layer after the encoders; the first is the encoders'
                own width, too.
            layer_norm: normalize encodings and hidden layers before their rectifiers.

        Raises:
            ValueError: there are no parts, or images too small for so many convolutions.
        """
        super().__init__()
        if not shapes:
            raise ValueError("observations without parts tell nothing")
        self.action_count = action_count
        self._names = sorted(shapes)
        self._are_images = [len(shapes[name]) >= _IMAGE_AXES for name in self._names]
        width = hidden_units[0] if hidden_units else _DEFAULT_WIDTH
        self.encoders = nn.ModuleList()
        for name, is_image in zip(self._names, self._are_images, strict=True):
            layers, size = (
                convolutions(shapes[name], convolution_channels)
                if is_image
                else ([nn.Flatten()], int(np.prod(shapes[name], dtype=np.int64)))
            )
            encoder = [*layers, nn.Linear(size, width)]
            if layer_norm:
                encoder.append(nn.LayerNorm(width))
            self.encoders.append(nn.Sequential(*encoder, nn.ReLU()))
        sizes = [width * len(self._names), *hidden_units]
        self.layers = nn.Sequential(*perceptron(sizes, action_count, layer_norm=layer_norm))

    def forward(self, observation: Mapping[str, Tensor]) -> Tensor:
        """Return Q(o, a) of every action.

        Args:
            observation: each part by its name, [B, ...] of its shape; images are bool or uint8.

        Returns:
            [B, action_count] float32, in units of the return.
        """
        encodings = [
            encoder(planes(observation[name]) if is_image else observation[name])
            for name, is_image, encoder in zip(
                self._names, self._are_images, self.encoders, strict=True
            )
        ]
        values: Tensor = self.layers(torch.cat(encodings, dim=1))
        return values


class FusingPolicy:
    """Chooses argmax_a Q(o, a) for one observation of several parts at a time."""

    def __init__(self, network: FusingQNetwork) -> None:
        """Look at ``network``, which must stay on the CPU."""
        self._network = network

    def action(self, observation: Mapping[str, NDArray[Any]]) -> int:
        """Return the action of highest value in [0, action_count); of equal ones the first.

        Args:
            observation: each part by its name, without a leading axis.
        """
        parts = {
            name: torch.from_numpy(np.ascontiguousarray(part)[None])
            for name, part in observation.items()
        }
        with torch.inference_mode():
            values = self._network(parts)
        return int(values[0].argmax())
