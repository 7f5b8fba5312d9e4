"""Bits to flip until they are those of a goal: what is hopeless without hindsight."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

__all__ = ["BitFlip"]

Bits = NDArray[np.float32]
Observation = dict[str, Any]


class BitFlip(gymnasium.Env[Observation, np.int64]):
    """Each action flips one bit; the reward is 0 when all are as the goal has them, and else -1.

    Observations are float32 [bits] of 0 and 1: `observation` and `achieved_goal` are the bits as
    they are, `desired_goal` those wanted. An episode terminates at the goal and is truncated after
    as many steps as there are bits. Source: Andrychowicz et al., Hindsight Experience Replay
    (arXiv 1707.01495), section 3.1.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - as Gymnasium has it

    def __init__(self, bits: int = 8) -> None:
        """Make one of so many bits.

        Raises:
            ValueError: there are none.
        """
        if bits < 1:
            raise ValueError(f"expected at least 1 bit, got {bits}")
        part = spaces.Box(0.0, 1.0, (bits,), np.float32)
        names = ("observation", "achieved_goal", "desired_goal")
        parts: dict[str, spaces.Space[Any]] = dict.fromkeys(names, part)
        self.observation_space = spaces.Dict(parts)
        self.action_space = spaces.Discrete(bits)
        self._bits: Bits = np.zeros(bits, np.float32)
        self._goal: Bits = np.zeros(bits, np.float32)
        self._steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Draw bits and another goal."""
        super().reset(seed=seed)
        self._steps = 0
        self._bits = self.np_random.integers(2, size=self._bits.size).astype(np.float32)
        self._goal = self._bits
        while np.array_equal(self._goal, self._bits):
            self._goal = self.np_random.integers(2, size=self._bits.size).astype(np.float32)
        return self._observation(), {}

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Flip a bit."""
        self._bits = self._bits.copy()
        self._bits[action] = 1.0 - self._bits[action]
        self._steps += 1
        is_reached = self.compute_terminated(self._bits, self._goal, {})
        reward = self.compute_reward(self._bits, self._goal, {})
        is_over = self._steps >= self._bits.size and not is_reached
        return self._observation(), reward, is_reached, is_over, {}

    def compute_reward(
        self, achieved_goal: Bits, desired_goal: Bits, info: dict[str, Any]
    ) -> float:
        """Return 0 where both are the same, else -1."""
        return 0.0 if np.array_equal(achieved_goal, desired_goal) else -1.0

    def compute_terminated(
        self, achieved_goal: Bits, desired_goal: Bits, info: dict[str, Any]
    ) -> bool:
        """Return whether both are the same."""
        return bool(np.array_equal(achieved_goal, desired_goal))

    def _observation(self) -> Observation:
        return {
            "observation": self._bits.copy(),
            "achieved_goal": self._bits.copy(),
            "desired_goal": self._goal.copy(),
        }
