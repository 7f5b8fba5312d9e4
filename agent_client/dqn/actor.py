"""The epsilon-greedy actor: what to do at an observation while training."""

import numpy as np

from agent_client.learning.algorithm import Policy
from agent_client.learning.schedules import LinearSchedule
from agent_client.observations import Observation


class Actor:
    """Acts at random with probability epsilon, else greedily (Mnih et al. 2015, algorithm 1)."""

    def __init__(
        self,
        policy: Policy,
        action_count: int,
        epsilon: LinearSchedule,
        generator: np.random.Generator,
    ) -> None:
        """Make an actor.

        Args:
            policy: what to do when not exploring; follows the online network.
            action_count: random actions are uniform in [0, action_count).
            epsilon: probability of a random action at each environment step of the run.
            generator: the only source of randomness; kept and advanced.
        """
        self.generator = generator
        self._policy = policy
        self._action_count = action_count
        self._epsilon = epsilon

    def epsilon(self, step: int) -> float:
        """Return the probability of a random action at environment step ``step``."""
        return self._epsilon.value(step)

    def act(self, observation: Observation, step: int) -> int:
        """Return an action in [0, action_count) for ``observation`` at environment step ``step``.

        Args:
            observation: as the policy takes it.
            step: environment steps that the run has done before this one.
        """
        if self.generator.random() < self.epsilon(step):
            return int(self.generator.integers(self._action_count))
        return int(self._policy.action(observation))
