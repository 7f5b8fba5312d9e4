"""The mean of the return: TD errors and their Huber loss."""

from torch import Tensor

from agent_client.dqn import losses
from agent_client.dqn.return_model import Comparison, ReturnModel


class MeanReturn(ReturnModel):
    """One number of each action, Q(o, a) (Mnih et al. 2015)."""

    numbers = 1

    def __init__(self, huber_delta: float) -> None:
        """Make one; `huber_delta` is the absolute error from which the loss grows linearly."""
        super().__init__()
        self._huber_delta = huber_delta

    def values(self, outputs: Tensor) -> Tensor:
        """Return the numbers as they are, [B, actions] of [B, actions, 1]."""
        return outputs.squeeze(-1)

    def compare(
        self, outputs: Tensor, reward: Tensor, discount: Tensor, next_outputs: Tensor
    ) -> Comparison:
        """Return the Huber losses of the TD errors, and the errors, as told in `ReturnModel`."""
        targets = losses.td_targets(reward, discount, next_outputs.squeeze(-1))
        errors = targets - outputs.squeeze(-1)
        return Comparison(losses.huber_losses(errors, self._huber_delta), errors.detach())
