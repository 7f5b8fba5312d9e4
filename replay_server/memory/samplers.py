"""Samplers: how much mass an item has, and which items a batch consists of.

Four numbers that are easily mixed up: an item's raw *priority* as its writer gave it; its *mass*,
the priority raised to alpha; its *probability*, mass over total mass; its *importance weight*
(`replay_server.memory.draws`). Raw priorities are kept, and alpha is applied once, here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from replay_server.memory.arrays import Float64Array, Int64Array
from replay_server.memory.sum_tree import SumTree

__all__ = [
    "Normalize",
    "PrioritizedSampler",
    "Sampler",
    "UniformSampler",
    "draw_leaves",
    "priority_limit",
    "raised",
]

Normalize = Literal["batch", "table"]
_MASS_LIMIT = 1e300


class Sampler(Protocol):
    """Gives items their mass and says how a batch is drawn.

    Attributes:
        beta: importance-sampling exponent.
        stratified: one draw in each of B equal parts of the mass.
        normalize: what the maximum of the weights is taken over.
    """

    @property
    def beta(self) -> float: ...  # noqa: D102 - a protocol's attribute, told above
    @property
    def stratified(self) -> bool: ...  # noqa: D102 - as above
    @property
    def normalize(self) -> Normalize: ...  # noqa: D102 - as above
    @property
    def exponent(self) -> float:
        """Alpha where there is one, else 1: what `priority_sum` and the limit are reckoned with."""

    def masses(self, priorities: Float64Array) -> Float64Array:
        """Return the masses [N] of items with raw priorities [N], as a new array."""


@dataclass(frozen=True)
class PrioritizedSampler:
    """P(i) = p_i^alpha / sum_k p_k^alpha.

    Source: Schaul et al., Prioritized Experience Replay (arXiv 1511.05952), equation 1.
    """

    alpha: float
    beta: float
    stratified: bool
    normalize: Normalize

    @property
    def exponent(self) -> float:
        """Alpha."""
        return self.alpha

    def masses(self, priorities: Float64Array) -> Float64Array:
        """Return priorities ** alpha; 0 where the priority is 0, whatever alpha is."""
        return raised(priorities, self.alpha)


@dataclass(frozen=True)
class UniformSampler:
    """P(i) = 1 / N: every item has mass 1, those of priority 0 too."""

    beta: float
    stratified: bool
    normalize: Normalize

    @property
    def exponent(self) -> float:
        """One: priorities are stored and summed as they are."""
        return 1.0

    def masses(self, priorities: Float64Array) -> Float64Array:
        """Return ones."""
        return np.ones(len(priorities))


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
    targets = generator.random((batches, batch_size))
    if stratified:
        targets += np.arange(batch_size)
        targets /= batch_size
    total = tree.total
    targets *= total
    np.minimum(targets, np.nextafter(total, 0.0), out=targets)
    return tree.find(targets.reshape(-1))
