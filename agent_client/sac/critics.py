"""The twin critics Q_1(o, a) and Q_2(o, a), computed side by side."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class TwinCritics(nn.Module):
    """Two perceptrons of one shape and separate weights, evaluated as one batched product.

    Fujimoto et al. (2018), section 4.2: where both are trained on the target of the lower one, what
    either overestimates is not carried on. The weights of both lie in one tensor per layer, so that
    a layer is one call: on one thread the calls of small networks cost as much as their arithmetic.
    """

    def __init__(
        self, observation_size: int, action_size: int, hidden_units: Sequence[int]
    ) -> None:
        """Make critics, initialized as ``nn.Linear`` is, from torch's global generator.

        Args:
            observation_size: length of an observation as a vector.
            action_size: numbers in an action.
            hidden_units: units of each hidden layer.
        """
        super().__init__()
        sizes = [observation_size + action_size, *hidden_units, 1]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for before, after in itertools.pairwise(sizes):
            bound = before**-0.5
            self.weights.append(torch.empty(2, before, after).uniform_(-bound, bound))
            self.biases.append(torch.empty(2, 1, after).uniform_(-bound, bound))

    def forward(self, vectors: Tensor, actions: Tensor) -> Tensor:
        """Return Q_1 and Q_2 of each observation and action, [2, B] float32.

        Args:
            vectors: [B, D] float32, observations as vectors.
            actions: [B, A] float32, in [-1, 1].
        """
        values = torch.cat((vectors, actions), dim=1).expand(2, -1, -1)
        last = len(self.weights) - 1
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = torch.baddbmm(bias, values, weight)
            if number < last:
                values = values.relu()
        return values.squeeze(2)
