"""What is drawn of a table of steps: transitions and sequences, made of rows when drawn.

Nothing is stored twice: a frame stack, an n-step return and a sequence are places of rows (slots)
found by the links of `replay_server.memory.episodes`, and then gathered. A drawn item is alive, so
that every link its window needs leads to a row that is there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from replay_server.memory.arrays import AnyArray, BoolArray, Float32Array, Int64Array, UInt8Array
from replay_server.memory.episode_links import LAST, TERMINAL
from replay_server.memory.episodes import Episodes, WindowShape
from replay_server.memory.ring_storage import RingStorage

__all__ = ["Sequences", "Transitions", "is_observation"]


def is_observation(name: str) -> bool:
    """Return whether a column is the observation or a part of a nested one."""
    return name == "observation" or name.startswith("observation/")


@dataclass(frozen=True)
class Transitions:
    """n-step transitions with stacked frames (Sutton, 1988; Mnih et al., 2015).

    Attributes:
        n_step: n >= 1; fewer at an episode's end.
        discount: gamma of the returns.
        frame_stack: k >= 1.
    """

    n_step: int
    discount: float
    frame_stack: int

    @property
    def shape(self) -> WindowShape:
        """What an item needs: k - 1 steps before it and n after it."""
        return WindowShape(self.frame_stack - 1, self.n_step, period=1, shorter=True)

    def names(self, stored: list[str]) -> list[str]:
        """Return the names of the columns that are drawn, of those that are stored."""
        observations = [name for name in stored if is_observation(name)]
        others = [name for name in stored if not is_observation(name)]
        return [*observations, *others, "discount", *(f"next_{name}" for name in observations)]

    def places(self, episodes: Episodes, slots: Int64Array) -> TransitionPlaces:
        """Return where the rows of items at slots [B] lie. Cost: O(B (n + k))."""
        path = np.empty((len(slots), self.n_step + 1), np.int64)
        steps = np.empty(len(slots), np.int64)
        _forward(slots, *_links(episodes), path, steps)
        ends = path[np.arange(len(slots)), steps]
        return TransitionPlaces(
            start=slots,
            path=path,
            steps=steps,
            observations=_stacks(episodes, slots, self.frame_stack),
            next_observations=_stacks(episodes, ends, self.frame_stack),
            terminal=(episodes.flags[ends] & TERMINAL) != 0,
        )


@dataclass(frozen=True)
class TransitionPlaces:
    """Slots of the rows of B transitions.

    Attributes:
        start: [B] where they start.
        path: [B, n + 1] the step itself and those after it.
        steps: [B] m <= n, how many rewards there are.
        observations: [B, k] oldest first.
        next_observations: [B, k], at the m-th next step.
        terminal: [B] whether that step is terminal.
    """

    start: Int64Array
    path: Int64Array
    steps: Int64Array
    observations: Int64Array
    next_observations: Int64Array
    terminal: BoolArray

    @property
    def slots(self) -> tuple[Int64Array, ...]:
        """Where all rows lie that are read; -1 is none."""
        return self.path, self.observations, self.next_observations

    def returns(self, storage: RingStorage, discount: float) -> AnyArray:
        """Return sum_j discount^j r_j over m rewards, in float64, then in the column's dtype."""
        path = self.path[:, :-1]
        rewards = storage.gather(np.maximum(path, 0), ["reward"])["reward"]
        factors = discount ** np.arange(path.shape[1], dtype=np.float64)
        real = np.arange(path.shape[1]) < self.steps[:, None]
        totals = np.where(real, rewards.astype(np.float64) * factors, 0.0).sum(axis=1)
        result: AnyArray = totals.astype(rewards.dtype)
        return result

    def discounts(self, discount: float) -> Float32Array:
        """Return discount^m, or 0 where the m-th next step is terminal."""
        factors = np.where(self.terminal, 0.0, discount ** self.steps.astype(np.float64))
        return factors.astype(np.float32)


@dataclass(frozen=True)
class Sequences:
    """Runs of steps of one episode (Kapturowski et al., R2D2, 2019).

    Attributes:
        length: L >= 1 steps.
        period: one starts every `period` steps of an episode.
        pad: whether an episode's end may cut one short.
    """

    length: int
    period: int
    pad: bool

    @property
    def shape(self) -> WindowShape:
        """What an item needs: L - 1 steps after it."""
        return WindowShape(0, self.length - 1, self.period, self.pad)

    def names(self, stored: list[str]) -> list[str]:
        """Return the names of the columns that are drawn, of those that are stored."""
        return [*stored, "mask"]

    def places(self, episodes: Episodes, slots: Int64Array) -> tuple[Int64Array, BoolArray]:
        """Return the slots [B, L] of the steps of items at slots [B], and which are real [B, L].

        Places that are padded bear slot 0. Cost: O(B L).
        """
        path = np.empty((len(slots), self.length), np.int64)
        steps = np.empty(len(slots), np.int64)
        _forward(slots, *_links(episodes), path, steps)
        mask = path >= 0
        return np.maximum(path, 0), mask


def _links(episodes: Episodes) -> tuple[Int64Array, UInt8Array]:
    return episodes.after, episodes.flags


def _stacks(episodes: Episodes, slots: Int64Array, frames: int) -> Int64Array:
    """Return slots [B, frames] of the frames up to each slot, oldest first, the first repeated."""
    stacks = np.empty((len(slots), frames), np.int64)
    _backward(slots, episodes.before, episodes.positions, stacks)
    return stacks


@njit(
    ["void(int64[::1], int64[::1], uint8[::1], int64[:, ::1], int64[::1])"],
    cache=True,
    nogil=True,
)
def _forward(
    slots: Int64Array,
    after: Int64Array,
    flags: UInt8Array,
    path: Int64Array,
    steps: Int64Array,
) -> None:
    """Fill paths [B, W]: the slots of each start and of the steps after it, -1 past the episode."""
    for i in range(slots.shape[0]):
        at = slots[i]
        path[i, 0] = at
        steps[i] = 0
        for j in range(1, path.shape[1]):
            if at >= 0 and flags[at] & LAST:
                at = -1
            if at >= 0:
                at = after[at] % after.shape[0]
                steps[i] = j
            path[i, j] = at


@njit(["void(int64[::1], int64[::1], int64[::1], int64[:, ::1])"], cache=True, nogil=True)
def _backward(
    slots: Int64Array, before: Int64Array, positions: Int64Array, stacks: Int64Array
) -> None:
    frames = stacks.shape[1]
    for i in range(slots.shape[0]):
        at = slots[i]
        for j in range(frames - 1, -1, -1):
            stacks[i, j] = at
            if positions[at] > 0 and j > 0:
                at = before[at] % before.shape[0]
