"""SAC as ``agent_client.learning.algorithm`` has it: how a run makes its agents."""

from typing import Any, Final, cast

import numpy as np
from gymnasium import spaces
from torch import nn

from agent_client.learning.algorithm import Policy
from agent_client.sac.actor import Actor
from agent_client.sac.agent import Agent
from agent_client.sac.config import SACConfig
from agent_client.sac.explorer import PolicyExplorer
from agent_client.sac.exportable import ExportableMean
from agent_client.sac.policy import NumpyPolicy, SquashedGaussianPolicy
from agent_client.sac.vectors import vector_size


class SAC:
    """Makes agents whose actions are numbers within bounds."""

    figures: Final = ("temperature", "entropy", "critic_loss", "policy_loss", "mean_value")
    network_name: Final = "policy"

    def build(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        config: SACConfig,
        generator: np.random.Generator,
    ) -> Agent:
        """Return a fresh agent.

        Raises:
            ValueError: actions are not continuous and bounded, or observations are images.
        """
        box = _bounded_box(action_space)
        return Agent.build(vector_size(observation_space), box, config, generator)

    def make_network(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        config: SACConfig,
    ) -> SquashedGaussianPolicy:
        """Return a policy; raises as ``build`` does."""
        box = _bounded_box(action_space)
        return SquashedGaussianPolicy(vector_size(observation_space), box, config.hidden_units)

    def greedy_policy(self, network: nn.Module) -> Policy:
        """Return the policy that takes the mean action."""
        return NumpyPolicy(cast("SquashedGaussianPolicy", network))

    def explorer(
        self,
        network: nn.Module,
        action_space: spaces.Space[Any],
        config: SACConfig,
        generator: np.random.Generator,
        epsilon: float,
    ) -> PolicyExplorer:
        """Return what acts by the stochastic policy, and not by epsilon."""
        policy = NumpyPolicy(cast("SquashedGaussianPolicy", network))
        box = _bounded_box(action_space)
        return PolicyExplorer(Actor.build(policy, box, config, generator))

    def exportable(self, network: nn.Module) -> ExportableMean:
        """Return the same policy as a module of tensors."""
        return ExportableMean(cast("SquashedGaussianPolicy", network))


def _bounded_box(space: spaces.Space[Any]) -> spaces.Box:
    if not isinstance(space, spaces.Box):
        raise ValueError(
            f"sac needs continuous actions, not {space}; --algorithm dqn takes discrete ones"
        )
    if not space.is_bounded():
        raise ValueError(f"sac needs actions within finite bounds, not {space}")
    return space
