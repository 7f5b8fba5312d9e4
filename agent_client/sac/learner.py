"""The learner: one gradient step of critics, policy and temperature, then the target critics.

Algorithm 1 of Haarnoja et al. (2018, arXiv 1812.05905) from its line 10 on, with the replay memory
elsewhere: a batch comes in as tensors, priorities go out as an array.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agent_client.learning.transitions import TransitionBatch
from agent_client.learning.weights import move_weights
from agent_client.sac import losses
from agent_client.sac.config import SACConfig
from agent_client.sac.critics import TwinCritics
from agent_client.sac.policy import SquashedGaussianPolicy
from agent_client.sac.vectors import as_vectors


class Temperature(nn.Module):
    """alpha, what a nat of entropy is worth in returns; its logarithm is what is learned."""

    def __init__(self, initial: float) -> None:
        """Begin at ``initial``, which is positive."""
        super().__init__()
        self.logarithm = nn.Parameter(torch.tensor(initial).log())

    @property
    def value(self) -> float:
        """The temperature as it stands."""
        return float(self.logarithm.detach().exp())


@dataclass(frozen=True, slots=True)
class LearnerStep:
    """What one gradient step found.

    Attributes:
        priorities: [B] float64, mean |TD error| of both critics + epsilon_priority, in the order of
            the batch.
        critic_loss: before the step.
        policy_loss: before the step, by the critics after theirs.
        mean_value: mean of both critics' values of the actions taken, in units of the soft return.
        entropy: of the policy at the batch's observations, in nats, of actions in [-1, 1].
    """

    priorities: NDArray[np.float64]
    critic_loss: float
    policy_loss: float
    mean_value: float
    entropy: float

    def figures(self) -> Mapping[str, float]:
        """Return what is worth watching, by name."""
        return {
            "critic_loss": self.critic_loss,
            "policy_loss": self.policy_loss,
            "mean_value": self.mean_value,
            "entropy": self.entropy,
        }


class Learner:
    """Trains policy, critics and temperature, and drags the target critics behind."""

    def __init__(
        self, policy: SquashedGaussianPolicy, critics: TwinCritics, config: SACConfig
    ) -> None:
        """Make a learner.

        Args:
            policy: kept and changed by every step.
            critics: kept and changed by every step.
            config: hyper-parameters.
        """
        self.policy = policy
        self.critics = critics
        self.target_critics = deepcopy(critics).requires_grad_(False)
        self.temperature = Temperature(config.initial_temperature)
        self.policy_optimizer = _adam(policy, config.policy_learning_rate)
        self.critic_optimizer = _adam(critics, config.critic_learning_rate)
        self.temperature_optimizer = _adam(self.temperature, config.temperature_learning_rate)
        self.steps = 0
        self._config = config
        self._target_entropy = config.target_entropy_per_dimension * policy.action_size

    def step(self, batch: TransitionBatch, environment_step: int) -> LearnerStep:
        """Take one gradient step on ``batch``, of each of the three, and move the target critics.

        Args:
            batch: what the server drew, actions in the environment's units. Not modified.
            environment_step: where the run stands; nothing here depends on it.

        Returns:
            New priorities for the batch, and figures to watch.
        """
        vectors = as_vectors(batch.observation)
        temperature = self.temperature.value
        errors, values, critic_loss = self._improve_critics(vectors, batch, temperature)
        log_densities, policy_loss = self._improve_policy(vectors, temperature)
        if self._config.automatic_temperature:
            loss = losses.temperature_loss(
                self.temperature.logarithm, log_densities, self._target_entropy
            )
            _descend(self.temperature_optimizer, self.temperature, loss)
        move_weights(self.critics, self.target_critics, rate=self._config.target_update_rate)
        self.steps += 1
        return LearnerStep(
            priorities=losses.new_priorities(errors, self._config.epsilon_priority).numpy(),
            critic_loss=float(critic_loss),
            policy_loss=float(policy_loss),
            mean_value=float(values.mean()),
            entropy=-float(log_densities.mean()),
        )

    def _improve_critics(
        self, vectors: Tensor, batch: TransitionBatch, temperature: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Take a step of the critics; return TD errors and values, [2, B], and the loss."""
        next_vectors = as_vectors(batch.next_observation)
        with torch.no_grad():
            next_actions, next_log_densities = self.policy.sample(next_vectors)
            targets = losses.soft_targets(
                batch.reward,
                batch.discount,
                self.target_critics(next_vectors, next_actions),
                next_log_densities,
                temperature,
            )
        values = self.critics(vectors, self.policy.scaled(batch.action))
        errors = targets - values
        loss = losses.critic_loss(errors, batch.weights)
        _descend(self.critic_optimizer, self.critics, loss)
        return errors.detach(), values.detach(), loss.detach()

    def _improve_policy(self, vectors: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        """Take a step of the policy; return the densities of its actions, [B], and the loss."""
        actions, log_densities = self.policy.sample(vectors)
        loss = losses.policy_loss(self.critics(vectors, actions), log_densities, temperature)
        _descend(self.policy_optimizer, self.policy, loss)
        return log_densities.detach(), loss.detach()


def _adam(module: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), lr=learning_rate, fused=True)


def _descend(optimizer: torch.optim.Optimizer, module: nn.Module, loss: Tensor) -> None:
    """Take a step of a module's own weights; no gradient is computed of other ones."""
    parameters = list(module.parameters())
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    optimizer.step()
