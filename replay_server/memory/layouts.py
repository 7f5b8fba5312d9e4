"""What the columns of a draw are: rows, transitions or sequences, stacked or indexed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from replay_server.memory.arrays import AnyArray, Int64Array
from replay_server.memory.episodes import Episodes
from replay_server.memory.gathering import Gathering
from replay_server.memory.ring_storage import RingStorage
from replay_server.memory.windows import (
    Sequences,
    TransitionPlaces,
    Transitions,
    is_observation,
)

__all__ = ["Indexed", "Layout", "RowLayout", "SequenceLayout", "TransitionLayout"]


@dataclass(frozen=True)
class Indexed:
    """The columns of a draw in which each row is told once.

    Attributes:
        columns: NAME -> [*S, ...], S the shape of the draw ([B] or [K, B]); indices among them.
        rows: NAME -> [U, ...], each distinct row once.
    """

    columns: dict[str, AnyArray]
    rows: dict[str, AnyArray]


class Layout(Protocol):
    """Makes columns of drawn slots."""

    def names(self, stored: Sequence[str]) -> list[str]:
        """Return the names of what is drawn, of the columns that are stored."""

    @property
    def places_an_item(self) -> int:
        """How many places of rows are looked up to draw an item."""

    def rows_an_item(self, name: str) -> int:
        """Return how many rows' worth of a column an item draws at the most."""

    def stacked(
        self, storage: RingStorage, slots: Int64Array, names: Sequence[str]
    ) -> Gathering[dict[str, AnyArray]]:
        """Return what makes the columns `names` of the items at slots [*S], each item complete."""

    def indexed(
        self, storage: RingStorage, slots: Int64Array, names: Sequence[str]
    ) -> Gathering[Indexed]:
        """Return the same with each distinct row once and indices [*S, ...] of int32 into them."""


class RowLayout:
    """Items are rows."""

    def names(self, stored: Sequence[str]) -> list[str]:
        """Return them all."""
        return list(stored)

    @property
    def places_an_item(self) -> int:
        """One."""
        return 1

    def rows_an_item(self, name: str) -> int:
        """Return one."""
        return 1

    def stacked(
        self, storage: RingStorage, slots: Int64Array, names: Sequence[str]
    ) -> Gathering[dict[str, AnyArray]]:
        """Return what copies the rows."""
        return Gathering((slots,), lambda: storage.gather(slots, names))

    def indexed(
        self, storage: RingStorage, slots: Int64Array, names: Sequence[str]
    ) -> Gathering[Indexed]:
        """Rows have no such layout; callers refuse it."""
        raise TypeError("tables of rows have no indexed layout")


@dataclass(frozen=True)
class TransitionLayout:
    """Items are n-step transitions."""

    transitions: Transitions
    episodes: Episodes

    def names(self, stored: Sequence[str]) -> list[str]:
        """Return the stored columns, and what is reckoned from them."""
        return self.transitions.names(list(stored))

    @property
    def places_an_item(self) -> int:
        """The steps of the return, and both stacks of frames."""
        return self.transitions.n_step + 1 + 2 * self.transitions.frame_stack

    def rows_an_item(self, name: str) -> int:
        """Return the number of frames in a stack, for observations."""
        return self.transitions.frame_stack if is_observation(name.removeprefix("next_")) else 1

    def stacked(
        self, storage: RingStorage, slots: Int64Array, names: Sequence[str]
    ) -> Gathering[dict[str, AnyArray]]:
        """Return what makes transitions with frames [*S, k, ...], without axis k where it is 1."""
        places = self.transitions.places(self.episodes, slots.reshape(-1))
        return Gathering(places.slots, lambda: self._stack(storage, slots, names, places))

    def _stack(
        self,
        storage: RingStorage,
        slots: Int64Array,
        names: Sequence[str],
        places: TransitionPlaces,
    ) -> dict[str, AnyArray]:
        columns = self._plain(storage, slots, names, places)
        frames = self._framed(places.observations, slots.shape)
        next_frames = self._framed(places.next_observations, slots.shape)
        for name in [name for name in storage.signature.columns if is_observation(name)]:
            later = f"next_{name}"
            if name in names and later in names:  # together, as most rows are in both
                both = storage.gather(np.stack((frames, next_frames)), [name])[name]
                columns[name], columns[later] = both
            elif name in names:
                columns[name] = storage.gather(frames, [name])[name]
            elif later in names:
                columns[later] = storage.gather(next_frames, [name])[name]
        return {name: columns[name] for name in names}

    def indexed(
        self, storage: RingStorage, slots: Int64Array, names: Sequence[str]
    ) -> Gathering[Indexed]:
        """Return what makes transitions whose frames are indices into the distinct rows."""
        places = self.transitions.places(self.episodes, slots.reshape(-1))
        return Gathering(places.slots, lambda: self._index(storage, slots, names, places))

    def _index(
        self,
        storage: RingStorage,
        slots: Int64Array,
        names: Sequence[str],
        places: TransitionPlaces,
    ) -> Indexed:
        distinct, inverse = np.unique(
            np.stack((places.observations, places.next_observations)), return_inverse=True
        )
        indices = inverse.reshape(2, *places.observations.shape).astype(np.int32)
        columns = self._plain(storage, slots, names, places)
        columns["observation_index"] = self._framed(indices[0], slots.shape)
        columns["next_observation_index"] = self._framed(indices[1], slots.shape)
        wanted = dict.fromkeys(name.removeprefix("next_") for name in names)
        rows = storage.gather(distinct, [name for name in wanted if is_observation(name)])
        return Indexed(columns, rows)

    def _plain(
        self,
        storage: RingStorage,
        slots: Int64Array,
        names: Sequence[str],
        places: TransitionPlaces,
    ) -> dict[str, AnyArray]:
        """Return the columns that are no observations."""
        columns: dict[str, AnyArray] = {}
        gamma = self.transitions.discount
        for name in names:
            if name == "reward":
                columns[name] = places.returns(storage, gamma).reshape(slots.shape)
            elif name == "discount":
                columns[name] = places.discounts(gamma).reshape(slots.shape)
            elif not is_observation(name.removeprefix("next_")):
                columns[name] = storage.gather(slots, [name])[name]
        return columns

    def _framed(self, stacks: AnyArray, shape: tuple[int, ...]) -> AnyArray:
        """Return stacks [N, k] with the axes of the draw, without axis k where k is 1."""
        frames = self.transitions.frame_stack
        return stacks.reshape(shape if frames == 1 else (*shape, frames))


@dataclass(frozen=True)
class SequenceLayout:
    """Items are sequences of steps."""

    sequences: Sequences
    episodes: Episodes

    def names(self, stored: Sequence[str]) -> list[str]:
        """Return the stored columns and the mask."""
        return self.sequences.names(list(stored))

    @property
    def places_an_item(self) -> int:
        """The length of a sequence."""
        return self.sequences.length

    def rows_an_item(self, name: str) -> int:
        """Return the length of a sequence."""
        return self.sequences.length

    def stacked(
        self, storage: RingStorage, slots: Int64Array, names: Sequence[str]
    ) -> Gathering[dict[str, AnyArray]]:
        """Return what makes columns [*S, L, ...], zeros where a place is padded, and the mask."""
        places, mask = self._places(slots)
        stored = [name for name in names if name != "mask"]

        def run() -> dict[str, AnyArray]:
            columns = storage.gather(places, stored)
            for column in columns.values():
                column[~mask] = 0
            return {**columns, "mask": mask}

        return Gathering((places,), run)

    def indexed(
        self, storage: RingStorage, slots: Int64Array, names: Sequence[str]
    ) -> Gathering[Indexed]:
        """Return what copies the distinct rows, and `sequence_index` and `mask` [*S, L]."""
        places, mask = self._places(slots)
        distinct, inverse = np.unique(places[mask], return_inverse=True)
        index = np.zeros(places.shape, np.int32)
        index[mask] = inverse
        stored = [name for name in names if name != "mask"]
        columns = {"sequence_index": index, "mask": mask}
        return Gathering((distinct,), lambda: Indexed(columns, storage.gather(distinct, stored)))

    def _places(self, slots: Int64Array) -> tuple[Int64Array, AnyArray]:
        places, mask = self.sequences.places(self.episodes, slots.reshape(-1))
        shape = (*slots.shape, self.sequences.length)
        return places.reshape(shape), mask.reshape(shape)
