"""The action-value network Q(o, a; theta)."""

from typing import Any

from torch import Tensor, nn

from agent_client.dqn.heads import Head
from agent_client.dqn.noisy_linear import NoisyLinear
from agent_client.dqn.return_model import ReturnModel


class QNetwork(nn.Module):
    """A body, hidden layers that all actions share, a head, and what its numbers mean.

    Mnih et al. (2015): what is said of all actions comes from one forward pass. Any body goes with
    any head.

    Attributes:
        body: from observations to features, [B, F].
        hidden: layers between body and head; may be none.
        head: from features to N numbers of each action.
        returns: from these to the value of each action.
        noisy_layers: those of the head that have noise; others don't change within `fresh_noise`.
    """

    def __init__(
        self, body: nn.Module, hidden: nn.Sequential, head: Head, returns: ReturnModel
    ) -> None:
        """Put the parts together; they are kept."""
        super().__init__()
        self.body = body
        self.hidden = hidden
        self.head = head
        self.returns = returns
        self.noisy_layers = [layer for layer in head.modules() if isinstance(layer, NoisyLinear)]

    @property
    def action_count(self) -> int:
        """How many actions there are."""
        return self.head.action_count

    def outputs(self, observation: Any) -> Tensor:
        """Return the head's numbers, [B, action_count, N] float32, as `returns` reads them.

        Args:
            observation: as the body takes it: [B, ...], or parts by their names.
        """
        outputs: Tensor = self.head(self.hidden(self.body(observation)))
        return outputs

    def forward(self, observation: Any) -> Tensor:
        """Return Q(o, a) of every action, [B, action_count] float32, in units of the return."""
        return self.returns.values(self.outputs(observation))
