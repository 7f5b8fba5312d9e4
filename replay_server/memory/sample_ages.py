"""The ages of the items drawn most recently, for their quantiles."""

from __future__ import annotations

from typing import Final, cast

import numpy as np

from replay_server.memory.arrays import Allocate, Int64Array
from replay_server.memory.changes import Changes

__all__ = ["BYTES_OF_AGES", "QUANTILES", "SampleAges"]

QUANTILES: Final = (0.5, 0.9, 0.99)
_WINDOW: Final = 4096
BYTES_OF_AGES: Final = 8 * _WINDOW


class SampleAges:
    """A ring of the last 4,096 ages.

    Attributes:
        drawn: how many ages have been taken in.
    """

    def __init__(self, allocate: Allocate, changes: Changes) -> None:
        """Start without any."""
        self._ages = cast("Int64Array", allocate("ages", (_WINDOW,), np.dtype(np.int64)))
        self._changes = changes
        self.drawn = 0

    def add(self, ages: Int64Array) -> None:
        """Take in ages [N] in the order of their draws. Cost: a copy."""
        self.drawn += len(ages)
        ages = ages[-_WINDOW:]
        places = np.arange(self.drawn - len(ages), self.drawn) % _WINDOW
        self._ages[places] = ages
        self._changes.touched(("ages",), places)

    @property
    def recent(self) -> Int64Array:
        """The ages [n] of the items drawn most recently, n <= 4,096, in no order; a view."""
        return self._ages[: min(self.drawn, _WINDOW)]

    def quantiles(self) -> dict[str, float | None]:
        """Return the quantiles of `QUANTILES` by name, interpolated; None before the first draw.

        Cost: some 20 us.
        """
        known = self.recent
        if not known.size:
            return {str(quantile): None for quantile in QUANTILES}
        last = known.size - 1
        places = {quantile: quantile * last for quantile in QUANTILES}
        below = {int(place) for place in places.values()}
        # Puts what stands at these places there, and sorts nothing else: a tenth of np.quantile.
        parted = np.partition(known, sorted(below | {min(place + 1, last) for place in below}))
        return {str(quantile): _between(parted, place) for quantile, place in places.items()}


def _between(parted: Int64Array, place: float) -> float:
    """Return what lies at a place between two, linearly; rounded as NumPy does it."""
    below = int(place)
    share = place - below
    low, high = float(parted[below]), float(parted[min(below + 1, len(parted) - 1)])
    if share < 0.5:
        return low + (high - low) * share
    return high - (high - low) * (1 - share)
