"""An agent: network, actor and learner, put together."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Self

import numpy as np

from agent_client.dqn.actor import Actor
from agent_client.dqn.config import DQNConfig
from agent_client.dqn.learner import Learner
from agent_client.dqn.networks import GreedyPolicy, QNetwork
from agent_client.dqn.schedules import LinearSchedule


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
        observation_size: int,
        action_count: int,
        config: DQNConfig,
        generator: np.random.Generator,
    ) -> Self:
        """Return a fresh agent; weights come from torch's global generator."""
        network = QNetwork(
            observation_size, action_count, config.hidden_units, layer_norm=config.layer_norm
        )
        epsilon = LinearSchedule(
            config.epsilon_start, config.epsilon_final, config.epsilon_decay_steps
        )
        return cls(
            network=network,
            best_network=deepcopy(network),
            actor=Actor(GreedyPolicy(network), action_count, epsilon, generator),
            learner=Learner(network, config),
        )
