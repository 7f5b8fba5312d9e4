"""One environment that an actor acts in, episode after episode."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent_client.distributed.initial_priorities import (
    ActedStep,
    ActedSteps,
    PrioritizedSteps,
    StepSink,
    UnprioritizedSteps,
)
from agent_client.environments import Environment
from agent_client.learning.algorithm import Choice, Explorer
from agent_client.learning.config import ReplayConfig
from agent_client.observations import Observation, newest_frame
from agent_client.seeding import EpisodePurpose, episode_seed
from agent_client.writer.step_stream import RowSink

__all__ = ["ActingPlace", "StreamRows", "steps_of"]


class StreamRows:
    """Rows of one of a writer's streams; a `RowSink`."""

    def __init__(self, rows: RowSink, stream: int) -> None:
        """Hand rows on as those of a stream.

        Args:
            rows: kept; raises what it does.
            stream: its number among the writer's.
        """
        self._rows = rows
        self._stream = stream

    def append(
        self, row: Mapping[str, Any], priority: float | None = None, stream: int = 0
    ) -> None:
        """Take a row."""
        self._rows.append(row, priority, self._stream + stream)

    def wait_for_room(self, rows: int) -> None:
        """Return when so many rows will be taken without waiting."""
        self._rows.wait_for_room(rows)

    def flush(self) -> None:
        """Return when every row of all streams is with the server."""
        self._rows.flush()


@dataclass
class ActingPlace:
    """Where one of an actor's environments stands.

    What to do at an observation is chosen when it comes, since its value belongs to the step
    before as well.

    Attributes:
        environment: where to act; with a frame stack above 1 its observations are stacks.
        steps: takes the steps with single frames, and makes their priorities.
        seed: of the episodes.
        frame_stack: of an observation.
    """

    environment: Environment
    steps: ActedSteps
    seed: int
    frame_stack: int = 1
    _episodes: int = field(default=0, init=False)
    _choice: Choice = field(init=False)
    _return: float = field(default=0.0, init=False)
    _length: int = field(default=0, init=False)

    @property
    def most_rows(self) -> int:
        """The rows that one step can bring along."""
        return self.steps.most_rows

    def begin(self, explorer: Explorer, run_step: int) -> None:
        """Begin an episode; arguments as of ``Explorer.choose``."""
        seed = episode_seed(self.seed, EpisodePurpose.TRAINING, self._episodes)
        self._episodes += 1
        observation, _ = self.environment.reset(seed=seed)
        self.steps.begin(self._frame(observation))
        self._choice = explorer.choose(observation, run_step)
        self._return, self._length = 0.0, 0

    def step(self, explorer: Explorer, run_step: int) -> tuple[float, int] | None:
        """Act once; return the episode's return and length if that ended it."""
        done = self._choice
        observation, reward, terminated, truncated, _ = self.environment.step(done.action)
        self._choice = explorer.choose(observation, run_step)
        self.steps.append(
            ActedStep(
                action=done.action,
                observation=self._frame(observation),
                reward=float(reward),
                terminated=bool(terminated),
                truncated=bool(truncated),
                value=done.value,
                next_value=self._choice.best_value,
            )
        )
        self._return += float(reward)
        self._length += 1
        return (self._return, self._length) if terminated or truncated else None

    def _frame(self, observation: Observation) -> Observation:
        return newest_frame(observation) if self.frame_stack > 1 else observation


def steps_of(explorer: Explorer, steps: StepSink, config: ReplayConfig) -> ActedSteps:
    """Return what takes an explorer's steps: with priorities, if it has values to make them of.

    Args:
        explorer: tells whether it has.
        steps: takes them in the end.
        config: what transitions and priorities of the run are.
    """
    if not explorer.tells_values:
        return UnprioritizedSteps(steps, reward_limit=config.reward_limit)
    return PrioritizedSteps(
        steps,
        n_step=config.n_step,
        discount=config.discount,
        epsilon_priority=config.epsilon_priority,
        reward_limit=config.reward_limit,
    )
