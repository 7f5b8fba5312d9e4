"""The greedy policy as a module of tensors alone, for files that other programs run."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from agent_client.sac.policy import SquashedGaussianPolicy

_TOLERANCE: Final = 1e-4


class ExportableMean:
    """What ``agent_client.exporting`` wants of mean actions within bounds.

    Attributes:
        module: acts as the greedy policy.
    """

    def __init__(self, network: SquashedGaussianPolicy) -> None:
        """Look at a policy."""
        self.module = network

    def are_same(
        self,
        observation: Tensor | Mapping[str, Tensor],
        expected: NDArray[Any],
        actual: NDArray[Any],
    ) -> NDArray[np.bool_]:
        """Return [B]: whether no number of an action is off by more than 1e-4 of its half range."""
        if expected.shape != actual.shape:
            return np.zeros(len(expected), np.bool_)
        half_range = self.module.half_range.numpy().reshape(self.module.action_shape)
        gaps = np.abs(expected - actual) / half_range
        same: NDArray[np.bool_] = (gaps <= _TOLERANCE).reshape(len(expected), -1).all(axis=1)
        return same
