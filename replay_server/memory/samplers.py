"""Samplers: how much mass an item has, and which items a batch consists of.

Four numbers that are easily mixed up: an item's raw *priority* as its writer gave it; its *mass*,
the priority raised to alpha; its *probability*, mass over total mass; its *importance weight*
(`replay_server.memory.draws`). Raw priorities are kept, and alpha is applied once, here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numba import njit

from replay_server.memory.arrays import Float64Array, Int64Array
from replay_server.memory.sum_tree import SumTree

__all__ = [
    "MassSampler",
    "Normalize",
    "OrderedSampler",
    "PrioritizedSampler",
    "Sampler",
    "UniformSampler",
    "draw_leaves",
    "leaves_at",
    "priority_limit",
    "raised",
]

Normalize = Literal["batch", "table"]
_MASS_LIMIT = 1e300


@dataclass(frozen=True)
class PrioritizedSampler:
    """P(i) = p_i^alpha / sum_k p_k^alpha.

    Source: Schaul et al., Prioritized Experience Replay (arXiv 1511.05952), equation 1.

    Attributes:
        alpha: exponent of the priorities.
        beta: exponent of the importance weights.
        stratified: one draw in each of B equal parts of the mass.
        normalize: what the maximum of the weights is taken over.
        replacement: whether a batch may hold an item twice.
    """

    alpha: float
    beta: float
    stratified: bool
    normalize: Normalize
    replacement: bool = True

    @property
    def exponent(self) -> float:
        """Alpha: what `priority_sum` and the limit of priorities are reckoned with."""
        return self.alpha

    def masses(self, priorities: Float64Array) -> Float64Array:
        """Return priorities ** alpha; 0 where the priority is 0, whatever alpha is."""
        return raised(priorities, self.alpha)


@dataclass(frozen=True)
class UniformSampler:
    """P(i) = 1 / N: every item has mass 1, those of priority 0 too; else as PrioritizedSampler."""

    beta: float
    stratified: bool
    normalize: Normalize
    replacement: bool = True

    @property
    def exponent(self) -> float:
        """One: priorities are stored and summed as they are."""
        return 1.0

    def masses(self, priorities: Float64Array) -> Float64Array:
        """Return ones."""
        return np.ones(len(priorities))


@dataclass(frozen=True)
class OrderedSampler:
    """A batch is the first B items in an order; probability and weight are 1.

    Attributes:
        order: "fifo" and "lifo" go by insertion, the heaps by priority (of equal ones the older
            first).
    """

    order: Literal["fifo", "lifo", "min_heap", "max_heap"]

    @property
    def exponent(self) -> float:
        """One: priorities are stored and summed as they are."""
        return 1.0

    def masses(self, priorities: Float64Array) -> Float64Array:
        """Return ones: every item takes part."""
        return np.ones(len(priorities))

    def ranks(self, priorities: Float64Array, ordinals: Int64Array) -> Float64Array:
        """Return what items [N] are ordered by, the first lowest; equal ones go by age."""
        if self.order == "fifo":
            return np.zeros(len(priorities))
        if self.order == "lifo":
            return -ordinals.astype(np.float64)
        return priorities if self.order == "min_heap" else -priorities


MassSampler: TypeAlias = PrioritizedSampler | UniformSampler
Sampler: TypeAlias = MassSampler | OrderedSampler


def raised(priorities: Float64Array, exponent: float) -> Float64Array:
    """Return priorities [N] ** exponent as a new array, with 0 where the priority is 0."""
    if exponent == 1.0:
        return priorities.copy()
    masses: Float64Array = np.power(priorities, exponent)
    if exponent == 0.0:
        masses[priorities == 0.0] = 0.0
    return masses


def priority_limit(exponent: float, capacity: int) -> float:
    """Return the largest priority whose mass, `capacity` times over, still adds up to 1e300."""
    largest, most = float(np.finfo(np.float64).max), _MASS_LIMIT / capacity
    try:
        limit = min(float(most ** (1.0 / exponent)), largest)
    except (OverflowError, ZeroDivisionError):
        return largest
    with np.errstate(over="ignore"):  # the root may be rounded up, and a great exponent shows it
        while np.power(limit, exponent) > most:
            limit = float(np.nextafter(limit, 0.0))
    return limit


def draw_leaves(
    tree: SumTree, batch_size: int, batches: int, stratified: bool, generator: np.random.Generator
) -> Int64Array:
    """Return leaves [batches * batch_size] drawn in proportion to their masses, with replacement.

    Stratified, draw b of a batch falls into the b-th of `batch_size` equal parts of the total mass
    (section 3.3 of the paper). A target is always below the total, whatever rounding does.

    Raises:
        ValueError: the tree has no mass.
    """
    targets = generator.random(batches * batch_size)
    _aim(targets, batch_size if stratified else 0, tree.total)
    return tree.find(targets)


def leaves_at(tree: SumTree, points: Float64Array) -> Int64Array:
    """Return the leaves at points [B] in [0, 1) of the total mass.

    Raises:
        ValueError: the tree has no mass.
    """
    points = points.copy()
    _aim(points, 0, tree.total)
    return tree.find(points)


@njit(["void(float64[::1], int64, float64)"], cache=True, nogil=True, error_model="numpy")
def _aim(targets: Float64Array, strata: int, total: float) -> None:
    """Turn numbers in [0, 1) into targets in [0, total); strata 0 leaves them where they fall."""
    below_total = np.nextafter(total, 0.0)
    for i in range(targets.shape[0]):
        part = targets[i]
        if strata:
            part = (part + i % strata) / strata
        targets[i] = min(part * total, below_total)
