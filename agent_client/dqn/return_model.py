"""What the numbers of a head mean: the mean of the return, or its distribution.

`mean_return` is deep Q-learning as Mnih et al. (2015) have it; `categorical_return` and
`quantile_return` learn the whole distribution of the return. Each tells the value of an action, and
how far what was predicted of a transition is from what came of it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Comparison:
    """How predictions differ from their targets.

    Attributes:
        losses: [B] float32, what to minimize, before importance weights.
        surprise: [B] float32, without gradient: what priorities are made of.
    """

    losses: Tensor
    surprise: Tensor


class ReturnModel(nn.Module, ABC):
    """A reading of N numbers of an action.

    Attributes:
        numbers: N.
    """

    numbers: int

    @abstractmethod
    def values(self, outputs: Tensor) -> Tensor:
        """Return the mean return, [B, actions] of a head's outputs [B, actions, N]."""

    @abstractmethod
    def compare(
        self, outputs: Tensor, reward: Tensor, discount: Tensor, next_outputs: Tensor
    ) -> Comparison:
        """Compare what was predicted of actions with what came of them.

        Args:
            outputs: [B, N] float32 of the action taken; the gradient flows through these only.
            reward: [B] float32.
            discount: [B] float32, gamma to the power of the steps in between, or 0 after
                termination.
            next_outputs: [B, N] float32 of the target network, of the action to take next.
        """
