"""What a draw tells of each item: probability, importance weight, age, times sampled."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from replay_server.memory.arrays import Float32Array, Float64Array, Int32Array, Int64Array
from replay_server.memory.row_index import RowIndex

__all__ = ["Draw", "record_draws"]

_SMALLEST_NORMAL = 2.2250738585072014e-308


@dataclass(frozen=True)
class Draw:
    """K batches of B items; every array is new and of shape [B], or [K, B] where K > 1.

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

    def in_batches(self, batches: int) -> Draw:
        """Return the same with a leading axis of batches in every array, if there are several."""
        if batches == 1:
            return self
        return replace(
            self,
            slots=self.slots.reshape(batches, -1),
            keys=self.keys.reshape(batches, -1),
            probabilities=self.probabilities.reshape(batches, -1),
            weights=self.weights.reshape(batches, -1),
            priorities=self.priorities.reshape(batches, -1),
            times_sampled=self.times_sampled.reshape(batches, -1),
            ages=self.ages.reshape(batches, -1),
        )


def record_draws(
    slots: Int64Array,
    batch_size: int,
    index: RowIndex,
    masses: Float64Array,
    total: float,
    smallest_mass: float | None,
    beta: float,
    inserted_total: int,
) -> tuple[Int64Array, Float64Array, Float32Array, Float64Array, Int32Array, Int64Array]:
    """Count draws of slots [K * B] in the index, one after another, and tell what there is to tell.

    The importance weight (N P(i))^-beta / max_j (N P(j))^-beta is (smallest mass / mass of i)^beta:
    N and the total cancel, and nothing can overflow (section 3.4 of arXiv 1511.05952).

    Args:
        slots: [K * B] int64, each with mass.
        batch_size: B; each batch is weighted by itself.
        index: its `times_sampled` are counted up.
        masses: [slots] float64.
        total: sum of the masses.
        smallest_mass: the smallest over the table, or None to take the smallest of each batch.
        beta: >= 0.
        inserted_total: rows ever inserted.

    Returns:
        keys, probabilities, weights, priorities, times_sampled and ages, each [K * B].
    """
    count = len(slots)
    keys = np.empty(count, np.int64)
    probabilities = np.empty(count, np.float64)
    weights = np.empty(count, np.float32)
    priorities = np.empty(count, np.float64)
    times_sampled = np.empty(count, np.int32)
    ages = np.empty(count, np.int64)
    _record(
        slots,
        batch_size,
        masses,
        total,
        -1.0 if smallest_mass is None else smallest_mass,
        beta,
        inserted_total,
        index.keys,
        index.priorities,
        index.times_sampled,
        index.ordinals,
        keys,
        probabilities,
        weights,
        priorities,
        times_sampled,
        ages,
    )  # fmt: skip - one line each for the table's side, and for what comes of it
    return keys, probabilities, weights, priorities, times_sampled, ages


@njit(
    [
        "void(int64[::1], int64, float64[::1], float64, float64, float64, int64,"
        " int64[::1], float64[::1], int32[::1], int64[::1],"
        " int64[::1], float64[::1], float32[::1], float64[::1], int32[::1], int64[::1])"
    ],
    cache=True,
    nogil=True,
    error_model="numpy",
)
def _record(
    slots: Int64Array,
    batch_size: int,
    masses: Float64Array,
    total: float,
    table_smallest: float,
    beta: float,
    inserted_total: int,
    all_keys: Int64Array,
    all_priorities: Float64Array,
    all_times: Int32Array,
    all_ordinals: Int64Array,
    keys: Int64Array,
    probabilities: Float64Array,
    weights: Float32Array,
    priorities: Float64Array,
    times_sampled: Int32Array,
    ages: Int64Array,
) -> None:
    for first in range(0, slots.shape[0], batch_size):
        smallest = table_smallest
        if smallest < 0.0:
            smallest = np.inf
            for i in range(first, first + batch_size):
                smallest = min(smallest, masses[slots[i]])
        for i in range(first, first + batch_size):
            slot = slots[i]
            mass = masses[slot]
            all_times[slot] += 1
            keys[i] = all_keys[slot]
            probabilities[i] = mass / total
            ratio = smallest / mass
            if ratio >= _SMALLEST_NORMAL:
                weights[i] = ratio**beta
            else:  # it has lost its digits
                weights[i] = np.exp(beta * (np.log(smallest) - np.log(mass)))
            priorities[i] = all_priorities[slot]
            times_sampled[i] = all_times[slot]
            ages[i] = inserted_total - 1 - all_ordinals[slot]
