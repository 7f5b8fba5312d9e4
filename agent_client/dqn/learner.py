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
from torch import nn

from agent_client.dqn import losses
from agent_client.dqn.config import DQNConfig
from agent_client.dqn.network_choice import AnyQNetwork
from agent_client.learning.schedules import LinearSchedule
from agent_client.learning.transitions import TransitionBatch
from agent_client.learning.weights import move_weights


@dataclass(frozen=True, slots=True)
class LearnerStep:
    """What one gradient step found.

    Attributes:
        priorities: [B] float64, |TD error| + epsilon_priority, in the order of the batch.
        loss: weighted Huber loss before the step.
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

    def __init__(self, network: AnyQNetwork, config: DQNConfig) -> None:
        """Make a learner.

        Args:
            network: the online network; kept and changed by every step.
            config: hyper-parameters.
        """
        self.network = network
        self.target_network = deepcopy(network).requires_grad_(False)
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
        config = self._config
        next_online_values = None
        if config.double_q:
            with torch.no_grad():
                next_online_values = self.network(batch.next_observation)
        targets = losses.td_targets(
            batch.reward,
            batch.discount,
            self.target_network(batch.next_observation),
            next_online_values,
        )
        errors = losses.td_errors(self.network(batch.observation), batch.action, targets)
        loss = losses.weighted_huber_loss(errors, batch.weights, config.huber_delta)

        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        gradient_norm = nn.utils.clip_grad_norm_(
            self.network.parameters(), config.max_gradient_norm
        )
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate.value(environment_step)
        self.optimizer.step()

        self.steps += 1
        if self.steps % config.target_update_period == 0:
            move_weights(self.network, self.target_network, rate=config.target_update_rate)
        return LearnerStep(
            priorities=losses.new_priorities(errors, config.epsilon_priority).numpy(),
            loss=float(loss.detach()),
            mean_value=float((targets - errors.detach()).mean()),
            gradient_norm=float(gradient_norm),
        )
