"""What acts: the action of highest value, by the network as it stands."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agent_client.dqn.networks import QNetwork
from agent_client.dqn.noisy_linear import NoisyLinear, fresh_noise
from agent_client.learning.algorithm import Policy
from agent_client.observations import Observation

Vector: TypeAlias = NDArray[np.float32]


def greedy_policy(network: QNetwork) -> "VectorPolicy | TensorPolicy":
    """Return the policy that takes the action of highest value, as the network stands."""
    if isinstance(network.body, nn.Flatten):
        return VectorPolicy(network)
    return TensorPolicy(network)


def exploring_policy(network: QNetwork) -> Policy:
    """Return the greedy policy; of a network with noisy layers, by noise drawn for each action."""
    policy = greedy_policy(network)
    return NoisyPolicy(policy, network) if network.noisy_layers else policy


class TensorPolicy:
    """Chooses argmax_a Q(o, a) for one observation of any kind at a time."""

    def __init__(self, network: QNetwork) -> None:
        """Look at ``network``, which must stay on the CPU."""
        self._network = network

    def values(self, observation: Observation) -> Vector:
        """Return [action_count] float32, Q(o, a) of one observation.

        Args:
            observation: as the network takes it, without a leading axis.
        """
        with torch.inference_mode():
            values: Vector = self._network(_batch_of_one(observation))[0].numpy()
        return values

    def action(self, observation: Observation) -> int:
        """Return the action of highest value in [0, action_count); of equal ones the first."""
        return int(self.values(observation).argmax())


class VectorPolicy:
    """Chooses argmax_a Q(o, a) for one vector at a time, without autograd.

    A forward pass of one small vector costs several times more in PyTorch than in NumPy,
    and an environment's step costs less than either. The weights are views of the network's
    own memory, so the policy always is that of the network as it stands.
    """

    def __init__(self, network: QNetwork) -> None:
        """Look at the weights of ``network``, which must stay on the CPU."""
        head = network.head
        self._returns = network.returns
        self._shape = (head.action_count, head.numbers)
        self._hidden = [_in_numpy(layer) for layer in network.hidden]
        self._advantage = [_in_numpy(layer) for layer in head.advantage]
        self._value = None if head.value is None else [_in_numpy(layer) for layer in head.value]

    def values(self, observation: Any) -> Vector:
        """Return [action_count] float32, Q(o, a) of one observation.

        Args:
            observation: [D] float32, or [k, D].
        """
        features = _through(self._hidden, observation.reshape(-1))
        outputs = _through(self._advantage, features).reshape(self._shape)
        if self._value is not None:
            outputs = _through(self._value, features) + outputs - outputs.mean(axis=0)
        values: Vector = self._returns.values(torch.from_numpy(outputs)[None])[0].numpy()
        return values

    def action(self, observation: Any) -> int:
        """Return the action of highest value in [0, action_count); of equal ones the first."""
        return int(self.values(observation).argmax())


class NoisyPolicy:
    """Acts by another policy while its network is noisy (Fortunato et al. 2018, section 3.1)."""

    def __init__(self, policy: Policy, network: QNetwork) -> None:
        """Make ``network``, which ``policy`` looks at, noisy for each action."""
        self._policy = policy
        self._layers = network.noisy_layers

    def action(self, observation: Observation) -> int:
        """Return the action of highest value by fresh noise."""
        with fresh_noise(self._layers):
            return int(self._policy.action(observation))


def _batch_of_one(observation: Observation) -> Tensor | dict[str, Tensor]:
    if isinstance(observation, Mapping):
        return {
            name: torch.from_numpy(np.ascontiguousarray(part)[None])
            for name, part in observation.items()
        }
    return torch.from_numpy(np.ascontiguousarray(observation)[None])


_Layer: TypeAlias = Callable[[Vector], Vector]


def _through(layers: list[_Layer], vector: Vector) -> Vector:
    for layer in layers:
        vector = layer(vector)
    return vector


def _in_numpy(layer: nn.Module) -> _Layer:
    """Return what a layer does to one vector; its weights are views of the layer's own."""
    if isinstance(layer, nn.ReLU):
        return lambda vector: np.maximum(vector, np.float32(0.0))
    if isinstance(layer, nn.LayerNorm):
        return _normalization(layer)
    assert isinstance(layer, nn.Linear)
    transposed, bias = layer.weight.detach().numpy().T, layer.bias.detach().numpy()
    if isinstance(layer, NoisyLinear):
        return _noisy(layer, lambda vector: vector @ transposed + bias)
    return lambda vector: vector @ transposed + bias


def _normalization(layer: nn.LayerNorm) -> _Layer:
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    epsilon = np.float32(layer.eps)

    def normalized(vector: Vector) -> Vector:
        centered = vector - vector.mean()
        scale = np.sqrt(np.square(centered).mean() + epsilon)
        result: Vector = centered / scale * weight + bias
        return result

    return normalized


def _noisy(layer: NoisyLinear, means: _Layer) -> _Layer:
    transposed = layer.weight_sigma.detach().numpy().T
    bias = layer.bias_sigma.detach().numpy()

    def with_noise(vector: Vector) -> Vector:
        if layer.noise is None:
            return means(vector)
        noise_in, noise_out = (noise.numpy() for noise in layer.noise)
        result: Vector = means(vector) + noise_out * ((vector * noise_in) @ transposed + bias)
        return result

    return with_noise
