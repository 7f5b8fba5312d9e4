"""The learning curve of a run, as a PNG.

Every training episode is a point, not only their average; evaluations show their own kind
of mark, because greedy episodes do better than those in which the agent explores.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from agent_client.reporting.metrics import MetricsRow

AVERAGED_EPISODES = 20


def moving_average(values: Sequence[float], window: int) -> NDArray[np.float64]:
    """Return the mean of each value and up to ``window - 1`` before it, [N] float64."""
    sums = np.cumsum(np.concatenate([[0.0], np.asarray(values, dtype=np.float64)]))
    ends = np.arange(1, len(sums))
    starts = np.maximum(ends - window, 0)
    averages: NDArray[np.float64] = (sums[ends] - sums[starts]) / (ends - starts)
    return averages


def draw_learning_curve(
    rows: Sequence[MetricsRow], path: Path, *, title: str, solved_return: float | None
) -> None:
    """Draw returns over environment steps and write them to ``path``.

    Args:
        rows: lines of ``metrics.csv``; may be empty.
        path: of the PNG.
        title: of the drawing.
        solved_return: return at which a line is drawn, if any.
    """
    figure = Figure(figsize=(9, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    episodes = [(row.step, row.episode_return) for row in rows if row.episode_return is not None]
    if episodes:
        steps, returns = zip(*episodes, strict=True)
        axes.plot(steps, returns, ".", markersize=4, alpha=0.6, label="training episode")
        axes.plot(
            steps,
            moving_average(returns, AVERAGED_EPISODES),
            label=f"mean of the last {AVERAGED_EPISODES} training episodes",
        )
    evaluations = [
        (row.step, row.evaluation_return) for row in rows if row.evaluation_return is not None
    ]
    if evaluations:
        steps, returns = zip(*evaluations, strict=True)
        axes.plot(steps, returns, "D-", markersize=5, label="greedy evaluation (mean)")
    if solved_return is not None:
        axes.axhline(
            solved_return, linestyle="--", color="gray", label=f"solved: {solved_return:g}"
        )
    axes.set(title=title, xlabel="environment steps", ylabel="return per episode")
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best")
    figure.savefig(path, format="png")
