"""The acting loop: one environment, one rung of the ladder, whatever weights came last."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agent_client.distributed.initial_priorities import PrioritizedSteps
from agent_client.environments import Environment
from agent_client.errors import WriterTimeoutError
from agent_client.observations import Observation, newest_frame
from agent_client.seeding import EpisodePurpose, episode_seed


class ActorObserver(Protocol):
    """Who is told what happens."""

    def on_step(self, loop: "ActingLoop") -> None:
        """One step is done."""

    def on_episode(self, loop: "ActingLoop", episode_return: float, length: int) -> None:
        """An episode ended, ``length`` steps long."""


class ActingEnd(Enum):
    """Why a loop ended."""

    OUT_OF_STEPS = "all steps are done"
    RUN_IS_OVER = "the run is over"
    ANOTHER_RUN = "a learner with other hyper-parameters has taken over"
    TABLE_IS_GONE = "the table is gone"
    STOPPED = "it was asked to stop"


class Room(Protocol):
    """What the loop wants of ``agent_client.writer.RowWriter``."""

    def wait_for_room(self, rows: int) -> None:
        """Return when so many rows can be taken at once.

        Raises:
            WriterTimeoutError: not for now; ask again.
        """


@dataclass
class ActingLoop:
    """Acts; holds what its observers may read.

    Attributes:
        environment: where to act; with a frame stack above 1 its observations are stacks.
        values: [actions] float32, Q of each action at an observation, by the network of now.
        epsilon: probability of a random action, always the same.
        generator: of random actions; advanced.
        steps: takes the steps with their priorities.
        room: asked before each step, so that a limiter that says no is waited for between steps.
        refresh: called before each step: loads new weights where there are some; returns why to
            end, or None to go on.
        seed: of the episodes.
        frame_stack: frames in an observation.
        limit: steps at most; None for no end.
        observers: told what happens, in this order.
        step: steps done.
        episode: episodes ended.
        seconds_held_back: time spent waiting for room.
    """

    environment: Environment
    values: Callable[[Any], NDArray[np.float32]]
    epsilon: float
    generator: np.random.Generator
    steps: PrioritizedSteps
    room: Room
    refresh: Callable[[], ActingEnd | None]
    seed: int
    frame_stack: int = 1
    limit: int | None = None
    observers: tuple[ActorObserver, ...] = ()
    step: int = field(default=0, init=False)
    episode: int = field(default=0, init=False)
    seconds_held_back: float = field(default=0.0, init=False)

    def run(self) -> ActingEnd:
        """Act until the limit is reached or ``refresh`` says to end.

        Errors of the writer pass through.
        """
        observation, values = self._begin_episode()
        total, length = 0.0, 0
        while self.limit is None or self.step < self.limit:
            if (end := self.refresh()) is not None:
                return end
            if not self._has_room():
                continue
            action = self._choose(values)
            observation, reward, terminated, truncated, _ = self.environment.step(action)
            next_values = self.values(observation)
            self.steps.append(
                action,
                self._frame(observation),
                float(reward),
                terminated=bool(terminated),
                truncated=bool(truncated),
                value=float(values[action]),
                next_value=float(next_values.max()),
            )
            values = next_values
            self.step += 1
            total += float(reward)
            length += 1
            if terminated or truncated:
                self.episode += 1
                for observer in self.observers:
                    observer.on_episode(self, total, length)
                observation, values = self._begin_episode()
                total, length = 0.0, 0
            for observer in self.observers:
                observer.on_step(self)
        return ActingEnd.OUT_OF_STEPS

    def _begin_episode(self) -> tuple[Observation, NDArray[np.float32]]:
        seed = episode_seed(self.seed, EpisodePurpose.TRAINING, self.episode)
        observation, _ = self.environment.reset(seed=seed)
        self.steps.begin(self._frame(observation))
        return observation, self.values(observation)

    def _frame(self, observation: Observation) -> Observation:
        return newest_frame(observation) if self.frame_stack > 1 else observation

    def _choose(self, values: NDArray[np.float32]) -> int:
        if self.generator.random() < self.epsilon:
            return int(self.generator.integers(len(values)))
        return int(values.argmax())

    def _has_room(self) -> bool:
        """Return whether the rows of an episode's end, the most at once, can be taken."""
        began_at = time.monotonic()
        try:
            self.room.wait_for_room(self.steps.most_rows)
        except WriterTimeoutError:
            return False
        finally:
            self.seconds_held_back += time.monotonic() - began_at
        return True
