"""The distribution of the return as quantiles of equal weight: QR-DQN.

Dabney et al., Distributional Reinforcement Learning with Quantile Regression, AAAI 2018
(arXiv 1710.10044).
"""

import torch
from torch import Tensor
from torch.nn import functional

from agent_client.dqn.return_model import Comparison, ReturnModel


class QuantileReturn(ReturnModel):
    """N returns of each action, the i-th at the quantile (i - 1/2) / N; no bounds are needed.

    Attributes:
        quantiles: [N] float32, in (0, 1).
    """

    quantiles: Tensor

    def __init__(self, numbers: int, huber_delta: float) -> None:
        """Make one.

        Args:
            numbers: N.
            huber_delta: absolute error, in returns, from which the loss grows linearly: kappa.
        """
        super().__init__()
        self.numbers = numbers
        self._huber_delta = huber_delta
        quantiles = (torch.arange(numbers) + 0.5) / numbers
        self.register_buffer("quantiles", quantiles, persistent=False)

    def values(self, outputs: Tensor) -> Tensor:
        """Return the means of the quantiles, [B, actions] of [B, actions, N]."""
        return outputs.mean(dim=-1)

    def compare(
        self, outputs: Tensor, reward: Tensor, discount: Tensor, next_outputs: Tensor
    ) -> Comparison:
        """Return quantile Huber losses (equation 10 of the paper), as told in `ReturnModel`.

        Each quantile is compared with each of the target; the loss sums over the former and is the
        mean over the latter (algorithm 1). The surprise is the loss.
        """
        targets = (reward[:, None] + discount[:, None] * next_outputs).detach()
        errors = targets[:, None, :] - outputs[:, :, None]
        hubers = functional.huber_loss(
            errors, torch.zeros_like(errors), reduction="none", delta=self._huber_delta
        )
        tilts = (self.quantiles[:, None] - (errors.detach() < 0).float()).abs()
        losses = (tilts * hubers / self._huber_delta).mean(dim=2).sum(dim=1)
        return Comparison(losses, losses.detach())
