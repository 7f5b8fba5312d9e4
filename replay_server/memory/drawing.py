"""Which items a draw takes, by the sampler and by how often an item may be drawn.

With replacement and without a limit all draws of a request are made at once, stratified if so
wanted; else one after another. What a draw changes (draws counted, masses of items that are used
up, the generator) goes on an undo list, so that a request is done as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from replay_server.memory.arrays import BoolArray, Float64Array, Int32Array, Int64Array
from replay_server.memory.errors import NothingToDrawError, RateLimitedError
from replay_server.memory.priorities import Priorities
from replay_server.memory.row_index import RowIndex
from replay_server.memory.samplers import (
    MassSampler,
    OrderedSampler,
    draw_leaves,
    leaves_at,
)
from replay_server.memory.sequential_draws import draw_sequentially

__all__ = ["Chosen", "Drawing", "Undo"]


class Undo:
    """What takes changes back, the last first."""

    def __init__(self) -> None:
        """Start with nothing to take back."""
        self._steps: list[Callable[[], None]] = []

    def add(self, step: Callable[[], None]) -> None:
        """Put the opposite of a change on the list."""
        self._steps.append(step)

    def roll_back(self) -> None:
        """Take every change back."""
        while self._steps:
            self._steps.pop()()


@dataclass(frozen=True)
class Chosen:
    """Items of K batches, one after another.

    Attributes:
        slots: [K * B] int64.
        probabilities: [K * B] float64, of each draw when it was made.
        masses: [K * B] float64, of each, as if the total had stayed what it was before the draws.
        times_sampled: [K * B] int32, this draw included.
        spent: [M] int64, distinct slots of items that have been drawn as often as they may.
    """

    slots: Int64Array
    probabilities: Float64Array
    masses: Float64Array
    times_sampled: Int32Array
    spent: Int64Array = field(default_factory=lambda: np.empty(0, np.int64))


class Drawing:
    """Chooses items.

    Attributes:
        max_times_sampled: an item goes after that many draws; 0 is no limit.
    """

    def __init__(
        self,
        index: RowIndex,
        priorities: Priorities,
        generator: np.random.Generator,
        max_times_sampled: int,
    ) -> None:
        """Draw from the items of `priorities` with random numbers of `generator`."""
        self.max_times_sampled = max_times_sampled
        self._index = index
        self._priorities = priorities
        self._generator = generator

    @property
    def at_once(self) -> bool:
        """Whether the draws of a request are made all at once, so that none of them can fail."""
        sampler = self._priorities.sampler
        return not (
            isinstance(sampler, OrderedSampler) or self.max_times_sampled or not sampler.replacement
        )

    def choose(self, batch_size: int, batches: int, size: int, undo: Undo | None) -> Chosen:
        """Choose items and count their draws.

        Args:
            batch_size: B.
            batches: K.
            size: items in the table.
            undo: gets what takes the draws back; needed unless `at_once`.

        Raises:
            NothingToDrawError: items exist, and none has mass.
            RateLimitedError: there are too few for distinct draws, or that may still be drawn.
        """
        sampler = self._priorities.sampler
        if undo is not None:
            undo.add(self._generator_as_it_is())
        if not isinstance(sampler, OrderedSampler):
            if self._priorities.tree.total == 0.0:
                raise NothingToDrawError(size)
            if self.at_once:
                return self._choose_at_once(sampler, batch_size, batches, undo)
        assert undo is not None
        total = self._priorities.tree.total
        parts = [
            self._first_ones(batch_size, undo)
            if isinstance(sampler, OrderedSampler)
            else self._one_by_one(sampler, self._generator.random(batch_size), total, undo)
            for _ in range(batches)
        ]
        return Chosen(
            np.concatenate([part.slots for part in parts]),
            np.concatenate([part.probabilities for part in parts]),
            np.concatenate([part.masses for part in parts]),
            np.concatenate([part.times_sampled for part in parts]),
            np.concatenate([part.spent for part in parts]),
        )

    def choose_at(self, points: Float64Array) -> Chosen:
        """Choose the items at points of the mass of now, and count their draws.

        Args:
            points: [B] float64 in [0, 1), where the mass of now is 1.

        Returns:
            The items [D]; none where none has mass, and those at the first D points where too few
            may still be drawn.
        """
        sampler, tree = self._priorities.sampler, self._priorities.tree
        assert not isinstance(sampler, OrderedSampler)
        if not len(points) or tree.total == 0.0:
            nothing = np.empty(0)
            return Chosen(np.empty(0, np.int64), nothing, nothing, np.empty(0, np.int32))
        if not self.at_once:
            return self._one_by_one(sampler, points, tree.total, Undo(), may_fall_short=True)
        slots = leaves_at(tree, points)
        masses = tree.masses[slots]
        return Chosen(slots, masses / tree.total, masses, self._index.count_draws(slots))

    def _choose_at_once(
        self, sampler: MassSampler, batch_size: int, batches: int, undo: Undo | None
    ) -> Chosen:
        tree = self._priorities.tree
        slots = draw_leaves(tree, batch_size, batches, sampler.stratified, self._generator)
        if undo is not None:
            self._undo_counts(undo, slots)
        masses = tree.masses[slots]
        return Chosen(slots, masses / tree.total, masses, self._index.count_draws(slots))

    def _one_by_one(
        self,
        sampler: MassSampler,
        points: Float64Array,
        first_total: float,
        undo: Undo,
        *,
        may_fall_short: bool = False,
    ) -> Chosen:
        """Draw a batch without replacement, or of items that may go with a draw, at points [B]."""
        batch_size = len(points)
        distinct = not sampler.replacement
        tree = self._priorities.tree
        total = tree.total
        slots, probabilities, masses, times = draw_sequentially(
            tree,
            points,
            self._index.times_sampled,
            self.max_times_sampled,
            distinct,
        )
        self._index.changes.touched(("times_sampled",), slots)
        undo.add(lambda: np.subtract.at(self._index.times_sampled, slots, np.int32(1)))
        undo.add(lambda: self._priorities.refresh(slots, np.ones(len(slots), np.bool_)))
        if len(slots) < batch_size and not may_fall_short:
            raise RateLimitedError(_too_few(batch_size - len(slots)))
        is_spent = self._is_spent(slots)
        spent = np.unique(slots[is_spent])
        # The masses that distinct draws have taken come back for the next batch.
        self._priorities.refresh(slots, ~is_spent)
        masses *= first_total / total
        return Chosen(slots, probabilities, masses, times, spent)

    def _first_ones(self, batch_size: int, undo: Undo) -> Chosen:
        """Take the first items in an ordered sampler's order."""
        slots = self._priorities.first_ones(batch_size)
        if len(slots) < batch_size:
            raise RateLimitedError(_too_few(batch_size - len(slots)))
        self._undo_counts(undo, slots)
        times = self._index.count_draws(slots)
        spent = slots[self._is_spent(slots)]
        undo.add(lambda: self._priorities.refresh(spent, np.ones(len(spent), np.bool_)))
        self._priorities.exhaust(spent)
        ones = np.ones(batch_size)
        return Chosen(slots, ones, ones, times, spent)

    def _is_spent(self, slots: Int64Array) -> BoolArray:
        limit = self.max_times_sampled or np.iinfo(np.int32).max
        spent: BoolArray = self._index.times_sampled[slots] >= limit
        return spent

    def _undo_counts(self, undo: Undo, slots: Int64Array) -> None:
        undo.add(lambda: np.subtract.at(self._index.times_sampled, slots, np.int32(1)))

    def _generator_as_it_is(self) -> Callable[[], None]:
        state = self._generator.bit_generator.state

        def restore() -> None:
            self._generator.bit_generator.state = state

        return restore


def _too_few(missing: int) -> str:
    return f"{missing} more insert{'s' if missing > 1 else ''}"
