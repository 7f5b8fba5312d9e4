"""A tiny environment whose observations tell where they come from."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

REWARD_PER_STEP = 10.0


class CountingEnvironment(gymnasium.Env[Any, Any]):
    """Observes [environment, episode, step]; a reward is 10 times the step plus the action.

    Episode e takes ``lengths[e % len(lengths)]`` steps; even ones are terminated, odd ones
    truncated. With ``nested`` an observation is ``{"where": {"environment", "time"}, "step"}``.
    """

    def __init__(
        self, number: int = 0, lengths: tuple[int, ...] = (3, 1, 2), *, nested: bool = False
    ):
        self._number, self._lengths, self._nested = number, lengths, nested
        self._episode, self._step = -1, 0
        self.action_space = spaces.Discrete(5)
        vector = spaces.Box(-1, 1000, (3,), np.float32)
        self.observation_space: spaces.Space[Any] = vector
        if nested:
            self.observation_space = spaces.Dict(
                {
                    "where": spaces.Dict(
                        {
                            "environment": spaces.Discrete(100),
                            "time": spaces.Box(-1, 1000, (2,), np.float32),
                        }
                    ),
                    "all": vector,
                }
            )

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self._episode += 1
        self._step = 0
        return self._observation(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        reward = REWARD_PER_STEP * self._step + int(action)
        self._step += 1
        is_over = self._step >= self._lengths[self._episode % len(self._lengths)]
        is_even = self._episode % 2 == 0
        return self._observation(), reward, is_over and is_even, is_over and not is_even, {}

    def _observation(self) -> Any:
        place = np.array([self._number, self._episode, self._step], np.float32)
        if not self._nested:
            return place
        return {"where": {"environment": self._number, "time": place[1:]}, "all": place}
