"""Targets and losses of soft actor-critic: pure functions of tensors.

``discount`` comes with each transition: gamma to the power of its steps, of which ``reward`` is the
discounted sum, or 0 after *termination*. After a truncation, such as a time limit, it is not 0,
and the target goes on counting on what the next observation is worth (Pardo et al. 2018,
arXiv 1712.00378). No function here needs a flag for either.
"""

import torch
from torch import Tensor


def soft_targets(
    reward: Tensor,
    discount: Tensor,
    next_values: Tensor,
    next_log_densities: Tensor,
    temperature: float,
) -> Tensor:
    """Return the soft value that each transition's action should have had, [B], without gradient.

    ``y = r + d * (min_i Q'_i(o', a') - alpha * log pi(a' | o'))`` with a' drawn from the policy:
    Haarnoja et al. (2018, arXiv 1812.05905), equations 3, 5 and section 5. Over n > 1 steps the
    rewards in between come without their entropies, as in every n-step return of the kind.

    Args:
        reward: [B] float32.
        discount: [B] float32, gamma^n or 0 after termination.
        next_values: [2, B] float32, of the target critics.
        next_log_densities: [B] float32, log pi(a' | o').
        temperature: alpha.
    """
    with torch.no_grad():
        soft_values = next_values.amin(dim=0) - temperature * next_log_densities
        return reward + discount * soft_values


def critic_loss(errors: Tensor, weights: Tensor) -> Tensor:
    """Return half the weighted mean squared TD error, summed over the two critics, a scalar.

    Haarnoja et al. (2018, arXiv 1812.05905), equation 5; the weights are those of Schaul et al.
    (2016, arXiv 1511.05952, section 3.4), all 1 where draws are uniform.

    Args:
        errors: [2, B] float32, targets minus values.
        weights: [B] float32 in (0, 1].
    """
    return 0.5 * (weights * errors.square()).mean(dim=1).sum()


def policy_loss(values: Tensor, log_densities: Tensor, temperature: float) -> Tensor:
    """Return the mean of ``alpha * log pi(a | o) - min_i Q_i(o, a)``, a scalar.

    Haarnoja et al. (2018, arXiv 1812.05905), equation 9; a is drawn from the policy, and the
    gradient flows through it.

    Args:
        values: [2, B] float32, of the critics.
        log_densities: [B] float32.
        temperature: alpha.
    """
    return (temperature * log_densities - values.amin(dim=0)).mean()


def temperature_loss(
    log_temperature: Tensor, log_densities: Tensor, target_entropy: float
) -> Tensor:
    """Return ``-log(alpha) * mean(log pi(a | o) + target entropy)``, a scalar.

    Haarnoja et al. (2018, arXiv 1812.05905), equation 18, with log(alpha) in place of alpha, as the
    authors' code has it: the sign of the gradient is the same, and alpha stays positive. It grows
    while the policy's entropy is below the target, and falls while it is above.

    Args:
        log_temperature: a scalar; the only one that the gradient flows to.
        log_densities: [B] float32.
        target_entropy: in nats.
    """
    return -log_temperature * (log_densities.detach().mean() + target_entropy)


def new_priorities(errors: Tensor, epsilon_priority: float) -> Tensor:
    """Return the mean of both critics' ``|e|``, plus epsilon, as [B] float64, without gradient.

    Schaul et al. (2016), section 3.3, of two critics.
    """
    return errors.detach().abs().mean(dim=0).double() + epsilon_priority
