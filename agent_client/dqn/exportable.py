"""The greedy policy as a module of tensors alone, for files that other programs run."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_TOLERANCE = 1e-4


class GreedyChoice(nn.Module):
    """Observations in, the action of highest value out; of equal ones the first."""

    def __init__(self, network: nn.Module) -> None:
        """Keep the network of action values."""
        super().__init__()
        self.network = network

    def forward(self, observation: Tensor | dict[str, Tensor]) -> Tensor:
        """Return [B] int64 actions.

        Args:
            observation: [B, ...], or each part by its name.
        """
        choice: Tensor = self.network(observation).argmax(dim=1)
        return choice


class ExportableChoice:
    """What ``agent_client.exporting`` wants of a choice among actions 0, 1, 2, ...

    Attributes:
        module: acts as the greedy policy.
    """

    def __init__(self, network: nn.Module) -> None:
        """Look at a network of action values."""
        self.module: nn.Module = GreedyChoice(network)
        self._network = network

    def are_same(
        self,
        observation: Tensor | Mapping[str, Tensor],
        expected: NDArray[Any],
        actual: NDArray[Any],
    ) -> NDArray[np.bool_]:
        """Return [B]: whether actions are equal, or of values that rounding alone sets apart."""
        with torch.inference_mode():
            values = self._network(observation).numpy()
        rows = np.arange(len(values))
        known = (actual >= 0) & (actual < values.shape[1])
        other = values[rows, np.where(known, actual, 0)]
        is_close = np.abs(values[rows, expected] - other) <= _TOLERANCE * (1.0 + np.abs(other))
        same: NDArray[np.bool_] = known & ((expected == actual) | is_close)
        return same
