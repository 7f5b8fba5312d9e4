"""How much less an old transition counts than a fresh one.

What an old policy did tells less of what the present one should do, and prioritization alone does
not see that: a transition may surprise again and again because it is out of date.
"""

import numpy as np
from numpy.typing import NDArray


def faded(
    priorities: NDArray[np.float64], ages: NDArray[np.int64], half_life: float
) -> NDArray[np.float64]:
    """Return `p 2^(-age / half_life)`: priorities that halve with every half-life.

    They fade when they are stored; one that is not drawn stays as it was until it is.

    Args:
        priorities: [B] >= 0. Not modified.
        ages: [B] rows that have been inserted since each.
        half_life: in rows; 0 leaves priorities as they are.
    """
    if not half_life:
        return priorities
    result: NDArray[np.float64] = priorities * np.exp2(-ages / half_life)
    return result
