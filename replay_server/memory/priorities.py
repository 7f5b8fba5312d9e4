"""The priorities of a table's items, and their masses in the trees.

Raw priorities are what is kept; masses follow from them by the sampler, so that another sampler can
take over at any time.
"""

from __future__ import annotations

import numpy as np

from replay_server.memory.arguments import checked_priorities
from replay_server.memory.arrays import Allocate, AnyArray, BoolArray, Float64Array, Int64Array
from replay_server.memory.min_tree import MinTree
from replay_server.memory.order_tree import OrderTree
from replay_server.memory.row_index import RowIndex
from replay_server.memory.samplers import OrderedSampler, Sampler, priority_limit
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
        self._capacity = capacity
        self._limit = priority_limit(sampler.exponent, capacity)
        self._order = self._new_order()

    def checked(self, priorities: AnyArray, count: int, field: str) -> Float64Array:
        """Return priorities [count] as the float64 copy that `store` takes.

        Raises:
            InvalidArgumentError, InvalidPriorityError: they are no priorities.
        """
        return checked_priorities(priorities, count, self._limit, field)

    def heard(self, highest: float) -> None:
        """Take note of a raw priority that was stored elsewhere, if it could be stored here."""
        if highest <= self._limit:
            self.highest = max(self.highest, highest)

    def smallest_mass(self) -> float:
        """Return the smallest mass above zero. The tree for it is made when first asked for."""
        if self._minima is None:
            self._minima = MinTree(self.tree.masses)
        return self._minima.minimum

    def refresh(self, slots: Int64Array, are_items: BoolArray) -> None:
        """Give the items at slots [N] the mass of their priority in the index, and the rest none.

        A slot may be given twice.
        """
        masses = np.where(are_items, self.sampler.masses(self._index.priorities[slots]), 0.0)
        self.tree.set(slots, masses)
        if self._minima is not None:
            self._minima.set(slots, masses)
        if self._order is not None:
            present = slots[are_items]
            self._order.leave(slots[~are_items])
            self._order.enter(present, self._ranks(present))

    def saw(self, priorities: Float64Array) -> None:
        """Take note of raw priorities that were stored."""
        self.highest = max(self.highest, float(priorities.max(initial=0.0)))

    def first_ones(self, count: int) -> Int64Array:
        """Return the first `count` items in an ordered sampler's order, or fewer."""
        assert self._order is not None
        return self._order.first_ones(count)

    def exhaust(self, slots: Int64Array) -> None:
        """Keep items at slots [N] from being drawn."""
        self.refresh(slots, np.zeros(len(slots), np.bool_))

    def check_fit(self, sampler: Sampler, priorities: Float64Array) -> None:
        """Raise InvalidPriorityError if a priority [N], or the highest, is too large for it."""
        limit = priority_limit(sampler.exponent, self._capacity)
        every = np.append(priorities, self.highest)
        checked_priorities(every, len(every), limit, "priorities")

    def replace_sampler(self, sampler: Sampler, slots: Int64Array, are_items: BoolArray) -> None:
        """Let another sampler take over the rows at slots [N], all there are. Cost: O(slots)."""
        self.sampler = sampler
        self._limit = priority_limit(sampler.exponent, self._capacity)
        self._minima = None
        self._order = self._new_order()
        self.tree.clear()
        self.refresh(slots, are_items)

    def clear(self) -> None:
        """Forget every item and the highest priority."""
        self.tree.clear()
        if self._minima is not None:
            self._minima.clear()
        if self._order is not None:
            self._order.clear()
        self.highest = 1.0

    def _new_order(self) -> OrderTree | None:
        return OrderTree(self._index.ordinals) if isinstance(self.sampler, OrderedSampler) else None

    def _ranks(self, slots: Int64Array) -> Float64Array:
        assert isinstance(self.sampler, OrderedSampler)
        return self.sampler.ranks(self._index.priorities[slots], self._index.ordinals[slots])
