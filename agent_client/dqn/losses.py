"""TD targets, Huber losses and new priorities: pure functions of tensors.

``discount`` comes with each transition: gamma to the power of its steps, of which ``reward`` is
the discounted sum, or 0 after *termination*. Truncation, such as
a time limit, ends the episode but not the return, so its discount stays gamma and the target
goes on counting on what the next observation is worth (Pardo et al. 2018,
arXiv 1712.00378). No function here needs a flag for either.
"""

import torch
from torch import Tensor
from torch.nn import functional


def next_actions(next_target_values: Tensor, next_online_values: Tensor | None) -> Tensor:
    """Return the action that each target counts on, [B] int64.

    With ``next_online_values`` it is the double DQN's of van Hasselt et al. (2016, arXiv
    1509.06461), which keeps the maximum from being overestimated: the online network chooses,
    ``argmax_a Q(o', a; theta)``, and the target network says what the choice is worth. Without, it
    is that of Mnih et al. (2015), where the target network does both.

    Args:
        next_target_values: [B, actions] float32, Q(o', .; theta') of the target network.
        next_online_values: [B, actions] float32, Q(o', .; theta) of the online network, or None.
    """
    values = next_target_values if next_online_values is None else next_online_values
    return values.argmax(dim=1)


def td_targets(reward: Tensor, discount: Tensor, next_values: Tensor) -> Tensor:
    """Return the value that each transition's action should have had: ``y = r + d * v(o')``.

    Args:
        reward: [B] float32.
        discount: [B] float32, gamma or 0 after termination.
        next_values: [B] float32, of the next action, by the target network.

    Returns:
        [B] float32, without gradient.
    """
    return (reward + discount * next_values).detach()


def huber_losses(errors: Tensor, delta: float) -> Tensor:
    """Return the Huber loss of each error, [B] float32.

    It is ``e^2 / 2`` up to ``delta`` and ``delta (|e| - delta / 2)`` beyond; its slope is the
    error clipped to [-delta, delta], which is what Mnih et al. (2015, Methods) do with delta 1.

    Args:
        errors: [B] float32, TD errors.
        delta: positive, in units of the return.
    """
    return functional.huber_loss(errors, torch.zeros_like(errors), reduction="none", delta=delta)


def weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    """Return the mean over the batch of weight times loss, a scalar.

    The importance weights are those of Schaul et al. (2016, arXiv 1511.05952, section 3.4); the
    replay server computes them.

    Args:
        losses: [B] float32.
        weights: [B] float32 in (0, 1].
    """
    return (weights * losses).mean()


def new_priorities(surprise: Tensor, epsilon_priority: float) -> Tensor:
    """Return ``|s| + epsilon`` as [B] float64: proportional prioritization, without gradient.

    Schaul et al. (2016), section 3.3, where s is the TD error; Hessel et al. (2018) take the
    divergence of distributions in its place. Neither its sign nor its importance weight may enter,
    and the exponent alpha is the server's business.
    """
    return surprise.detach().abs().double() + epsilon_priority
