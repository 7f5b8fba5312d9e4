"""A table: rows in a ring, their masses in a tree, and the verbs on them.

The hot path of a draw is `Table.draw` (limiter, update, leaves, what to tell of them) and then
`Table.gather` (the rows themselves). Everything here runs to its end at once: waiting, and who may
call when, is `replay_server.service`'s.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from replay_server.memory.arguments import checked_keys
from replay_server.memory.arrays import (
    Allocate,
    AnyArray,
    Columns,
    Float64Array,
    Int64Array,
    aligned_zeros,
)
from replay_server.memory.draws import Draw, record_draws
from replay_server.memory.errors import (
    InvalidArgumentError,
    NothingToDrawError,
    RateLimitedError,
)
from replay_server.memory.footprint import bytes_for, slots_for
from replay_server.memory.priorities import Priorities
from replay_server.memory.rate_limiters import MinSize
from replay_server.memory.ring_storage import RingStorage
from replay_server.memory.row_index import RowIndex
from replay_server.memory.sample_ages import SampleAges
from replay_server.memory.samplers import Normalize, Sampler, draw_leaves, raised
from replay_server.memory.signature import Signature
from replay_server.memory.writers import WriterLedger

__all__ = ["Table", "Update"]

Update = tuple[Int64Array, Float64Array]
"""Keys [B] int64 and raw priorities [B]."""


_SCAN_STRIDE = 65536


class Table:
    """A bounded store of rows of one signature, of which the oldest goes when it is full.

    Attributes:
        capacity: rows that it holds at the most.
        signature: its columns; None until the first insert fixes them.
        size: items that exist.
        next_key: the key of the next row.
        inserted_total, sampled_total, updated_total, stale_total, deleted_total: counters.
    """

    def __init__(
        self,
        *,
        capacity: int,
        sampler: Sampler,
        limiter: MinSize,
        signature: Signature | None = None,
        seed: int | None = None,
        first_key: int = 0,
        writer_limit: int = 65536,
        allocate: Allocate = aligned_zeros,
    ) -> None:
        """Make an empty table; no seed means fresh entropy.

        Its first row gets the next key from `first_key` on that lies in the first slot: where rows
        lie decides what is drawn, and a seed should not mean less under a name used before.
        """
        self._slots = slots_for(capacity)
        self.capacity = capacity
        self.limiter = limiter
        self.next_key = self._oldest_key = -(-first_key // self._slots) * self._slots
        self.size = 0
        self.inserted_total = self.sampled_total = self.deleted_total = 0
        self.updated_total = self.stale_total = 0
        self.sample_ages = SampleAges()
        self._allocate = allocate
        self._generator = np.random.Generator(np.random.PCG64(seed))
        self._writers = WriterLedger(writer_limit)
        self._index = RowIndex(self._slots, allocate)
        self._priorities = Priorities(self._index, sampler, capacity, allocate)
        self.signature = signature
        self._storage = None if signature is None else RingStorage(signature, self._slots, allocate)

    @property
    def sampler(self) -> Sampler:
        """How items are drawn."""
        return self._priorities.sampler

    @property
    def max_priority(self) -> float:
        """The highest raw priority stored so far; at first 1.0."""
        return self._priorities.highest

    @property
    def nbytes(self) -> int:
        """Bytes that the rows and what is kept beside them may come to take."""
        return bytes_for(self.capacity, self.signature)

    @property
    def priority_sum(self) -> float:
        """The sum of p^alpha over the items. Cost: O(size)."""
        live = self._live_slots()
        return float(raised(self._index.priorities[live], self.sampler.exponent).sum())

    def insert(
        self,
        columns: Columns,
        priorities: AnyArray | None = None,
        writer: tuple[str, int] | None = None,
    ) -> tuple[Int64Array, bool]:
        """Store rows; the oldest go where there is no room.

        Args:
            columns: NAME -> [N, ...], N <= capacity. Copied.
            priorities: [N] raw, of any real dtype; None takes `max_priority`.
            writer: its id and the insert's sequence, ascending: a repeated insert is done once.

        Returns:
            The keys [N] int64, and whether this insert had been done before.

        Raises:
            StaleSequenceError: the writer has done a later one.
            SignatureMismatchError: the columns are not the table's.
            InvalidPriorityError: a priority is negative, not finite or too large.
            InvalidArgumentError: too many rows, or not as many priorities as rows.
        """
        done = None if writer is None else self.recall(*writer)
        if done is not None:
            return done, True
        rows = self._count(columns)
        if priorities is None:
            stored = np.full(rows, self.max_priority)
        else:
            stored = self._priorities.checked(priorities, rows, "priorities")
        if rows and self._storage is None:
            signature = Signature.of(columns)
            self._storage = RingStorage(signature, self._slots, self._allocate)
            self.signature = signature
        keys = range(self.next_key, self.next_key + rows)
        if self._storage is not None and rows:
            self._store(self._storage, columns, keys, stored)
        if writer is not None:
            self._writers.record(*writer, keys)
        return np.arange(keys.start, keys.stop), False

    def recall(self, writer: str, sequence: int) -> Int64Array | None:
        """Return the keys [N] of an insert that has been done before; None if it is new.

        Raises:
            StaleSequenceError: the writer has done a later one.
        """
        done = self._writers.recall(writer, sequence)
        return None if done is None else np.arange(done.start, done.stop)

    def draw(
        self,
        batch_size: int,
        batches: int = 1,
        *,
        beta: float | None = None,
        normalize: Normalize | None = None,
        update: tuple[AnyArray, AnyArray] | None = None,
    ) -> Draw:
        """Draw batches one after another, all or none, after applying an update.

        Args:
            batch_size: B >= 1.
            batches: K >= 1.
            beta: importance-sampling exponent instead of the sampler's.
            normalize: instead of the sampler's.
            update: keys and raw priorities, as for `update_priorities`.

        Raises:
            RateLimitedError: there are too few items.
            NothingToDrawError: none of them has mass (after the update, which is then taken back).
            InvalidArgumentError, InvalidPriorityError: the update is none.

        Cost: O(K B log capacity).
        """
        checked = None if update is None else self._checked_update(*update, "update.")
        missing = self.limiter.missing_for_draw(self.size)
        if missing is not None:
            raise RateLimitedError(missing)
        updated, stale = (0, 0) if checked is None else self._apply_unless_barren(checked)
        tree, sampler = self._priorities.tree, self.sampler
        total = tree.total
        if total == 0.0:
            raise NothingToDrawError(self.size)
        self._count_update(updated, stale)
        slots = draw_leaves(tree, batch_size, batches, sampler.stratified, self._generator)
        over_table = (normalize or sampler.normalize) == "table"
        told = record_draws(
            slots,
            batch_size,
            self._index,
            tree.masses,
            total,
            self._priorities.smallest_mass() if over_table else None,
            sampler.beta if beta is None else beta,
            self.inserted_total,
        )
        self.sampled_total += len(slots)
        self.sample_ages.add(told[-1])
        return Draw(slots, *told, self.size, updated, stale).in_batches(batches)

    def gather(self, slots: Int64Array, names: Sequence[str]) -> dict[str, AnyArray]:
        """Return the rows at slots [...] as new arrays NAME -> [..., *shape]."""
        return {} if self._storage is None else self._storage.gather(slots, names)

    def update_priorities(self, keys: AnyArray, priorities: AnyArray) -> tuple[int, int]:
        """Set raw priorities [B] of keys [B] and return how many were there and how many not.

        Of one key given twice the last wins. A key that is gone, or was never issued, does no harm.

        Raises:
            InvalidArgumentError: not int64 keys [B] and priorities [B].
            InvalidPriorityError: a priority is negative, not finite or too large.
        """
        updated, stale = self._apply(self._checked_update(keys, priorities, ""))
        self._count_update(updated, stale)
        return updated, stale

    def delete(self, keys: AnyArray) -> tuple[int, int]:
        """Delete the rows with keys [B]; return how many were there and how many not.

        Of one key given twice the second is not there any more.

        Raises:
            InvalidArgumentError: not int64 keys [B].
        """
        slots = np.unique(self._index.find(checked_keys(keys, "keys")))
        self._index.remove(slots)
        self._priorities.strike(slots)
        self.size -= len(slots)
        self.deleted_total += len(slots)
        return len(slots), len(keys) - len(slots)

    def scan(self, after: int, limit: int, order: str) -> tuple[Int64Array, bool]:
        """Return slots [n] of rows, n <= limit, and whether more are left.

        Args:
            after: rows with a key above it only.
            limit: how many at the most.
            order: "key" for ascending keys, "priority" for descending priorities (ties by key).

        Cost: O(limit) by key where little was deleted, O(size) by priority.
        """
        if order == "priority":
            slots = self._live_slots(after)
            priorities = self._index.priorities[slots]
            if len(slots) > limit:
                least = np.partition(priorities, len(slots) - limit)[len(slots) - limit]
                eligible = priorities >= least
                candidates, priorities = slots[eligible], priorities[eligible]
            else:
                candidates = slots
            ranked = np.lexsort((self._index.keys[candidates], -priorities))
            return candidates[ranked[:limit]], len(slots) > limit
        found: list[Int64Array] = []
        count, first = 0, max(after + 1, self._oldest_key)
        while count <= limit and first < self.next_key:
            stop = min(first + max(limit + 1, _SCAN_STRIDE), self.next_key)
            slots = self._index.find(np.arange(first, stop))
            found.append(slots)
            count, first = count + len(slots), stop
        slots = np.concatenate([np.empty(0, np.int64), *found])
        return slots[:limit], len(slots) > limit

    def keys_at(self, slots: Int64Array) -> tuple[Int64Array, Float64Array]:
        """Return the keys and the raw priorities of the rows at slots [n], as new arrays."""
        return self._index.keys[slots], self._index.priorities[slots]

    def reset(self) -> None:
        """Empty the table; its signature, key counter, totals and writers' sequences stay.

        Cost: O(slots).
        """
        self._index.clear()
        self._priorities.clear()
        self.size = 0
        self._oldest_key = self.next_key

    def _count(self, columns: Columns) -> int:
        """Return the number of rows in columns that fit the table.

        Raises:
            SignatureMismatchError, InvalidArgumentError: they don't fit.
        """
        if not columns:
            raise InvalidArgumentError("columns", "expected at least one column, got none")
        rows = (self.signature or Signature.of(columns)).check(columns)
        if rows > self.capacity:
            raise InvalidArgumentError(
                "columns", f"expected at most {self.capacity} rows (the capacity), got {rows}"
            )
        return rows

    def _store(
        self, storage: RingStorage, columns: Columns, keys: range, priorities: Float64Array
    ) -> None:
        """Write checked rows, at least one, after striking out those that they push out."""
        oldest = max(self._oldest_key, keys.stop - self.capacity)
        pushed_out = self._index.find(np.arange(self._oldest_key, oldest))
        self._index.remove(pushed_out)
        storage.write(keys.start, columns)
        slots = self._index.put(np.arange(keys.start, keys.stop), self.inserted_total, priorities)
        self._priorities.enter(slots, priorities, pushed_out)
        self._oldest_key = oldest
        self.next_key = keys.stop
        self.inserted_total += len(keys)
        self.size += len(keys) - len(pushed_out)

    def _checked_update(self, keys: AnyArray, priorities: AnyArray, where: str) -> Update:
        checked = checked_keys(keys, f"{where}keys")
        field = f"{where}priorities"
        return checked, self._priorities.checked(priorities, len(checked), field)

    def _apply(self, update: Update) -> tuple[int, int]:
        """Store a checked update of priorities and return the counts."""
        keys, priorities = update
        slots, positions = self._index.find_with_positions(keys)
        self._priorities.store(slots, priorities[positions])
        return len(slots), len(keys) - len(slots)

    def _apply_unless_barren(self, update: Update) -> tuple[int, int]:
        """Apply an update that comes with a draw.

        Raises:
            NothingToDrawError: it would leave nothing to draw; nothing has changed.
        """
        slots = self._index.find(update[0])
        before, highest = self._index.priorities[slots], self._priorities.highest
        counts = self._apply(update)
        if self._priorities.tree.total == 0.0:
            self._priorities.restore(slots, before, highest)
            raise NothingToDrawError(self.size)
        return counts

    def _count_update(self, updated: int, stale: int) -> None:
        self.updated_total += updated
        self.stale_total += stale

    def _live_slots(self, after: int = -1) -> Int64Array:
        """Return the slots of all rows with a key above `after`, by key. Cost: O(capacity)."""
        return self._index.find(np.arange(max(after + 1, self._oldest_key), self.next_key))
