"""How well a policy finds its way through a maze, from each of some starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium
import numpy as np

from agent_client.tasks.maze import Maze
from agent_client.tasks.maze_layout import Cell

__all__ = ["MazeTrials", "try_starts", "unseen_starts"]


class Walker(Protocol):
    """What chooses moves."""

    def action(self, observation: Any) -> Any:
        """Return the move to make at an observation."""


@dataclass(frozen=True, slots=True)
class MazeTrials:
    """What came of walking from some starts, once each.

    Attributes:
        steps: moves to the goal from each start; None where it was not reached.
        shortest: moves on the shortest path from each.
    """

    steps: tuple[int | None, ...]
    shortest: tuple[int, ...]

    @property
    def success_rate(self) -> float:
        """Part of the starts from which the goal was reached."""
        return float(np.mean([steps is not None for steps in self.steps]))

    @property
    def path_ratio(self) -> float:
        """Mean of steps over shortest path where the goal was reached; NaN if it never was."""
        ratios = [
            steps / shortest
            for steps, shortest in zip(self.steps, self.shortest, strict=True)
            if steps is not None
        ]
        return float(np.mean(ratios)) if ratios else float("nan")


def unseen_starts(environment: gymnasium.Env[Any, Any]) -> list[Cell]:
    """Return the cells that training in a maze, wrapped or not, did not start from.

    Raises:
        TypeError: it is no maze.
    """
    maze = environment.unwrapped
    if not isinstance(maze, Maze):
        raise TypeError(f"{maze} is no maze")
    return maze.layout.starts(unseen=True)


def try_starts(
    environment: gymnasium.Env[Any, Any], walker: Walker, starts: Sequence[Cell]
) -> MazeTrials:
    """Walk once from each start, until the goal or the end of the episode.

    Args:
        environment: a maze, wrapped or not, whose layout stays the same.
        walker: chooses the moves; the maze has no chance, so a walker without chance needs one try.
        starts: cells.
    """
    trials = [_walk(environment, walker, start) for start in starts]
    return MazeTrials(tuple(steps for steps, _ in trials), tuple(least for _, least in trials))


def _walk(
    environment: gymnasium.Env[Any, Any], walker: Walker, start: Cell
) -> tuple[int | None, int]:
    observation, info = environment.reset(options={"start": start})
    steps, terminated, truncated = 0, False, False
    while not (terminated or truncated):
        observation, _, terminated, truncated, _ = environment.step(walker.action(observation))
        steps += 1
    return steps if terminated else None, int(info["shortest_path"])
