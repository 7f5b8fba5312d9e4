"""A table: rows in slots, items with masses in a tree, and the verbs on them.

The hot path of a draw is `Table.draw` (limiter, update, leaves, what to tell of them) and then
`Table.gather` (the rows themselves). Everything here runs to its end at once: waiting, and who may
call when, is `replay_server.service`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from replay_server.memory.arguments import checked_keys
from replay_server.memory.arrays import (
    Allocate,
    AnyArray,
    Columns,
    Float32Array,
    Float64Array,
    Int64Array,
    aligned_zeros,
)
from replay_server.memory.changes import Changes
from replay_server.memory.drawing import Chosen, Drawing, Undo
from replay_server.memory.draws import Draw, importance_weights
from replay_server.memory.errors import (
    InconsistentStateError,
    InvalidArgumentError,
    RateLimitedError,
    ReplayError,
)
from replay_server.memory.footprint import bytes_for, slots_for
from replay_server.memory.gathering import Gathering
from replay_server.memory.layouts import (
    Indexed,
    Layout,
    RowLayout,
    SequenceLayout,
    TransitionLayout,
)
from replay_server.memory.occupancy import FifoOccupancy, NewRows, Occupancy, StepOccupancy
from replay_server.memory.priorities import Priorities
from replay_server.memory.ranked_occupancy import RankedOccupancy, RankedRemover
from replay_server.memory.rate_limiters import Limiter
from replay_server.memory.ring_storage import RingStorage
from replay_server.memory.row_index import RowIndex
from replay_server.memory.sample_ages import SampleAges
from replay_server.memory.samplers import Normalize, OrderedSampler, Sampler, raised
from replay_server.memory.segment_log import Segment
from replay_server.memory.signature import Signature
from replay_server.memory.step_signature import check_step_signature, check_steps
from replay_server.memory.table_state import (
    TableNumbers,
    TableState,
    generator_state,
    set_generator_state,
)
from replay_server.memory.windows import Sequences, Transitions
from replay_server.memory.writers import WriterLedger

__all__ = ["Table", "Update"]

Update = tuple[Int64Array, Float64Array]
"""Keys [B] int64 and raw priorities [B]."""


class Table:
    """A bounded store of rows of one signature, and of the items that they make up.

    Attributes:
        capacity: rows that it holds at the most.
        signature: its columns; None until the first insert fixes them.
        limiter: says when draws and inserts may proceed.
        inserted_total, sampled_total, updated_total, stale_total, deleted_total: counters.
    """

    def __init__(
        self,
        *,
        capacity: int,
        sampler: Sampler,
        limiter: Limiter,
        items: Transitions | Sequences | None = None,
        remover: RankedRemover | None = None,
        max_times_sampled: int = 0,
        signature: Signature | None = None,
        seed: int | None = None,
        first_key: int = 0,
        writer_limit: int = 65536,
        stream_limit: int = 65536,
        allocate: Allocate = aligned_zeros,
        changes: Changes | None = None,
    ) -> None:
        """Make an empty table.

        Args:
            capacity: rows.
            sampler: how items are drawn.
            limiter: when.
            items: what is drawn of a table of steps; None makes a table of rows.
            remover: whose row goes when the table is full; None is the oldest.
            max_times_sampled: an item goes after that many draws; 0 is no limit.
            signature: its columns, if they are known.
            seed: of the random generator; None takes fresh entropy.
            first_key: the first row gets the next key from here on that lies in the first slot:
                where rows lie decides what is drawn, and a seed should not mean less under a name
                used before.
            writer_limit: writers whose last insert is remembered.
            stream_limit: streams of steps whose episode may be open.
            allocate: where the arrays come from.
            changes: hears of every change of what has to be kept.

        Raises:
            InvalidArgumentError: the signature is none for a table of steps.
        """
        self.capacity = capacity
        self.limiter = limiter
        self.inserted_total = self.sampled_total = self.deleted_total = 0
        self.updated_total = self.stale_total = 0
        changes = changes or Changes()
        self.sample_ages = SampleAges(allocate, changes)
        self._slots = slots_for(capacity)
        self._allocate = allocate
        self._items = items
        self._writers = WriterLedger(writer_limit, changes)
        self._stream_limit = stream_limit
        self._index = RowIndex(self._slots, allocate, changes)
        self._priorities = Priorities(self._index, sampler, capacity, allocate)
        generator = np.random.Generator(np.random.PCG64(seed))
        self._generator = generator
        self._drawing = Drawing(self._index, self._priorities, generator, max_times_sampled)
        first_key = -(-first_key // self._slots) * self._slots
        self._occupancy, self._layout = self._arrange(first_key, remover, generator)
        self._storage: RingStorage | None = None
        self._spent = np.empty(0, np.int64)
        self.signature: Signature | None = None
        if signature is not None:
            self.fix_signature(signature)

    # -- what it is -----------------------------------------------------------------------------

    @property
    def sampler(self) -> Sampler:
        """How items are drawn."""
        return self._priorities.sampler

    @property
    def layout(self) -> Layout:
        """What the columns of a draw are."""
        return self._layout

    @property
    def has_steps(self) -> bool:
        """Whether rows are steps."""
        return self._items is not None

    @property
    def takes_away(self) -> bool:
        """Whether draws may take items away."""
        return self._drawing.max_times_sampled > 0

    @property
    def next_key(self) -> int:
        """A key above every one that was ever issued."""
        return self._occupancy.next_key

    @property
    def rows(self) -> int:
        """How many rows exist."""
        return self._occupancy.rows

    @property
    def size(self) -> int:
        """How many items exist."""
        return self._occupancy.items - len(self._spent)

    @property
    def max_priority(self) -> float:
        """The highest raw priority stored so far; at first 1.0."""
        return self._priorities.highest

    @property
    def mass(self) -> float:
        """The sum of the masses that draws go by."""
        return self._priorities.tree.total

    @property
    def smallest_mass(self) -> float:
        """The smallest of them above 0; infinite where there is none."""
        return self._priorities.smallest_mass()

    def raise_highest(self, priority: float) -> None:
        """Let `max_priority` be this at the least: it was stored elsewhere, and could be here."""
        self._priorities.heard(priority)

    @contextmanager
    def hearing(self, priority: float) -> Iterator[None]:
        """Do that, unless what this encloses raises."""
        before = self._priorities.highest
        self.raise_highest(priority)
        try:
            yield
        except BaseException:
            self._priorities.highest = before
            raise

    @property
    def nbytes(self) -> int:
        """Bytes that the rows and what is kept beside them may come to take.

        Of compressed columns, writers and open streams, what they take now. Cost: O(streams).
        """
        full = bytes_for(self.capacity, self.signature, self.has_steps)
        occupancy, remembered = self._occupancy, self._writers.nbytes
        if isinstance(occupancy, StepOccupancy):
            remembered += occupancy.episodes.open_stream_bytes
        return full + self.packed_bytes + remembered

    @property
    def remembered_bytes(self) -> int:
        """About how many bytes what is remembered of writers and streams takes. Cost: O(1)."""
        occupancy = self._occupancy
        streams = occupancy.episodes.stream_bytes if isinstance(occupancy, StepOccupancy) else 0
        return self._writers.nbytes + streams

    @property
    def is_compressed(self) -> bool:
        """Whether some column is."""
        return self._storage is not None and bool(self._storage.compressed)

    @property
    def packed_bytes(self) -> int:
        """Bytes that the rows of compressed columns take now."""
        return 0 if self._storage is None else self._storage.packed_bytes

    @property
    def segments(self) -> dict[str, Segment]:
        """The segments of compressed columns by name, as they are now."""
        return {} if self._storage is None else self._storage.segments

    @property
    def priority_sum(self) -> float:
        """The sum of p^alpha over the items. Cost: O(size)."""
        slots = self._occupancy.live_slots(-1)
        slots = slots[self._occupancy.are_items(slots)]
        return float(raised(self._index.priorities[slots], self.sampler.exponent).sum())

    # -- rows in and out ------------------------------------------------------------------------

    def insert(
        self,
        columns: Columns,
        priorities: AnyArray | None = None,
        writer: tuple[str, int] | None = None,
        streams: AnyArray | None = None,
    ) -> tuple[Int64Array, bool]:
        """Store rows one after another; where there is no room, one goes for each.

        Args:
            columns: NAME -> [N, ...], N <= capacity. Copied.
            priorities: [N] raw, of any real dtype; None takes `max_priority`.
            writer: its id and the insert's sequence, ascending: a repeated insert is done once.
            streams: [N] int64, of steps; None is stream 0.

        Returns:
            The keys [N] int64, and whether this insert had been done before.

        Raises:
            StaleSequenceError: the writer has done a later one.
            SignatureMismatchError: the columns are not the table's.
            InvalidPriorityError: a priority is negative, not finite or too large.
            InvalidArgumentError: too many rows, not as many priorities or streams as rows, streams
                for rows that are no steps, steps that contradict themselves, or more than could
                ever pass the limiter.
            TooManyStreamsError: too many episodes would be open.
            RateLimitedError: the limiter says no, for now.
        """
        done = None if writer is None else self.recall(*writer)
        if done is not None:
            return done, True
        count = self._count(columns)
        new = NewRows(
            count=count,
            first_ordinal=self.inserted_total,
            priorities=np.full(count, self.max_priority)
            if priorities is None
            else self._priorities.checked(priorities, count, "priorities"),
            columns=columns,
            writer=None if writer is None else writer[0],
            streams=self._checked_streams(streams, count),
        )
        if isinstance(self._occupancy, StepOccupancy):
            episodes = self._occupancy.episodes
            episodes.check_streams(new.writer, new.streams, self._stream_limit)
        missing = count and self.limiter.missing_for_insert(
            self.size, count, lambda: self._occupancy.items_after(new)
        )
        if missing:
            raise RateLimitedError(missing)
        keys = self._store(new) if count else np.empty(0, np.int64)
        if writer is not None:
            self._writers.record(*writer, keys)
        return keys, False

    def recall(self, writer: str, sequence: int) -> Int64Array | None:
        """Return the keys [N] of an insert that has been done before; None if it is new.

        Raises:
            StaleSequenceError: the writer has done a later one.
        """
        return self._writers.recall(writer, sequence)

    def last_sequence(self, writer: str) -> int | None:
        """Return the sequence of a writer's last insert; None where it is not remembered."""
        return self._writers.last_sequence(writer)

    def last_sequences(self, suffix: str) -> dict[str, int]:
        """Return the last sequences of writers whose id ends so. Cost: O(writers)."""
        return {w: last for w, last, _ in self._writers.entries() if w.endswith(suffix)}

    def note(self, mark: str, sequence: int) -> None:
        """Remember a sequence under a mark that is no writer's id, unless a later one is known."""
        self._writers.note(mark, sequence)

    def holds_back_insert(self, rows: int) -> bool:
        """Return whether the limiter certainly refuses an insert of `rows` rows. Cost: O(rows).

        Raises:
            InvalidArgumentError: it could never pass.
        """
        fewest = self._occupancy.fewest_items_after
        return self.limiter.missing_for_insert(self.size, rows, lambda: fewest(rows)) is not None

    def holds_back_draw(self, draws: int) -> bool:
        """Return whether the limiter refuses `draws` draws, whatever update comes along.

        Raises:
            InvalidArgumentError: they could never pass.
        """
        return self.limiter.missing_for_draw(self.size, draws) is not None

    def delete(self, keys: AnyArray) -> tuple[int, int]:
        """Delete the rows with keys [B]; return how many were there and how many not.

        Of one key given twice the second is not there any more. A step takes every item along that
        needs it.

        Raises:
            InvalidArgumentError: not int64 keys [B].
        """
        slots = np.unique(self._index.find(checked_keys(keys, "keys")))
        died = self._occupancy.remove(slots)
        self._retire(slots)
        self._priorities.refresh(died, np.zeros(len(died), np.bool_))
        self.deleted_total += len(slots)
        return len(slots), len(keys) - len(slots)

    def reset(self) -> None:
        """Empty the table; its signature, key counter, totals and writers' sequences stay.

        Streams begin anew, and so does the limiter's count. Cost: O(slots).
        """
        self._occupancy.clear()
        self._priorities.clear()
        if self._storage is not None:
            self._storage.clear()
        self.limiter.restart()

    # -- priorities -----------------------------------------------------------------------------

    def update_priorities(self, keys: AnyArray, priorities: AnyArray) -> tuple[int, int]:
        """Set raw priorities [B] of keys [B] and return how many were there and how many not.

        Of one key given twice the last wins. A key that is gone, or was never issued, does no harm.

        Raises:
            InvalidArgumentError: not int64 keys [B] and priorities [B].
            InvalidPriorityError: a priority is negative, not finite or too large.
        """
        updated, stale = self._apply(self._checked_update(keys, priorities, ""), None)
        self.updated_total += updated
        self.stale_total += stale
        return updated, stale

    # -- draws ----------------------------------------------------------------------------------

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
            InvalidArgumentError, InvalidPriorityError: the update is none, or more draws than could
                ever pass the limiter.

        Cost: O(K B log capacity).
        """
        undo = None if update is None and self._drawing.at_once else Undo()
        try:
            draw = self.try_draw(
                batch_size, batches, beta=beta, normalize=normalize, update=update, undo=undo
            )
        except ReplayError:
            if undo is not None:
                undo.roll_back()
            raise
        self.settle(draw)
        return draw

    def try_draw(
        self,
        batch_size: int,
        batches: int,
        *,
        beta: float | None,
        normalize: Normalize | None,
        update: tuple[AnyArray, AnyArray] | None,
        undo: Undo | None,
    ) -> Draw:
        """Draw as `draw` does, but so that it can be taken back; `settle` then makes it final.

        Until then nothing but further draws may be asked of the table.

        Arguments and errors are those of `draw`; `undo` gets what takes the draw back, also when
        this raises.
        """
        checked = None if update is None else self._checked_update(*update, "update.")
        missing = self.limiter.missing_for_draw(self.size, batch_size * batches)
        if missing is not None:
            raise RateLimitedError(missing)
        updated, stale = (0, 0) if checked is None else self._apply(checked, undo)
        size = self.size
        exponent, smallest = self._weighing(beta, normalize)
        chosen = self._drawing.choose(batch_size, batches, size, undo)
        self._count_draws(chosen, undo)
        weights = importance_weights(chosen.masses, batch_size, exponent, smallest)
        return self._told(chosen, weights, size, updated, stale).in_batches(batches)

    def draw_at(
        self, points: Float64Array, update: tuple[AnyArray, AnyArray] | None = None
    ) -> Draw:
        """Draw the items at points of the mass of now, whatever the limiter says.

        This is a shard's part of a draw that somebody else makes: who has made the points weighs
        the items, and knows the limits.

        Args:
            points: [B] float64 in [0, 1), where the mass of now is 1; B may be 0.
            update: keys and raw priorities, as for `update_priorities`, which come first.

        Returns:
            The draw, not weighted; of the first points only, or of none, where too few items are
            left or none has mass: the update has been made all the same.

        Raises:
            InvalidArgumentError, InvalidPriorityError: the update is none, or items are not drawn
                by mass; nothing has changed.
        """
        if isinstance(self.sampler, OrderedSampler):
            raise InvalidArgumentError("targets", "items of this table are not drawn by mass")
        checked = None if update is None else self._checked_update(*update, "update.")
        updated, stale = (0, 0) if checked is None else self._apply(checked, None)
        items = self.size
        chosen = self._drawing.choose_at(points)
        self._count_draws(chosen, None)
        unweighted = np.ones(len(chosen.slots), np.float32)
        draw = self._told(chosen, unweighted, items, updated, stale)
        self.settle(draw)
        return draw

    def settle(self, draw: Draw) -> None:
        """Make a draw of `try_draw` final: items that have been drawn often enough go."""
        if len(draw.spent):
            self._occupancy.remove_items(draw.spent)
            self._retire_items(draw.spent)
            self._spent = self._spent[len(draw.spent) :]
        self.sampled_total += draw.slots.size
        self.updated_total += draw.updated
        self.stale_total += draw.stale
        self.sample_ages.add(draw.ages.reshape(-1))

    def gathering(self, slots: Int64Array, names: Sequence[str]) -> Gathering[dict[str, AnyArray]]:
        """Return what makes columns NAME -> [*S, ...] of items at slots [*S].

        They have just been drawn, or are to be settled.
        """
        if self._storage is None:
            return Gathering((), dict)
        return self._layout.stacked(self._storage, slots, names)

    def gathering_indexed(self, slots: Int64Array, names: Sequence[str]) -> Gathering[Indexed]:
        """Return the same of steps, with each distinct row once."""
        assert self._storage is not None
        return self._layout.indexed(self._storage, slots, names)

    # -- a look at the rows ---------------------------------------------------------------------

    def scan(self, after: int, limit: int, order: str) -> tuple[Int64Array, bool]:
        """Return slots [n] of rows, n <= limit, and whether more are left.

        Args:
            after: rows with a key above it only.
            limit: how many at the most.
            order: "key" for ascending keys, "priority" for descending priorities (ties by key).

        Cost: O(limit) by key where little was deleted and the oldest row goes first; else O(size).
        """
        if order == "key":
            slots = self._occupancy.oldest_slots(after, limit + 1)
            return slots[:limit], len(slots) > limit
        slots = self._occupancy.live_slots(after)
        priorities = self._index.priorities[slots]
        if len(slots) > limit:
            least = np.partition(priorities, len(slots) - limit)[len(slots) - limit]
            candidates = slots[priorities >= least]
        else:
            candidates = slots
        ranked = np.lexsort((self._index.keys[candidates], -self._index.priorities[candidates]))
        return candidates[ranked[:limit]], len(slots) > limit

    def keys_at(self, slots: Int64Array) -> tuple[Int64Array, Float64Array]:
        """Return the keys and the raw priorities of the rows at slots [n], as new arrays."""
        return self._index.keys[slots], self._index.priorities[slots]

    def previous_keys_at(self, slots: Int64Array) -> Int64Array | None:
        """Return the keys [n] of the steps before those at slots [n]; None in a table of rows.

        It is -1 where an episode, or what is known of it, begins. A step before may have gone.
        """
        if not isinstance(self._occupancy, StepOccupancy):
            return None
        return self._occupancy.episodes.before[slots]

    def rows_at(self, slots: Int64Array, names: Sequence[str]) -> dict[str, AnyArray]:
        """Return columns NAME -> [n, ...] as they were stored, of the rows at slots [n]."""
        return {} if self._storage is None else self._storage.gather(slots, names)

    # -- changes of a live table ----------------------------------------------------------------

    def reconfigure(
        self, sampler: Sampler | None, limiter: Limiter | None, max_times_sampled: int | None
    ) -> None:
        """Let another sampler, limiter or limit of draws take over; None leaves what there is.

        Raw priorities stay; a new limiter begins to count anew; items that have been drawn as often
        as they may from now on go. Cost: O(slots).

        Raises:
            InvalidPriorityError: a priority that is stored would be too large with its exponent.
        """
        if sampler is not None:
            slots = self._occupancy.live_slots(-1)
            self._priorities.check_fit(sampler, self._index.priorities[slots])
            self._priorities.replace_sampler(sampler, slots, self._occupancy.are_items(slots))
        if limiter is not None:
            self.limiter = limiter
        if max_times_sampled is not None:
            self._drawing.max_times_sampled = max_times_sampled
            self._let_spent_items_go(max_times_sampled)

    # -- going on elsewhere ---------------------------------------------------------------------

    @property
    def numbers(self) -> TableNumbers:
        """What may change with any request, beside the arrays. Cost: some microseconds."""
        return TableNumbers(
            occupancy=self._occupancy.counters(),
            totals=[
                self.inserted_total,
                self.sampled_total,
                self.updated_total,
                self.stale_total,
                self.deleted_total,
            ],
            highest=self._priorities.highest,
            limiter=self.limiter.counters(),
            generator=generator_state(self._generator),
        )

    @property
    def state(self) -> TableState:
        """All that makes up the table, beside the arrays. Cost: O(writers + streams)."""
        steps = self._occupancy
        streams = steps.episodes.open_streams() if isinstance(steps, StepOccupancy) else []
        return TableState(self.numbers, self._writers.entries(), streams)

    def restore(self, state: TableState) -> None:
        """Go on from a state, whose arrays this table's have been filled with.

        Raises:
            InconsistentStateError: the two contradict each other.

        Cost: O(slots).
        """
        numbers, occupancy = state.numbers, self._occupancy
        occupancy.restore(numbers.occupancy)
        (
            self.inserted_total,
            self.sampled_total,
            self.updated_total,
            self.stale_total,
            self.deleted_total,
        ) = numbers.totals
        self.sample_ages.drawn = self.sampled_total
        self.limiter.restore(numbers.limiter)
        set_generator_state(self._generator, numbers.generator)
        for writer in state.writers:
            self._writers.remember(*writer)
        if isinstance(occupancy, StepOccupancy):
            for stream in state.streams:
                occupancy.episodes.open_stream(*stream)
        slots = occupancy.live_slots(-1)
        are_items = occupancy.are_items(slots)
        found = (len(slots), int(are_items.sum()))
        if found != (occupancy.rows, occupancy.items):
            raise InconsistentStateError(
                f"{found[0]} rows and {found[1]} items, where there should be "
                f"{occupancy.rows} and {occupancy.items}"
            )
        if self._storage is not None:
            self._storage.recover(slots)
        priorities = self._index.priorities[slots]
        if not ((priorities >= 0.0) & (priorities <= numbers.highest)).all():
            raise InconsistentStateError("some priorities are none")
        self._priorities.replace_sampler(self.sampler, slots, are_items)
        self._priorities.highest = numbers.highest

    def rewrite(self, slots: Int64Array, name: str, lengths: Int64Array, content: bytes) -> None:
        """Store packed rows of a compressed column once more, as a crash may have lost them.

        Args:
            slots: [N] where they are.
            name: the column.
            lengths: [N] bytes of each.
            content: these, one after another.
        """
        assert self._storage is not None
        self._storage.compressed[name].rewrite(slots, lengths, content)

    def most_record_bytes(self, rows: int) -> int:
        """Return the bytes of index arrays of compressed columns that so many rows may change."""
        columns = () if self._storage is None else self._storage.compressed.values()
        return sum(column.most_record_bytes(rows) for column in columns)

    def live_slots(self) -> Int64Array:
        """Return the slots of all rows, by key. Cost: O(slots)."""
        return self._occupancy.live_slots(-1)

    def tell_of_overwriting(self, hearer: Callable[[Int64Array], None]) -> None:
        """Tell `hearer`, too, of slots [N] before rows are stored there."""
        if self._storage is not None:
            self._storage.overwriting.add(hearer)

    def tell_no_more(self, hearer: Callable[[Int64Array], None]) -> None:
        """Tell a hearer nothing any more. For any thread."""
        if self._storage is not None:
            self._storage.overwriting.discard(hearer)

    def raise_keys(self, floor: int) -> None:
        """Issue no key below `floor` from now on."""
        self._occupancy.raise_keys(floor)

    @property
    def slots(self) -> int:
        """How many rows have a place: somewhat more than `capacity`."""
        return self._slots

    @property
    def free(self) -> int:
        """How many rows can come in without taking the slot of a row that is there now."""
        return self._occupancy.free

    @property
    def freed(self) -> int:
        """How many slots have ever been freed; they are taken again in the order they were."""
        return self._occupancy.freed

    def next_slots(self, rows: int) -> Int64Array:
        """Return the slots that the next `rows` <= `free` rows would get."""
        return self._occupancy.next_slots(rows)

    # -- inside ---------------------------------------------------------------------------------

    def _arrange(
        self, first_key: int, remover: RankedRemover | None, generator: np.random.Generator
    ) -> tuple[Occupancy, Layout]:
        """Return who keeps the slots and what draws look like, by the kind of items."""
        items = self._items
        if items is None and remover is None:
            return FifoOccupancy(self._index, self.capacity, first_key), RowLayout()
        if items is None:
            assert remover is not None
            ranked = RankedOccupancy(
                self._index, self.capacity, first_key, remover, generator, self._allocate
            )
            return ranked, RowLayout()
        steps = StepOccupancy(self._index, self.capacity, first_key, items.shape, self._allocate)
        if isinstance(items, Transitions):
            return steps, TransitionLayout(items, steps.episodes)
        return steps, SequenceLayout(items, steps.episodes)

    def fix_signature(self, signature: Signature) -> RingStorage:
        """Make room for rows of these columns, in a table that has none yet.

        Raises:
            InvalidArgumentError: the signature is none for a table of steps.
        """
        if self.has_steps:
            check_step_signature(signature)
        changes = self._index.changes
        self._storage = RingStorage(signature, self._slots, self._allocate, changes)
        self.signature = signature
        return self._storage

    def _count(self, columns: Columns) -> int:
        """Return the number of rows in columns that fit the table.

        Raises:
            SignatureMismatchError, InvalidArgumentError: they don't fit.
        """
        if not columns:
            raise InvalidArgumentError("columns", "expected at least one column, got none")
        signature = self.signature or Signature.of(columns)
        rows = signature.check(columns)
        if rows > self.capacity:
            raise InvalidArgumentError(
                "columns", f"expected at most {self.capacity} rows (the capacity), got {rows}"
            )
        if self.has_steps:
            check_step_signature(signature)
            check_steps(columns)
        return rows

    def _checked_streams(self, streams: AnyArray | None, count: int) -> Int64Array | None:
        """Return streams [count] as an int64 copy.

        Raises:
            InvalidArgumentError: another dtype or shape, or rows that are no steps.
        """
        if streams is None:
            return None
        if not self.has_steps:
            raise InvalidArgumentError("streams", "only tables of steps have streams")
        checked = checked_keys(streams, "streams")
        if len(checked) != count:
            raise InvalidArgumentError("streams", f"expected {count}, got {len(checked)}")
        return checked

    def _store(self, new: NewRows) -> Int64Array:
        """Write checked rows, at least one, and return their keys."""
        storage = self._storage or self.fix_signature(Signature.of(new.columns))
        rows = storage.pack(new.columns)
        arrival = self._occupancy.admit(new)
        self._index.changes.write_rows(storage, arrival.slots, rows)
        self._priorities.refresh(arrival.touched, self._occupancy.are_items(arrival.touched))
        self._priorities.saw(new.priorities)
        self.inserted_total += new.count
        self.limiter.inserted(new.count)
        return arrival.keys

    def _let_spent_items_go(self, max_times_sampled: int) -> None:
        """Let items go that have been drawn as often as they may from now on."""
        slots = self._occupancy.live_slots(-1)
        slots = slots[self._occupancy.are_items(slots)]
        spent = slots[self._index.times_sampled[slots] >= (max_times_sampled or np.inf)]
        self._occupancy.remove_items(spent)
        self._retire_items(spent)
        self._priorities.exhaust(spent)

    def _retire_items(self, slots: Int64Array) -> None:
        """Let the rows of items go that have gone, where rows are items."""
        if not self.has_steps:
            self._retire(slots)

    def _retire(self, slots: Int64Array) -> None:
        if self._storage is not None and len(slots):
            self._storage.retire(slots)

    def _checked_update(self, keys: AnyArray, priorities: AnyArray, where: str) -> Update:
        checked = checked_keys(keys, f"{where}keys")
        field = f"{where}priorities"
        return checked, self._priorities.checked(priorities, len(checked), field)

    def _apply(self, update: Update, undo: Undo | None) -> tuple[int, int]:
        """Store a checked update of priorities and return the counts."""
        keys, priorities = update
        slots, positions = self._index.find_with_positions(keys)
        if len(self._spent) and not self.has_steps:  # their rows have gone with them
            there = ~np.isin(slots, self._spent)
            slots, positions = slots[there], positions[there]
        if undo is not None:
            before, highest = self._index.priorities[slots], self._priorities.highest
            undo.add(lambda: self._put_priorities(slots, before, highest))
        self._put_priorities(slots, priorities[positions], self._priorities.highest)
        self._priorities.saw(self._index.priorities[slots])
        return len(slots), len(keys) - len(slots)

    def _put_priorities(self, slots: Int64Array, priorities: Float64Array, highest: float) -> None:
        self._index.prioritize(slots, priorities)
        self._occupancy.reprioritized(slots)
        are_items = self._occupancy.are_items(slots)
        if len(self._spent):
            are_items &= ~np.isin(slots, self._spent)
        self._priorities.refresh(slots, are_items)
        self._priorities.highest = highest

    def _told(
        self, chosen: Chosen, weights: Float32Array, size: int, updated: int, stale: int
    ) -> Draw:
        """Return a draw with all that is told of its items."""
        slots = chosen.slots
        return Draw(
            slots=slots,
            keys=self._index.keys[slots],
            probabilities=chosen.probabilities,
            weights=weights,
            priorities=self._index.priorities[slots],
            times_sampled=chosen.times_sampled,
            ages=self.inserted_total - 1 - self._index.ordinals[slots],
            size=size,
            updated=updated,
            stale=stale,
            spent=chosen.spent,
        )

    def _weighing(
        self, beta: float | None, normalize: Normalize | None
    ) -> tuple[float, float | None]:
        """Return the exponent of the weights, and the smallest mass if they go by the table's."""
        sampler = self.sampler
        if isinstance(sampler, OrderedSampler):
            return 0.0, None
        over_table = (normalize or sampler.normalize) == "table"
        smallest = self._priorities.smallest_mass() if over_table else None
        return sampler.beta if beta is None else beta, smallest

    def _count_draws(self, chosen: Chosen, undo: Undo | None) -> None:
        """Let the limiter, and the size that it is asked with, know of draws."""
        draws, spent = len(chosen.slots), self._spent
        self.limiter.drawn(draws)
        if len(chosen.spent):
            self._spent = np.concatenate((spent, chosen.spent))
        if undo is not None:
            undo.add(lambda: self.limiter.drawn(-draws))
            undo.add(lambda: setattr(self, "_spent", spent))
