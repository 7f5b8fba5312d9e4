"""Acting while training, in one environment or in several that take their steps together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
from gymnasium.vector import VectorEnv

from agent_client.environments import Environment, Environments
from agent_client.learning.algorithm import Actor
from agent_client.learning.rewards import limited
from agent_client.observations import Observation, newest_frame
from agent_client.replay_access import EpisodeWriter
from agent_client.seeding import EpisodePurpose, episode_seed

__all__ = ["Acting", "acting_in"]

Score: TypeAlias = tuple[float, int]
"""Undiscounted return and length of an episode."""


class Acting(Protocol):
    """Where an agent acts, episode after episode."""

    @property
    def environments(self) -> int:
        """Environment steps that one `step` takes."""

    def begin(self, episode: int) -> None:
        """Begin an episode in each environment.

        Args:
            episode: number of the first one among the training's: it settles the seeds.
        """

    def step(self, actor: Actor, step: int) -> Sequence[Score]:
        """Act once in each environment; return the episodes that ended, and begin the next ones.

        Args:
            actor: chooses.
            step: environment steps that the run has done before.
        """


def acting_in(
    environment: Environment | Environments,
    writer: EpisodeWriter,
    *,
    seed: int,
    frame_stack: int = 1,
    reward_limit: float = 0.0,
) -> Acting:
    """Return what acts in an environment, or in all those of a vector environment.

    Args:
        environment: where; with a frame stack above 1 its observations are stacks.
        writer: takes the steps, with single frames; of as many environments.
        seed: the run's.
        frame_stack: of an observation.
        reward_limit: to which rewards are clipped that the writer is told; 0 is none.
    """
    if isinstance(environment, VectorEnv):
        return _ManyEnvironments(environment, writer, seed, frame_stack, reward_limit)
    return _OneEnvironment(environment, writer, seed, frame_stack, reward_limit)


@dataclass
class _OneEnvironment:
    """One environment."""

    environment: Environment
    writer: EpisodeWriter
    seed: int
    frame_stack: int
    reward_limit: float
    environments: int = field(default=1, init=False)
    _observation: Observation = field(init=False, repr=False)

    def begin(self, episode: int) -> None:
        """Begin an episode."""
        seed = episode_seed(self.seed, EpisodePurpose.TRAINING, episode)
        self._observation, _ = self.environment.reset(seed=seed)
        self.writer.begin(self._frame())
        self._next_episode = episode + 1
        self._return, self._length = 0.0, 0

    def step(self, actor: Actor, step: int) -> Sequence[Score]:
        """Act once."""
        action = actor.act(self._observation, step)
        self._observation, reward, terminated, truncated, _ = self.environment.step(action)
        told = limited(float(reward), self.reward_limit)
        self.writer.append(action, self._frame(), told, terminated, truncated)
        self._return += float(reward)
        self._length += 1
        if not (terminated or truncated):
            return ()
        score = self._return, self._length
        self.begin(self._next_episode)
        return (score,)

    def _frame(self) -> Observation:
        return newest_frame(self._observation) if self.frame_stack > 1 else self._observation


@dataclass
class _ManyEnvironments:
    """The environments of a vector, which is told when to reset which of them."""

    environment: Environments
    writer: EpisodeWriter
    seed: int
    frame_stack: int
    reward_limit: float
    _observation: Observation = field(init=False, repr=False)

    @property
    def environments(self) -> int:
        """How many there are."""
        return self.environment.num_envs

    def begin(self, episode: int) -> None:
        """Begin an episode in each."""
        self._next_episode = episode
        self._returns = np.zeros(self.environments)
        self._lengths = np.zeros(self.environments, np.int64)
        self._begin_where(np.ones(self.environments, np.bool_))

    def step(self, actor: Actor, step: int) -> Sequence[Score]:
        """Act once in each, in their order."""
        action = np.stack(
            [
                np.asarray(actor.act(_at(self._observation, place), step + place))
                for place in range(self.environments)
            ]
        )
        self._observation, reward, terminated, truncated, _ = self.environment.step(action)
        told = np.array([limited(one, self.reward_limit) for one in reward.tolist()])
        self.writer.append(action, self._frames(), told, terminated, truncated)
        self._returns += reward
        self._lengths += 1
        has_ended = terminated | truncated
        scores = list(
            zip(self._returns[has_ended].tolist(), self._lengths[has_ended].tolist(), strict=True)
        )
        if scores:
            self._begin_where(has_ended)
        return scores

    def _begin_where(self, chosen: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
        seeds: list[int | None] = [None] * self.environments
        for place in np.flatnonzero(chosen).tolist():
            seeds[place] = episode_seed(self.seed, EpisodePurpose.TRAINING, self._next_episode)
            self._next_episode += 1
        # Gymnasium's own kinds take a seed each; the class that they have in common says one.
        each: Any = seeds
        self._observation, _ = self.environment.reset(seed=each, options={"reset_mask": chosen})
        self.writer.begin(self._frames(), chosen)
        self._returns[chosen] = 0.0
        self._lengths[chosen] = 0

    def _frames(self) -> Observation:
        """Return the newest frames of all, [N, ...]."""
        observation = self._observation
        if self.frame_stack == 1:
            return observation
        if isinstance(observation, dict):
            return {name: stacks[:, -1] for name, stacks in observation.items()}
        newest: Observation = observation[:, -1]
        return newest


def _at(observation: Observation, place: int) -> Observation:
    """Return the observation of one environment of several."""
    if isinstance(observation, dict):
        return {name: part[place] for name, part in observation.items()}
    one: Observation = observation[place]
    return one
