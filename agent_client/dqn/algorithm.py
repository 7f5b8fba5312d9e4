"""DQN as ``agent_client.learning.algorithm`` has it: how a run makes its agents."""

from typing import Any, Final, cast

import numpy as np
from gymnasium import spaces
from torch import nn

from agent_client.dqn.agent import Agent
from agent_client.dqn.config import DQNConfig
from agent_client.dqn.explorer import EpsilonExplorer
from agent_client.dqn.exportable import ExportableChoice
from agent_client.dqn.network_choice import make_network
from agent_client.dqn.networks import QNetwork
from agent_client.dqn.policies import greedy_policy
from agent_client.learning.algorithm import Policy
from agent_client.observations import shapes_of


class DQN:
    """Makes agents that choose among actions 0, 1, 2, ... by their values."""

    figures: Final = ("epsilon", "loss", "mean_value", "gradient_norm")
    network_name: Final = "online"

    def build(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        config: DQNConfig,
        generator: np.random.Generator,
    ) -> Agent:
        """Return a fresh agent.

        Raises:
            ValueError: actions are not discrete, or images too small for the convolutions.
        """
        count = _action_count(action_space)
        return Agent.build(shapes_of(observation_space), count, config, generator)

    def make_network(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        config: DQNConfig,
    ) -> QNetwork:
        """Return an online network; raises as ``build`` does."""
        return make_network(shapes_of(observation_space), _action_count(action_space), config)

    def greedy_policy(self, network: nn.Module) -> Policy:
        """Return the policy that takes the action of highest value."""
        return greedy_policy(cast("QNetwork", network))

    def explorer(
        self,
        network: nn.Module,
        action_space: spaces.Space[Any],
        config: DQNConfig,
        generator: np.random.Generator,
        epsilon: float,
    ) -> EpsilonExplorer:
        """Return what acts by a rung of the ladder."""
        return EpsilonExplorer(cast("QNetwork", network), generator, epsilon)

    def exportable(self, network: nn.Module) -> ExportableChoice:
        """Return the same policy as a module of tensors."""
        return ExportableChoice(network)


def _action_count(space: spaces.Space[Any]) -> int:
    if not isinstance(space, spaces.Discrete):
        raise ValueError(
            f"dqn needs discrete actions, not {space}; --algorithm sac takes continuous ones"
        )
    return int(space.n)
