"""The head of an action-value network: from features to what it says of each action."""

import itertools
from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor, nn

from agent_client.dqn.noisy_linear import NoisyLinear

Linear = Callable[[int, int], nn.Linear]


class Head(nn.Module):
    """One stream of layers, or two that duel.

    Wang et al. (2016, arXiv 1511.06581, equation 9): `V + A - mean(A)`. Of the sum alone V and A
    could not be told apart; less its mean, A has none, and V is the mean over the actions. Where
    the head gives several numbers of an action, each is put together so (Hessel et al. 2018,
    section "The integrated agent").

    Attributes:
        advantage: the stream of what each action has over the others; all there is if none duels.
        value: the stream of what they have in common, or None.
    """

    def __init__(
        self,
        features: int,
        action_count: int,
        numbers: int,
        hidden_units: Sequence[int],
        *,
        dueling: bool = False,
        noise_scale: float | None = None,
        layer_norm: bool = False,
    ) -> None:
        """Make a head; weights come from torch's global generator.

        Args:
            features: length of what comes in.
            action_count: number of actions.
            numbers: how many it gives of each action: 1 for a mean, more for a distribution.
            hidden_units: units of each hidden layer of a stream.
            dueling: whether there are two streams.
            noise_scale: of noisy layers; None makes layers without noise.
            layer_norm: normalize hidden layers before their rectifiers.
        """
        super().__init__()
        self.action_count = action_count
        self.numbers = numbers
        linear: Linear = (
            nn.Linear if noise_scale is None else partial(NoisyLinear, sigma=noise_scale)
        )
        hidden = perceptron([features, *hidden_units], layer_norm=layer_norm, linear=linear)
        width = hidden_units[-1] if hidden_units else features
        self.advantage = nn.Sequential(*hidden, linear(width, action_count * numbers))
        self.value: nn.Sequential | None = None
        if dueling:
            hidden = perceptron([features, *hidden_units], layer_norm=layer_norm, linear=linear)
            self.value = nn.Sequential(*hidden, linear(width, numbers))

    def forward(self, features: Tensor) -> Tensor:
        """Return [B, action_count, numbers] of features [B, F]."""
        advantage = self.advantage(features).unflatten(1, (self.action_count, self.numbers))
        if self.value is None:
            outputs: Tensor = advantage
            return outputs
        value = self.value(features).unsqueeze(1)
        duel: Tensor = value + advantage - advantage.mean(dim=1, keepdim=True)
        return duel


def perceptron(
    sizes: Sequence[int], *, layer_norm: bool, linear: Linear = nn.Linear
) -> list[nn.Module]:
    """Return rectified layers.

    Layer normalization (Ba et al. 2016, arXiv 1607.06450) bounds what the network says of actions
    that were never tried, and so keeps bootstrapped values from growing without end (Ball et al.
    2023, arXiv 2302.02948, section 4.2).

    Args:
        sizes: of their input and of each layer.
        layer_norm: normalize each layer before its rectifier.
        linear: what makes a layer of so many inputs and outputs.
    """
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers.append(linear(before, after))
        if layer_norm:
            layers.append(nn.LayerNorm(after))
        layers.append(nn.ReLU())
    return layers
