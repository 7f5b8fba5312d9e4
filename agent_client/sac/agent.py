"""An agent: policy, critics, actor and learner, put together."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Self

import numpy as np
from gymnasium import spaces
from torch import nn
from torch.optim import Optimizer

from agent_client.learning.algorithm import Policy
from agent_client.sac.actor import Actor
from agent_client.sac.config import SACConfig
from agent_client.sac.critics import TwinCritics
from agent_client.sac.learner import Learner
from agent_client.sac.policy import NumpyPolicy, SquashedGaussianPolicy


@dataclass(slots=True)
class Agent:
    """The parts of a SAC agent that change while it trains.

    Attributes:
        network: the policy.
        best_network: the weights that did best in evaluations.
        actor: acts by the policy.
        learner: trains it.
    """

    network: SquashedGaussianPolicy
    best_network: SquashedGaussianPolicy
    actor: Actor
    learner: Learner

    @classmethod
    def build(
        cls,
        observation_size: int,
        action_space: spaces.Box,
        config: SACConfig,
        generator: np.random.Generator,
    ) -> Self:
        """Return a fresh agent; weights come from torch's global generator.

        Args:
            observation_size: length of an observation as a vector.
            action_space: of finite bounds.
            config: hyper-parameters.
            generator: of the actor's actions.
        """
        policy = SquashedGaussianPolicy(observation_size, action_space, config.hidden_units)
        critics = TwinCritics(observation_size, policy.action_size, config.hidden_units)
        return cls(
            network=policy,
            best_network=deepcopy(policy),
            actor=Actor.build(NumpyPolicy(policy), action_space, config, generator),
            learner=Learner(policy, critics, config),
        )

    def greedy_policy(self) -> Policy:
        """Return the mean action's policy, by the network as it stands."""
        return NumpyPolicy(self.network)

    def exploration(self, step: int) -> Mapping[str, float]:
        """Return the temperature as it stands."""
        return {"temperature": self.learner.temperature.value}

    def modules(self) -> Mapping[str, nn.Module]:
        """Return all weights by the names that a checkpoint gives them."""
        return {
            "policy": self.network,
            "critics": self.learner.critics,
            "target_critics": self.learner.target_critics,
            "temperature": self.learner.temperature,
            "best": self.best_network,
        }

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Return the optimizers by the names that a checkpoint gives them."""
        return {
            "policy_optimizer": self.learner.policy_optimizer,
            "critic_optimizer": self.learner.critic_optimizer,
            "temperature_optimizer": self.learner.temperature_optimizer,
        }
