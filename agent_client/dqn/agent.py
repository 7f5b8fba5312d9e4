"""An agent: network, actor and learner, put together."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Self

import numpy as np
from torch import nn
from torch.optim import Optimizer

from agent_client.dqn.actor import Actor
from agent_client.dqn.config import DQNConfig
from agent_client.dqn.learner import Learner
from agent_client.dqn.network_choice import make_network
from agent_client.dqn.networks import QNetwork
from agent_client.dqn.policies import exploring_policy, greedy_policy
from agent_client.learning.algorithm import Policy
from agent_client.learning.schedules import LinearSchedule
from agent_client.observations import Shapes


@dataclass(slots=True)
class Agent:
    """The parts of a DQN agent that change while it trains.

    Attributes:
        network: the online network.
        best_network: the weights that did best in evaluations.
        actor: acts with the online network.
        learner: trains it.
    """

    network: QNetwork
    best_network: QNetwork
    actor: Actor
    learner: Learner

    @classmethod
    def build(
        cls,
        shapes: Shapes,
        action_count: int,
        config: DQNConfig,
        generator: np.random.Generator,
    ) -> Self:
        """Return a fresh agent; weights come from torch's global generator.

        Args:
            shapes: of observations, as ``make_network`` takes them.
            action_count: number of actions.
            config: hyper-parameters.
            generator: of the actor's random actions.

        Raises:
            ValueError: images are too small for the configured convolutions.
        """
        network = make_network(shapes, action_count, config)
        epsilon = LinearSchedule(
            config.epsilon_start, config.epsilon_final, config.epsilon_decay_steps
        )
        if config.noisy:
            epsilon = LinearSchedule(0.0, 0.0, 0)
        return cls(
            network=network,
            best_network=deepcopy(network),
            actor=Actor(exploring_policy(network), action_count, epsilon, generator),
            learner=Learner(network, config),
        )

    def greedy_policy(self) -> Policy:
        """Return the policy of the online network as it stands."""
        return greedy_policy(self.network)

    def exploration(self, step: int) -> Mapping[str, float]:
        """Return the probability of a random action at environment step ``step``."""
        return {"epsilon": self.actor.epsilon(step)}

    def modules(self) -> Mapping[str, nn.Module]:
        """Return all weights by the names that a checkpoint gives them."""
        return {
            "online": self.network,
            "target": self.learner.target_network,
            "best": self.best_network,
        }

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Return the optimizer by the name that a checkpoint gives it."""
        return {"optimizer": self.learner.optimizer}
