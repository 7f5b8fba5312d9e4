"""Histograms of numbers that can't be negative."""

from __future__ import annotations

from typing import Final

import numpy as np

from replay_server.memory.arrays import AnyArray, Float64Array
from replay_wire.activity import Histogram

__all__ = ["histogram"]

_BINS: Final = 32
_WIDE: Final = 20.0  # from this ratio of largest to smallest on


def histogram(values: AnyArray) -> Histogram:
    """Return how values [n], finite and >= 0, are spread over some 32 bins of equal width.

    Bins of integers begin at integers. Those of other numbers are of equal ratio instead, where the
    largest is far above the smallest that is not 0. One bin holds all values where they are equal;
    there is none where there are no values but 0.

    Cost: O(n), some 2 ms for 50,000.
    """
    positive = values[values > 0].astype(np.float64)
    zeros = len(values) - len(positive)
    if not len(positive):
        return Histogram(edges=[], counts=[], zeros=zeros, looked_at=zeros, is_logarithmic=False)
    is_whole = np.issubdtype(values.dtype, np.integer)
    high = float(positive.max())
    is_logarithmic = not is_whole and high > float(positive.min()) * _WIDE
    binned = positive if is_logarithmic else values
    edges = _edges(float(binned.min()), high, is_logarithmic, is_whole)
    counts, _ = np.histogram(binned, edges)
    return Histogram(
        edges=edges.tolist(),
        counts=counts.tolist(),
        zeros=zeros,
        looked_at=len(values),
        is_logarithmic=is_logarithmic,
    )


def _edges(low: float, high: float, is_logarithmic: bool, is_whole: bool) -> Float64Array:
    """Return ascending edges, two at the least, between which no value is left out."""
    if low == high:
        return np.array([low, high])
    if is_whole:
        width = np.ceil((high - low + 1) / _BINS)
        return np.arange(low, high + width + 1, width)
    edges = (np.geomspace if is_logarithmic else np.linspace)(low, high, _BINS + 1)
    return np.unique(edges)  # neighbours in float64 leave no room for all of them
