"""What a learner is given to learn from."""

from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

TensorParts: TypeAlias = Tensor | dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class TransitionBatch:
    """Transitions to learn from.

    Attributes:
        observation: [B, ...] as the network takes it, or the parts of it by their names.
        action: [B] int64 of discrete actions, [B, ...] float32 of continuous ones.
        reward: [B] float32.
        discount: [B] float32, gamma to the power of the steps in between, or 0 after termination.
        next_observation: [B, ...], alike.
        weights: [B] float32, importance weights in (0, 1].
    """

    observation: TensorParts
    action: Tensor
    reward: Tensor
    discount: Tensor
    next_observation: TensorParts
    weights: Tensor
