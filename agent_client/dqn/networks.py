"""The action-value network Q(o, a; theta) and the greedy policy that it implies."""

import itertools
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

Vector: TypeAlias = NDArray[np.float32]


class QNetwork(nn.Module):
    """A multilayer perceptron with one output per action.

    Mnih et al. (2015): all action values come from one forward pass. Observations here are
    vectors, so plain layers with rectifiers stand where the paper has convolutions.

    Layer normalization (Ba et al. 2016, arXiv 1607.06450) after each hidden layer bounds what the
    network says of actions that were never tried, and so keeps bootstrapped values from growing
    without end (Ball et al. 2023, arXiv 2302.02948, section 4.2).
    """

    def __init__(
        self,
        observation_size: int,
        action_count: int,
        hidden_units: Sequence[int],
        *,
        layer_norm: bool = False,
    ) -> None:
        """Make a network with PyTorch's default initialization, from torch's global generator.

        Args:
            observation_size: length of an observation vector, or of a stack of them end to end.
            action_count: number of actions.
            hidden_units: units of each hidden layer; none makes Q linear in the observation.
            layer_norm: normalize each hidden layer before its rectifier.
        """
        super().__init__()
        self.observation_size = observation_size
        self.action_count = action_count
        sizes = [observation_size, *hidden_units]
        self.layers = nn.Sequential(*perceptron(sizes, action_count, layer_norm=layer_norm))

    def forward(self, observation: Tensor) -> Tensor:
        """Return Q(o, a) of every action.

        Args:
            observation: [B, observation_size] float32, or [B, k, D] with k D = observation_size.

        Returns:
            [B, action_count] float32, in units of the return.
        """
        values: Tensor = self.layers(observation.flatten(1))
        return values


def perceptron(sizes: Sequence[int], outputs: int, *, layer_norm: bool) -> list[nn.Module]:
    """Return the layers of a perceptron, rectified but for the last.

    Args:
        sizes: of its input and of each hidden layer.
        outputs: units of the last layer.
        layer_norm: normalize each hidden layer before its rectifier.
    """
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers.append(nn.Linear(before, after))
        if layer_norm:
            layers.append(nn.LayerNorm(after))
        layers.append(nn.ReLU())
    return [*layers, nn.Linear(sizes[-1], outputs)]


class GreedyPolicy:
    """Chooses argmax_a Q(o, a) for one observation at a time, without autograd.

    A forward pass of one small vector costs several times more in PyTorch than in NumPy,
    and an environment's step costs less than either. The weights are views of the network's
    own memory, so the policy always is that of the network as it stands.
    """

    def __init__(self, network: QNetwork) -> None:
        """Look at the weights of ``network``, which must stay on the CPU."""
        self._layers = [_in_numpy(layer) for layer in network.layers]

    def values(self, observation: Vector) -> Vector:
        """Return [action_count] float32, Q(o, a) of one observation.

        Args:
            observation: [observation_size] float32, or [k, D].
        """
        values = observation.reshape(-1)
        for layer in self._layers:
            values = layer(values)
        return values

    def action(self, observation: Vector) -> int:
        """Return the action of highest value in [0, action_count); of equal ones the first."""
        return int(self.values(observation).argmax())


def _in_numpy(layer: nn.Module) -> Callable[[Vector], Vector]:
    """Return what a layer does to one vector; its weights are views of the layer's own."""
    if isinstance(layer, nn.ReLU):
        return lambda vector: np.maximum(vector, np.float32(0.0))
    assert isinstance(layer, nn.Linear | nn.LayerNorm)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    if isinstance(layer, nn.Linear):
        transposed = weight.T
        return lambda vector: vector @ transposed + bias
    epsilon = np.float32(layer.eps)

    def normalized(vector: Vector) -> Vector:
        centered = vector - vector.mean()
        scale = np.sqrt(np.square(centered).mean() + epsilon)
        result: Vector = centered / scale * weight + bias
        return result

    return normalized
