"""Turns on the event loop: work that is done a slice at a time, and refused where it piles up.

All that a server does it does on one thread. When hundreds of requests come at once, each of some
milliseconds, whoever comes behind them waits for all: to be let in, to be told that there is no
room, to be asked whether the server lives. So once the requests of one round of the event loop have
taken a slice of time, the next of them stand in a line, and go on as many in a round as a slice
allows. Between two rounds everything else has its turn.

A request that has stood in the line for long is refused, as long as there are many. A few that
wait long, behind one that takes long, are not many.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from replay_server.errors import OverloadedError

__all__ = ["FEW", "Turns"]

FEW: Final = 128
_SLICE_S: Final = 0.005


class Turns:
    """The line of one event loop."""

    def __init__(self, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nobody in line.

        Args:
            patience_s: how long a request stands in a line of more than `FEW` before it is refused.
            clock: tells the time in seconds.
        """
        self._patience_s = patience_s
        self._clock = clock
        self._line: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._slice_began: float | None = None
        self._at_once = 1  # how many of the line a slice has time for

    @property
    def in_line(self) -> int:
        """How many requests stand in the line."""
        return len(self._line)

    async def turn(self) -> None:
        """Return when a request may begin with its work; at once unless others have come before it.

        Cost: O(1); where there is no line, no round of the loop.

        Raises:
            OverloadedError: there are too many before it.
        """
        now, loop = self._clock(), asyncio.get_running_loop()
        if loop is not self._loop:  # one that has ended ends no slice
            self._loop, self._slice_began = loop, None
            self._line.clear()
        if not self._line:
            if self._slice_began is None:
                self._begin_slice(loop, now)
                return
            if now - self._slice_began < _SLICE_S:
                return
        place = loop.create_future()
        self._line.append((now, place))
        await place

    def _begin_slice(self, loop: asyncio.AbstractEventLoop, now: float) -> None:
        self._slice_began = now
        loop.call_soon(self._end_slice, loop)

    def _end_slice(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let those go on whose turn it is now: they do so in the next round of the loop."""
        assert self._slice_began is not None
        now = self._clock()
        took = max(now - self._slice_began, _SLICE_S / FEW)
        self._slice_began = None
        if not self._line:
            self._at_once = 1
            return
        fitting = int(self._at_once * _SLICE_S / took)
        self._at_once = max(1, min(fitting, 2 * self._at_once, FEW))
        while len(self._line) > FEW and now - self._line[0][0] > self._patience_s:
            place = self._line.popleft()[1]
            if not place.done():  # by whoever cancelled it
                place.set_exception(OverloadedError(f"{len(self._line)} requests stand in line"))
        for _ in range(min(self._at_once, len(self._line))):
            place = self._line.popleft()[1]
            if not place.done():
                place.set_result(None)
        self._begin_slice(loop, now)  # it ends when those have had their turn
