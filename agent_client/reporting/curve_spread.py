"""Learning curves of several runs of one kind: their mean, and how sure it is.

The interval is a percentile bootstrap over runs (Agarwal et al. 2021, arXiv 2108.13264, section
4.1): with five seeds a standard deviation says little, and less where returns are bounded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from agent_client.reporting.learning_curve import AVERAGED_EPISODES, moving_average
from agent_client.reporting.metrics import MetricsRow

CONFIDENCE: Final = 0.95
RESAMPLES: Final = 2_000


@dataclass(frozen=True, slots=True)
class Curve:
    """Returns of one run over its environment steps.

    Attributes:
        steps: [N] int64, ascending.
        returns: [N] float64.
    """

    steps: NDArray[np.int64]
    returns: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spread:
    """Where the mean of several curves lies.

    Attributes:
        steps: [M] int64: all steps of all curves from the latest beginning on.
        mean: [M] float64.
        low: [M] float64, the lower end of the interval.
        high: [M] float64.
    """

    steps: NDArray[np.int64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def curve_of(rows: Sequence[MetricsRow], returns: str) -> Curve:
    """Return the curve of a run's metrics.

    Args:
        rows: lines of its ``metrics.csv``.
        returns: "evaluation" for greedy evaluations, "training" for the mean of the last training
            episodes.
    """
    name = "evaluation_return" if returns == "evaluation" else "episode_return"
    points = [(row.step, getattr(row, name)) for row in rows if getattr(row, name) is not None]
    steps = np.array([step for step, _ in points], np.int64)
    values = np.array([value for _, value in points], np.float64)
    if returns == "training" and len(values):
        values = moving_average(values.tolist(), AVERAGED_EPISODES)
    return Curve(steps, values)


def spread(curves: Sequence[Curve]) -> Spread:
    """Return mean and interval of curves, which are straight between their points.

    A curve that has ended keeps its last value: leaving it out would let the mean fall when
    those that were solved first are gone.

    Args:
        curves: of at least one point each.
    """
    begin = max(int(curve.steps[0]) for curve in curves)
    steps = np.unique(np.concatenate([curve.steps for curve in curves]))
    steps = steps[steps >= begin]
    values = np.stack([np.interp(steps, curve.steps, curve.returns) for curve in curves])
    generator = np.random.default_rng(0)
    picks = generator.integers(len(curves), size=(RESAMPLES, len(curves)))
    counts = np.apply_along_axis(np.bincount, 1, picks, minlength=len(curves))
    means = counts @ values / len(curves)
    tail = (1.0 - CONFIDENCE) / 2
    low, high = np.quantile(means, (tail, 1.0 - tail), axis=0)
    return Spread(steps, values.mean(axis=0), low, high)


def draw_spread(
    kinds: Mapping[str, Sequence[Curve]],
    path: Path,
    *,
    title: str,
    ylabel: str,
    solved_return: float | None,
) -> None:
    """Draw each kind's mean, interval and single runs, and write them to a PNG.

    Args:
        kinds: curves by what their runs have in common.
        path: of the PNG.
        title: of the drawing.
        ylabel: what the returns are of.
        solved_return: return at which a line is drawn, if any.
    """
    figure = Figure(figsize=(9, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for number, (name, curves) in enumerate(kinds.items()):
        color = f"C{number}"
        where = spread(curves)
        label = f"{name}, {len(curves)} run{'s' if len(curves) > 1 else ''}"
        axes.plot(where.steps, where.mean, color=color, linewidth=2, label=label)
        if len(curves) > 1:
            axes.fill_between(where.steps, where.low, where.high, color=color, alpha=0.2)
            for curve in curves:
                axes.plot(curve.steps, curve.returns, color=color, linewidth=0.6, alpha=0.5)
    if solved_return is not None:
        axes.axhline(
            solved_return, linestyle="--", color="gray", label=f"solved: {solved_return:g}"
        )
    shaded = f"mean and {CONFIDENCE:.0%} interval over runs"
    axes.set(title=f"{title} ({shaded})", xlabel="environment steps", ylabel=ylabel)
    axes.grid(alpha=0.3)
    axes.legend(loc="best")
    figure.savefig(path, format="png")
