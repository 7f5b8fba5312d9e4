"""The learner: one gradient step, the target network, new priorities.

Algorithm 1 of Schaul et al. (2016) from line 9 on, with the replay memory elsewhere: a batch
comes in as tensors, priorities go out as an array.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agent_client.dqn import losses
from agent_client.dqn.config import DQNConfig
from agent_client.dqn.networks import QNetwork
from agent_client.dqn.noisy_linear import fresh_noise
from agent_client.learning.schedules import LinearSchedule
from agent_client.learning.transitions import TransitionBatch
from agent_client.learning.weights import move_weights


@dataclass(frozen=True, slots=True)
class LearnerStep:
    """What one gradient step found.

    Attributes:
        priorities: [B] float64, epsilon_priority + |TD error|, or what stands for it where the
            network tells distributions, in the order of the batch.
        loss: weighted mean of the losses before the step.
        mean_value: mean Q(o, a) of the actions taken, in units of the return.
        gradient_norm: length of the gradient before clipping.
    """

    priorities: NDArray[np.float64]
    loss: float
    mean_value: float
    gradient_norm: float

    def figures(self) -> Mapping[str, float]:
        """Return what is worth watching, by name."""
        return {
            "loss": self.loss,
            "mean_value": self.mean_value,
            "gradient_norm": self.gradient_norm,
        }


class Learner:
    """Trains the online network and drags the target network behind it."""

    def __init__(self, network: QNetwork, config: DQNConfig) -> None:
        """Make a learner.

        Args:
            network: the online network; kept and changed by every step.
            config: hyper-parameters.
        """
        self.network = network
        self.target_network = (
            deepcopy(network).requires_grad_(False) if config.has_target_network else network
        )
        self.optimizer = torch.optim.Adam(
            network.parameters(), lr=config.learning_rate, eps=config.adam_epsilon, fused=True
        )
        self.steps = 0
        self._config = config
        self._learning_rate = LinearSchedule(
            config.learning_rate, config.learning_rate_final, config.learning_rate_decay_steps
        )

    def step(self, batch: TransitionBatch, environment_step: int) -> LearnerStep:
        """Take one gradient step on ``batch``; update the target network when it is due.

        Args:
            batch: what the server drew. Not modified.
            environment_step: where the run stands; sets the step size.

        Returns:
            New priorities for the batch, and figures to watch.
        """
        config, returns = self._config, self.network.returns
        next_outputs = self._next_outputs(batch)
        with fresh_noise(self.network.noisy_layers):
            outputs = _of_actions(self.network.outputs(batch.observation), batch.action)
        comparison = returns.compare(outputs, batch.reward, batch.discount, next_outputs)
        loss = losses.weighted_mean(comparison.losses, batch.weights)
        gradient_norm = self._descend(loss, self._learning_rate.value(environment_step))

        self.steps += 1
        if config.has_target_network and self.steps % config.target_update_period == 0:
            move_weights(self.network, self.target_network, rate=config.target_update_rate)
        return LearnerStep(
            priorities=losses.new_priorities(comparison.surprise, config.epsilon_priority).numpy(),
            loss=float(loss.detach()),
            mean_value=float(returns.values(outputs.detach()[:, None]).mean()),
            gradient_norm=gradient_norm,
        )

    def _next_outputs(self, batch: TransitionBatch) -> Tensor:
        """Return [B, N], what the target network says of the action to take next.

        Each network has noise of its own (Fortunato et al. 2018, equation 16).
        """
        target, online = self.target_network, self.network
        with torch.no_grad():
            with fresh_noise(target.noisy_layers):
                outputs = target.outputs(batch.next_observation)
            online_values = None
            if self._config.double_q:
                with fresh_noise(online.noisy_layers):
                    online_values = online(batch.next_observation)
            return _of_actions(
                outputs, losses.next_actions(target.returns.values(outputs), online_values)
            )

    def _descend(self, loss: Tensor, learning_rate: float) -> float:
        """Move the online network against the gradient; return its length before clipping."""
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self._config.max_gradient_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()
        return float(norm)


def _of_actions(outputs: Tensor, actions: Tensor) -> Tensor:
    """Return [B, N], what outputs [B, A, N] say of actions [B]."""
    return outputs[torch.arange(len(actions)), actions]
