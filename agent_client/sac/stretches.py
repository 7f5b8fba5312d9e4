"""Random actions that are held for a while, now and then, in place of the policy's.

A policy that draws each step's action anew keeps to what it does: it never finds out what comes of
something else done for twenty steps. Where its critics think badly of that for lack of experience,
such as of standing on the ground with the engine off after crashes alone, they go on thinking so.
After Dabney et al. (2021, arXiv 2006.01782), whose durations are of another distribution.
"""

from typing import Self

import numpy as np
from gymnasium import spaces

from agent_client.sac.config import SACConfig
from agent_client.sac.policy import Vector


class RandomStretches:
    """Which steps are taken by a held random action, and by which.

    Steps are cut into stretches of one length. What happens in one follows from its number and a
    key alone, so that a run that is taken up in the midst of one goes on as it would have.
    """

    def __init__(self, action_space: spaces.Box, probability: float, steps: int, key: int) -> None:
        """Cut steps into stretches.

        Args:
            action_space: of finite bounds.
            probability: of a stretch that begins with a held action.
            steps: of a stretch; an action is held for 1 to so many, each number equally likely.
            key: 0 or more; equal ones bring equal actions.
        """
        self._space = action_space
        self._probability = probability
        self._steps = steps
        self._key = key
        self._stretch = -1
        self._held_steps = 0
        self._action: Vector

    @classmethod
    def of(
        cls, config: SACConfig, action_space: spaces.Box, generator: np.random.Generator
    ) -> Self | None:
        """Return those of a configuration with a key from ``generator``; None where it has none."""
        if not config.stretch_probability:
            return None
        key = int(generator.integers(2**63))
        return cls(action_space, config.stretch_probability, config.stretch_steps, key)

    def action(self, step: int) -> Vector | None:
        """Return the action to take at a step, float32; None leaves it to the policy.

        Args:
            step: environment steps that the run has done before this one.
        """
        stretch, place = divmod(step, self._steps)
        if stretch != self._stretch:
            self._enter(stretch)
        return self._action if place < self._held_steps else None

    def _enter(self, stretch: int) -> None:
        self._stretch = stretch
        generator = np.random.default_rng((self._key, stretch))
        is_random = generator.random() < self._probability
        self._held_steps = int(generator.integers(1, self._steps + 1)) if is_random else 0
        self._action = generator.uniform(self._space.low, self._space.high).astype(np.float32)
