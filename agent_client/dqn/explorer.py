"""What acts for a learner elsewhere: by an epsilon that stays, and with values of its choices."""

from collections.abc import Mapping

import numpy as np

from agent_client.dqn.networks import QNetwork
from agent_client.dqn.policies import greedy_policy
from agent_client.learning.algorithm import Choice
from agent_client.observations import Observation


class EpsilonExplorer:
    """Acts at random with probability epsilon, else greedily: an actor of Ape-X.

    (Horgan et al. 2018, section 4.1.) Networks with noisy layers have no noise here: the rungs of
    the ladder explore.
    """

    tells_values = True

    def __init__(self, network: QNetwork, generator: np.random.Generator, epsilon: float) -> None:
        """Explore.

        Args:
            network: looked at, as it stands at each choice.
            generator: of random actions; advanced.
            epsilon: probability of a random action.
        """
        self._policy = greedy_policy(network)
        self._generator = generator
        self._epsilon = epsilon

    @property
    def exploration(self) -> Mapping[str, float]:
        """Its epsilon."""
        return {"epsilon": self._epsilon}

    def choose(self, observation: Observation, run_step: int) -> Choice:
        """Return what to do, with Q of it and of the best action."""
        values = self._policy.values(observation)
        action = int(values.argmax())
        if self._generator.random() < self._epsilon:
            action = int(self._generator.integers(len(values)))
        return Choice(action, float(values[action]), float(values.max()))
