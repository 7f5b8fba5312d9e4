"""Shares of several tasks that follow how fast each is being learned just now.

A task that is mastered teaches nothing, and neither does one that is hopeless; what is worth
drawing is where scores move, up or down (Matiisen et al. 2017, Teacher-Student Curriculum Learning,
arXiv 1707.00183, section 3: the absolute slope of the learning curve).

    progress = LearningProgress(mix.shares)
    while ...:
        mix.shares = progress.shares_after({"reach": 0.7, "grasp": 0.2, "lift": 0.0})
"""

from collections import deque
from collections.abc import Iterable, Mapping

import numpy as np

__all__ = ["LearningProgress"]

_TWO_POINTS = 2


class LearningProgress:
    """Turns scores into the shares of a `TaskMix`."""

    def __init__(self, tasks: Iterable[str], *, window: int = 4, floor: float = 0.3) -> None:
        """Begin with no score.

        Args:
            tasks: their names.
            window: scores of which the slope is taken; fewer follow faster, more are steadier.
            floor: part of all that is divided evenly whatever is learned, above 0 to 1, so that
                what has come to rest is still looked at.

        Raises:
            ValueError: no task, a window of less than 2, or a floor out of range.
        """
        self._scores = {task: deque[float](maxlen=window) for task in tasks}
        self._floor = floor
        if not self._scores or window < _TWO_POINTS or not 0.0 < floor <= 1.0:
            raise ValueError(
                "expected at least one task, a window of at least 2 and a floor above 0 and at "
                f"most 1; got {len(self._scores)} tasks, {window} and {floor}"
            )

    def shares_after(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Return the share of each task, above 0 and summing to 1, after one more evaluation.

        Args:
            scores: of each task, in a unit that all tasks share.

        Raises:
            KeyError: a task has none.
        """
        for task, seen in self._scores.items():
            seen.append(float(scores[task]))
        slopes = {task: abs(_slope(seen)) for task, seen in self._scores.items()}
        total, even = sum(slopes.values()), 1.0 / len(slopes)
        return {
            task: self._floor * even + (1.0 - self._floor) * (slope / total if total else even)
            for task, slope in slopes.items()
        }


def _slope(scores: "deque[float]") -> float:
    """Return the slope of the straight line of least squares through scores; 0 of one alone."""
    if len(scores) < _TWO_POINTS:
        return 0.0
    times = np.arange(len(scores)) - (len(scores) - 1) / 2
    return float(times @ np.array(scores) / (times @ times))
