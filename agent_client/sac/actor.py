"""The actor: what to do at an observation while training."""

from typing import Self

import numpy as np
from gymnasium import spaces

from agent_client.observations import Observation
from agent_client.sac.config import SACConfig
from agent_client.sac.policy import NumpyPolicy, Vector
from agent_client.sac.stretches import RandomStretches


class Actor:
    """Draws actions from the policy; at first uniformly from all that there are.

    The policy of a fresh network keeps to the middle of the actions; uniform ones fill the table
    with all of them, as the authors' code does before it learns.
    """

    def __init__(
        self,
        policy: NumpyPolicy,
        action_space: spaces.Box,
        random_steps: int,
        generator: np.random.Generator,
        stretches: RandomStretches | None = None,
    ) -> None:
        """Make an actor.

        Args:
            policy: follows the network that is trained.
            action_space: of finite bounds.
            random_steps: environment steps of the run in which actions are uniform.
            generator: the only source of randomness; kept and advanced.
            stretches: when an action is held in place of the policy's; None is never.
        """
        self.generator = generator
        self._policy = policy
        self._space = action_space
        self._random_steps = random_steps
        self._stretches = stretches

    @classmethod
    def build(
        cls,
        policy: NumpyPolicy,
        action_space: spaces.Box,
        config: SACConfig,
        generator: np.random.Generator,
    ) -> Self:
        """Return the actor of a configuration; arguments as above."""
        stretches = RandomStretches.of(config, action_space, generator)
        return cls(policy, action_space, config.random_steps, generator, stretches)

    def act(self, observation: Observation, step: int) -> Vector:
        """Return an action of the environment's space, float32, for ``observation``.

        Args:
            observation: as the policy takes it.
            step: environment steps that the run has done before this one.
        """
        if step < self._random_steps:
            uniform = self.generator.uniform(self._space.low, self._space.high)
            return uniform.astype(np.float32)
        held = None if self._stretches is None else self._stretches.action(step)
        return self._policy.sample(observation, self.generator) if held is None else held
