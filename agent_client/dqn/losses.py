"""TD targets, TD errors, the weighted loss and new priorities: pure functions of tensors.

``discount`` comes with each transition: gamma to the power of its steps, of which ``reward`` is
the discounted sum, or 0 after *termination*. Truncation, such as
a time limit, ends the episode but not the return, so its discount stays gamma and the target
goes on counting on what the next observation is worth (Pardo et al. 2018,
arXiv 1712.00378). No function here needs a flag for either.
"""

import torch
from torch import Tensor
from torch.nn import functional


def td_targets(
    reward: Tensor,
    discount: Tensor,
    next_target_values: Tensor,
    next_online_values: Tensor | None,
) -> Tensor:
    """Return the value that each transition's action should have had.

    With ``next_online_values`` the double DQN target of van Hasselt et al. (2016,
    arXiv 1509.06461), which keeps the maximum from being overestimated:
    ``y = r + d * Q(o', argmax_a Q(o', a; theta); theta')``. Without, the target of Mnih et al.
    (2015): ``y = r + d * max_a Q(o', a; theta')``.

    Args:
        reward: [B] float32.
        discount: [B] float32, gamma or 0 after termination.
        next_target_values: [B, actions] float32, Q(o', .; theta') of the target network.
        next_online_values: [B, actions] float32, Q(o', .; theta) of the online network, or None.

    Returns:
        [B] float32, without gradient.
    """
    with torch.no_grad():
        if next_online_values is None:
            next_values = next_target_values.max(dim=1).values
        else:
            chosen = next_online_values.argmax(dim=1, keepdim=True)
            next_values = next_target_values.gather(1, chosen).squeeze(1)
        return reward + discount * next_values


def td_errors(values: Tensor, action: Tensor, targets: Tensor) -> Tensor:
    """Return target minus value of the action taken, [B] float32.

    Args:
        values: [B, actions] float32, Q(o, .; theta); the gradient flows through these only.
        action: [B] int64 in [0, actions).
        targets: [B] float32.
    """
    return targets - values.gather(1, action.unsqueeze(1)).squeeze(1)


def weighted_huber_loss(errors: Tensor, weights: Tensor, delta: float) -> Tensor:
    """Return the mean over the batch of weight times Huber loss, a scalar.

    The Huber loss is ``e^2 / 2`` up to ``delta`` and ``delta (|e| - delta / 2)`` beyond; its
    slope is the error clipped to [-delta, delta], which is what Mnih et al. (2015, Methods)
    do with delta 1. The importance weights are those of Schaul et al. (2016, arXiv
    1511.05952, section 3.4); the replay server computes them.

    Args:
        errors: [B] float32, TD errors.
        weights: [B] float32 in (0, 1], importance weights.
        delta: positive, in units of the return.
    """
    losses = functional.huber_loss(errors, torch.zeros_like(errors), reduction="none", delta=delta)
    return (weights * losses).mean()


def new_priorities(errors: Tensor, epsilon_priority: float) -> Tensor:
    """Return ``|e| + epsilon`` as [B] float64: proportional prioritization, without gradient.

    Schaul et al. (2016), section 3.3. The error is the plain TD error: neither its sign nor
    its importance weight may enter, and the exponent alpha is the server's business.
    """
    return errors.detach().abs().double() + epsilon_priority
