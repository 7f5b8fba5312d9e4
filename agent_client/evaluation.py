"""Greedy episodes: how good a policy is, apart from how it explores.

Episodes are seeded one by one, so that the same policy gets the same returns again, and so
that those who choose weights and those who report on them never see the same episodes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent_client.environments import Environment
from agent_client.learning.algorithm import Policy
from agent_client.seeding import EpisodePurpose, episode_seed


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Undiscounted returns of some greedy episodes.

    Attributes:
        returns: sum of rewards of each episode, in the order they were played; at least one.
    """

    returns: tuple[float, ...]

    @property
    def mean_return(self) -> float:
        """Mean of the returns."""
        return float(np.mean(self.returns))

    @property
    def std_return(self) -> float:
        """Standard deviation of the returns over these episodes (divided by their number)."""
        return float(np.std(self.returns))

    def to_json(self) -> str:
        """Return the document of ``evaluation.json``."""
        document = {
            "episodes": len(self.returns),
            "mean_return": self.mean_return,
            "std_return": self.std_return,
            "returns": list(self.returns),
        }
        return json.dumps(document, indent=2) + "\n"

    def write(self, path: Path) -> None:
        """Write ``evaluation.json`` to ``path``."""
        path.write_text(self.to_json(), encoding="utf-8")


def evaluation_seeds(seed: int, purpose: EpisodePurpose, episodes: int) -> list[int]:
    """Return the reset seeds of the first ``episodes`` episodes for ``purpose``."""
    return [episode_seed(seed, purpose, episode) for episode in range(episodes)]


def evaluate(environment: Environment, policy: Policy, seeds: Sequence[int]) -> Evaluation:
    """Play one greedy episode from each seed.

    Args:
        environment: not one that is in the middle of an episode of somebody else.
        policy: read only; must not change meanwhile.
        seeds: what each episode resets the environment with; at least one.

    Raises:
        ValueError: no seed was given.
    """
    if not seeds:
        raise ValueError("an evaluation needs at least one episode")
    return Evaluation(tuple(_play_episode(environment, policy, seed) for seed in seeds))


def _play_episode(environment: Environment, policy: Policy, seed: int) -> float:
    observation, _ = environment.reset(seed=seed)
    total = 0.0
    while True:
        observation, reward, terminated, truncated, _ = environment.step(policy.action(observation))
        total += float(reward)
        if terminated or truncated:
            return total
