"""The ages of the items drawn most recently, for their quantiles."""

from __future__ import annotations

from typing import Final

import numpy as np

from replay_server.memory.arrays import Int64Array

__all__ = ["QUANTILES", "SampleAges"]

QUANTILES: Final = (0.5, 0.9, 0.99)
_WINDOW: Final = 65536


class SampleAges:
    """A ring of the last 65,536 ages."""

    def __init__(self) -> None:
        """Start without any."""
        self._ages = np.zeros(_WINDOW, np.int64)
        self._drawn = 0

    def add(self, ages: Int64Array) -> None:
        """Take in ages [N] in the order of their draws. Cost: a copy."""
        ages = ages[-_WINDOW:]
        first = self._drawn % _WINDOW
        before_end = min(len(ages), _WINDOW - first)
        self._ages[first : first + before_end] = ages[:before_end]
        self._ages[: len(ages) - before_end] = ages[before_end:]
        self._drawn += len(ages)

    def quantiles(self) -> dict[str, float | None]:
        """Return the quantiles of `QUANTILES` by name, interpolated; None before the first draw."""
        known = self._ages[: min(self._drawn, _WINDOW)]
        if not known.size:
            return {str(quantile): None for quantile in QUANTILES}
        values = np.quantile(known, QUANTILES)
        return {str(q): float(value) for q, value in zip(QUANTILES, values, strict=True)}
