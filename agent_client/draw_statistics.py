"""How fresh and how redundant the experience is that a learner gets.

What is kept between batches is a plain map of numbers, so that a checkpoint can hold it.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent_client.replay_access import DrawnBatch

__all__ = ["DRAW_FIGURES", "draw_figures", "effective_share", "with_draw"]

DRAW_FIGURES: Final = ("sample_age", "effective_sample_share", "never_drawn_share")
"""Names of what is told: columns of the metrics."""

_AVERAGED_BATCHES: Final = 64
_DRAWN: Final = "drawn_steps"


def effective_share(weights: NDArray[np.float32]) -> float:
    """Return Kish's effective sample size over the size, `(sum w)^2 / (B sum w^2)`, in (0, 1].

    1 where all weights are alike: then a batch of B is worth B equally likely draws.

    Args:
        weights: [B] importance weights, not all 0.
    """
    exact = weights.astype(np.float64)
    return float(exact.sum() ** 2 / (len(exact) * np.square(exact).sum()))


def with_draw(draws: Mapping[str, float], batch: DrawnBatch) -> dict[str, float]:
    """Return what is known of all draws so far with one more batch.

    Args:
        draws: what this returned for the batch before; empty before the first.
        batch: not modified. A step counts as drawn where `times_sampled` says that it is the first.
    """
    found = {
        "sample_age": float(np.median(batch.ages.numpy())),
        "effective_sample_share": effective_share(batch.weights.numpy()),
    }
    averages = {
        name: draws[name] + (value - draws[name]) / _AVERAGED_BATCHES if name in draws else value
        for name, value in found.items()
    }
    first = int(np.count_nonzero(batch.times_sampled.numpy() == 1))
    return {**averages, _DRAWN: draws.get(_DRAWN, 0) + first}


def draw_figures(draws: Mapping[str, float], steps: int) -> dict[str, float]:
    """Return what is told, by the names of ``DRAW_FIGURES``; nothing before the first batch.

    Args:
        draws: of `with_draw`.
        steps: transitions that could have been drawn since the run began.

    Returns:
        sample_age: rows inserted since a drawn one: the median of a batch, averaged over some
            64 batches by exponentially falling weights.
        effective_sample_share: of a batch, by its importance weights; alike.
        never_drawn_share: of all steps so far, those that were in no batch.
    """
    if not draws:
        return {}
    values = (
        draws["sample_age"],
        draws["effective_sample_share"],
        max(0.0, 1.0 - draws[_DRAWN] / max(steps, 1)),
    )
    return dict(zip(DRAW_FIGURES, values, strict=True))
