"""What a draw tells of each item: probability, importance weight, age, times sampled."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numba import njit

from replay_server.memory.arrays import Float32Array, Float64Array, Int32Array, Int64Array

__all__ = ["Draw", "importance_weights"]

_SMALLEST_NORMAL = 2.2250738585072014e-308
_PER_ITEM = (
    "slots",
    "keys",
    "probabilities",
    "weights",
    "priorities",
    "times_sampled",
    "ages",
)


@dataclass(frozen=True)
class Draw:
    """K batches of B items; arrays of items are new and of shape [B], or [K, B] where K > 1.

    Attributes:
        slots: int64, where the rows lie, until as many rows have come in as there is slack.
        keys: int64.
        probabilities: float64, P(i) at the draw.
        weights: float32 in [0, 1]; 0 where it is too small for a float32.
        priorities: float64, raw.
        times_sampled: int32, this draw included.
        ages: int64, rows inserted since that one.
        size: items in the table.
        updated: keys of the update that came along and were there.
        stale: keys of it that were not.
        spent: [M] int64, distinct slots of items that have been drawn as often as they may.
    """

    slots: Int64Array
    keys: Int64Array
    probabilities: Float64Array
    weights: Float32Array
    priorities: Float64Array
    times_sampled: Int32Array
    ages: Int64Array
    size: int
    updated: int
    stale: int
    spent: Int64Array

    def in_batches(self, batches: int) -> Draw:
        """Return the same with a leading axis of batches in arrays of items, where K > 1."""
        if batches == 1:
            return self
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return Draw(
            **{
                name: value.reshape(batches, -1) if name in _PER_ITEM else value
                for name, value in values.items()
            }
        )


def importance_weights(
    masses: Float64Array, batch_size: int, beta: float, smallest: float | None
) -> Float32Array:
    """Return the importance weights [K * B] of draws of items with masses [K * B], all above 0.

    (N P(i))^-beta / max_j (N P(j))^-beta is (smallest mass / mass of i)^beta: N and the total
    cancel, and nothing can overflow (section 3.4 of arXiv 1511.05952).

    Args:
        masses: [K * B], of one total.
        batch_size: B; each batch is weighted by itself.
        beta: >= 0.
        smallest: the smallest mass over the table, or None to take that of each batch.
    """
    weights = np.empty(len(masses), np.float32)
    _weigh(masses, batch_size, beta, -1.0 if smallest is None else smallest, weights)
    return weights


@njit(
    ["void(float64[::1], int64, float64, float64, float32[::1])"],
    cache=True,
    nogil=True,
    error_model="numpy",
)
def _weigh(
    masses: Float64Array,
    batch_size: int,
    beta: float,
    table_smallest: float,
    weights: Float32Array,
) -> None:
    for first in range(0, masses.shape[0], batch_size):
        smallest = table_smallest
        if smallest < 0.0:
            smallest = np.inf
            for i in range(first, first + batch_size):
                smallest = min(smallest, masses[i])
        for i in range(first, first + batch_size):
            ratio = smallest / masses[i]
            if ratio >= _SMALLEST_NORMAL:
                weights[i] = min(ratio, 1.0) ** beta
            else:  # it has lost its digits
                weights[i] = np.exp(beta * (np.log(smallest) - np.log(masses[i])))
