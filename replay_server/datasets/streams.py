"""Which stream each step of a spool belongs to, and which step follows it.

A table doesn't keep the numbers that writers gave their streams; what it keeps is which step came
before each. Chains of such steps get numbers here: the lowest that is free, so that as many streams
come out as went on at the same time.
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from replay_server.datasets.blocks import KEY, STREAM
from replay_server.datasets.spool import FOLLOWING, PREVIOUS, Spool

__all__ = ["link_steps"]


class _Numbers:
    """Numbers of streams, given out and taken back."""

    def __init__(self) -> None:
        self._used = 0
        self._ended: list[int] = []
        self._left_open: list[int] = []

    def take(self, is_first: bool) -> int:
        """Return one for a chain; only an episode's first step may follow what was left open."""
        pools = [p for p in (self._ended, self._left_open if is_first else []) if p]
        if pools:
            return heapq.heappop(min(pools))
        self._used += 1
        return self._used - 1

    def give_back(self, number: int, is_ended: bool) -> None:
        heapq.heappush(self._ended if is_ended else self._left_open, number)


def link_steps(spool: Spool) -> None:
    """Write the files STREAM and FOLLOWING (a step's position, or -1) of a complete spool.

    Cost: O(rows); memory for a block, and for the streams that are open at the same time.
    """
    streams, following = spool.file(STREAM), spool.file(FOLLOWING)
    streams.cut(0)
    following.cut(0)
    for start, stop in spool.ranges():
        following.append(np.full(stop - start, -1))
    for start, stop in spool.ranges():
        befores = _positions_before(spool, start, stop)
        linked = befores >= 0
        following.mapped("r+")[befores[linked]] = np.arange(start, stop)[linked]
    numbers, of_tail = _Numbers(), dict[int, int]()
    for start, stop in spool.ranges():
        befores = _positions_before(spool, start, stop)
        found = np.empty(stop - start, np.int64)
        facts = zip(
            befores.tolist(),
            following.read(start, stop).tolist(),
            spool.file("is_first").read(start, stop).tolist(),
            spool.file("is_last").read(start, stop).tolist(),
            strict=True,
        )
        for place, (before, after, is_first, is_last) in enumerate(facts):
            number = of_tail.pop(before) if before >= 0 else numbers.take(is_first)
            found[place] = number
            if after >= 0:
                of_tail[start + place] = number
            else:
                numbers.give_back(number, is_last)
        streams.append(found)


def _positions_before(spool: Spool, start: int, stop: int) -> NDArray[np.int64]:
    """Return where the step before each of the steps [start, stop) is; -1 where it is not there."""
    previous = spool.file(PREVIOUS).read(start, stop)
    keys = spool.file(KEY).mapped()
    places = np.searchsorted(keys, previous)
    found: NDArray[np.int64] = np.where(keys[np.minimum(places, len(keys) - 1)] == previous,
                                        places, -1)  # fmt: skip
    return found
