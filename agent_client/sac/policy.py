"""The squashed Gaussian policy: pi(a | o), its mean action, and both for one observation in NumPy.

Within this package actions lie in [-1, 1]^A, where tanh puts them; the environment's own lie within
the bounds of its Box. ``ActionScale`` is the map between the two.
"""

import itertools
import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from agent_client.learning.transitions import TensorParts
from agent_client.observations import Observation
from agent_client.sac.vectors import as_vector, as_vectors

Vector: TypeAlias = NDArray[np.float32]

LOG_STD_RANGE = (-20.0, 2.0)
"""Where the logarithm of a standard deviation may lie; as in the authors' code."""

_LOG_2PI = math.log(2.0 * math.pi)
_LOG_2 = math.log(2.0)


class SquashedGaussianPolicy(nn.Module):
    """a = tanh(u), u ~ Normal(mean(o), std(o)): Haarnoja et al. (2018), appendix C.

    Called as a module it gives the mean action in the environment's units, which is the greedy
    policy; the bounds of actions are kept with the weights, so that these are all it takes to act.

    Attributes:
        action_shape: of one action of the environment.
    """

    def __init__(
        self, observation_size: int, action_space: spaces.Box, hidden_units: Sequence[int]
    ) -> None:
        """Make a policy with PyTorch's default initialization, from torch's global generator.

        Args:
            observation_size: length of an observation as a vector.
            action_space: of finite bounds.
            hidden_units: units of each hidden layer.
        """
        super().__init__()
        self.action_shape = action_space.shape
        self.action_size = int(np.prod(self.action_shape, dtype=np.int64))
        low = torch.from_numpy(action_space.low.astype(np.float32).reshape(-1))
        high = torch.from_numpy(action_space.high.astype(np.float32).reshape(-1))
        self.center: Tensor
        self.half_range: Tensor
        self.register_buffer("center", (low + high) / 2)
        self.register_buffer("half_range", (high - low) / 2)
        sizes = [observation_size, *hidden_units]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], 2 * self.action_size))

    def forward(self, observation: TensorParts) -> Tensor:
        """Return the mean actions in the environment's units, [B, *action_shape] float32.

        Args:
            observation: [B, ...] float32, or parts of it by their names.
        """
        mean, _ = self.distribution(as_vectors(observation))
        actions = self.center + self.half_range * mean.tanh()
        return actions.reshape(-1, *self.action_shape)

    def distribution(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of the standard deviation of u, [B, A] each.

        Args:
            vectors: [B, D] float32, observations as vectors.
        """
        mean, log_std = self.layers(vectors).chunk(2, dim=1)
        return mean, log_std.clamp(*LOG_STD_RANGE)

    def sample(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions in [-1, 1], [B, A], and the logarithms of their densities, [B].

        The noise comes from torch's global generator; the gradient flows through the actions
        (the reparametrization trick).

        Args:
            vectors: [B, D] float32, observations as vectors.
        """
        mean, log_std = self.distribution(vectors)
        noise = torch.randn_like(mean)
        unsquashed = mean + log_std.exp() * noise
        return unsquashed.tanh(), log_density(noise, log_std, unsquashed)

    def scaled(self, actions: Tensor) -> Tensor:
        """Return actions of the environment, [B, ...], as [B, A] in [-1, 1]."""
        return (actions.flatten(1) - self.center) / self.half_range


def log_density(noise: Tensor, log_std: Tensor, unsquashed: Tensor) -> Tensor:
    """Return log pi(a | o) of a = tanh(u), u = mean + std * noise.

    Haarnoja et al. (2018), equation 21: ``log N(u; mean, std) - sum_i log(1 - tanh(u_i)^2)``, where
    ``1 - tanh(u)^2`` is taken as ``4 / (e^u + e^-u)^2``, so that its logarithm is
    ``2 (log 2 - u - softplus(-2 u))``, which does not round to log 0 for large u.

    Args:
        noise: [B, A], standard normal.
        log_std: [B, A].
        unsquashed: [B, A], u.

    Returns:
        [B], in nats; of actions in [-1, 1].
    """
    constant = 0.5 * noise.square() + (0.5 * _LOG_2PI + 2.0 * _LOG_2)
    squashing = 2.0 * (unsquashed + functional.softplus(-2.0 * unsquashed))
    return (squashing - log_std - constant).sum(dim=1)


class NumpyPolicy:
    """Acts at one observation at a time, without autograd.

    A forward pass of one small vector costs several times more in PyTorch than in NumPy. The
    weights are views of the network's own memory, so the policy always is that of the network as
    it stands.
    """

    def __init__(self, network: SquashedGaussianPolicy) -> None:
        """Look at the weights of ``network``, which must stay on the CPU."""
        linear = [layer for layer in network.layers if isinstance(layer, nn.Linear)]
        views = [(layer.weight.detach().numpy().T, layer.bias.detach().numpy()) for layer in linear]
        *self._hidden, self._output = views
        self._center, self._half_range = network.center.numpy(), network.half_range.numpy()
        self._shape = network.action_shape

    def action(self, observation: Observation) -> Vector:
        """Return the mean action in the environment's units, [*action_shape] float32.

        Args:
            observation: an array of float32, or parts by their names.
        """
        mean, _ = self._distribution(observation)
        return self._in_bounds(mean)

    def sample(self, observation: Observation, generator: np.random.Generator) -> Vector:
        """Return an action drawn from the policy, alike."""
        mean, log_std = self._distribution(observation)
        std: Vector = np.exp(log_std.clip(*LOG_STD_RANGE))
        return self._in_bounds(mean + std * generator.standard_normal(len(mean), np.float32))

    def _distribution(self, observation: Observation) -> tuple[Vector, Vector]:
        values = as_vector(observation)
        for weight, bias in self._hidden:
            values = np.maximum(values @ weight + bias, np.float32(0.0))
        weight, bias = self._output
        mean, log_std = np.split(values @ weight + bias, 2)
        return mean, log_std

    def _in_bounds(self, unsquashed: Vector) -> Vector:
        action: Vector = self._center + self._half_range * np.tanh(unsquashed)
        return action.reshape(self._shape)
