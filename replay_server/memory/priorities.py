"""The priorities of a table's items, and their masses in the trees.

Raw priorities are what is kept; masses follow from them by the sampler, so that another sampler can
take over at any time.
"""

from __future__ import annotations

import numpy as np

from replay_server.memory.arguments import checked_priorities
from replay_server.memory.arrays import Allocate, AnyArray, Float64Array, Int64Array
from replay_server.memory.min_tree import MinTree
from replay_server.memory.row_index import RowIndex
from replay_server.memory.samplers import Sampler, priority_limit
from replay_server.memory.sum_tree import SumTree

__all__ = ["Priorities"]


class Priorities:
    """Raw priorities in the index, their masses in a sum tree, and the highest so far.

    Attributes:
        sampler: gives the masses.
        tree: the masses by slot; zero where there is no item.
        highest: the highest raw priority stored so far, which new items get; at first 1.0.
    """

    def __init__(
        self, index: RowIndex, sampler: Sampler, capacity: int, allocate: Allocate
    ) -> None:
        """Start without items; the raw priorities live in `index`."""
        self.sampler = sampler
        self.tree = SumTree(index.slots, allocate)
        self.highest = 1.0
        self._index = index
        self._minima: MinTree | None = None
        self._limit = priority_limit(sampler.exponent, capacity)

    def checked(self, priorities: AnyArray, count: int, field: str) -> Float64Array:
        """Return priorities [count] as the float64 copy that `store` takes.

        Raises:
            InvalidArgumentError, InvalidPriorityError: they are no priorities.
        """
        return checked_priorities(priorities, count, self._limit, field)

    def smallest_mass(self) -> float:
        """Return the smallest mass above zero. The tree for it is made when first asked for."""
        if self._minima is None:
            self._minima = MinTree(self.tree.masses)
        return self._minima.minimum

    def enter(self, slots: Int64Array, priorities: Float64Array, gone: Int64Array) -> None:
        """Give new items at slots [N], N >= 1, their mass, and those at `gone` [M] none.

        Their raw priorities are in the index already.
        """
        self._set(
            np.concatenate((gone, slots)),
            np.concatenate((np.zeros(len(gone)), self.sampler.masses(priorities))),
        )
        self.highest = max(self.highest, float(priorities.max()))

    def strike(self, slots: Int64Array) -> None:
        """Take the mass of the items at slots [N] away."""
        self._set(slots, np.zeros(len(slots)))

    def store(self, slots: Int64Array, priorities: Float64Array) -> None:
        """Store raw priorities [N] of items at slots [N]; of one slot given twice the last wins."""
        self._index.priorities[slots] = priorities  # NumPy assigns in order
        stored = self._index.priorities[slots]
        self._set(slots, self.sampler.masses(stored))
        self.highest = max(self.highest, float(stored.max(initial=0.0)))

    def restore(self, slots: Int64Array, priorities: Float64Array, highest: float) -> None:
        """Put back what stood before a `store`."""
        self.store(slots, priorities)
        self.highest = highest

    def clear(self) -> None:
        """Forget every item and the highest priority."""
        self.tree.clear()
        if self._minima is not None:
            self._minima.clear()
        self.highest = 1.0

    def _set(self, slots: Int64Array, masses: Float64Array) -> None:
        self.tree.set(slots, masses)
        if self._minima is not None:
            self._minima.set(slots, masses)
