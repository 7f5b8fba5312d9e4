"""Requests that a rate limiter holds back, waiting in line.

A waiting request is a future and nothing else. Whatever changes a table calls `advance` on its
line, which tries the waiting requests in the order they came: each is done at that very moment or
goes on waiting. Nothing polls. A request that needs several tables stands in the line of each.

Many wait for the same: a thousand actors, each with a row to insert. What each of them asks of the
limiters is its `Demand`, and of those whose demand is equal only one is asked about.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from replay_server.memory.errors import RateLimitedError, ReplayError

__all__ = ["Demand", "WaitingLine", "Waits", "done_in_time", "wait_in_line"]

Result = TypeVar("Result")


@dataclass(frozen=True)
class Demand:
    """What a request asks of the limiters of its tables.

    Attributes:
        of: requests whose `of` is equal are held back alike.
        is_held_back: says whether a limiter would refuse it, whatever else there is to it; costs
            far less than an attempt.
        is_all: whether nothing but `of` decides if an attempt is refused for now.
        writer: who inserts. Once something of theirs is done, what else of theirs waits may be the
            same once more, and is not asked to wait any longer.
        inserts: whether it is an insert; else it is a draw.
    """

    of: Hashable
    is_held_back: Callable[[], bool]
    is_all: bool
    writer: str | None = None
    inserts: bool = False


class Waits:
    """How many of a kind wait in a line, and for how long they have, all in all.

    Attributes:
        now: how many wait.
        begun: how many ever have.
        refused: how many were told that they can't pass: at once, or when their time was over.
    """

    def __init__(self) -> None:
        """Start with nobody."""
        self.now = self.begun = self.refused = 0
        self._over_s = 0.0  # of those before the line was last empty
        self._since_s = 0.0
        self._sum_s = 0.0  # up to the last change
        self._changed_s = 0.0

    def begin(self, now_s: float) -> None:
        """Let one more wait."""
        if not self.now:
            self._since_s = now_s
        self._sum_up(now_s)
        self.now += 1
        self.begun += 1

    def end(self, now_s: float) -> None:
        """Let one go."""
        self._sum_up(now_s)
        self.now -= 1
        if not self.now:
            self._over_s += now_s - self._since_s

    def waited_s(self, now_s: float) -> float:
        """Return the seconds that all of them have waited, those who still do up to now."""
        return self._sum_s + self.now * (now_s - self._changed_s)

    def _sum_up(self, now_s: float) -> None:
        self._sum_s, self._changed_s = self.waited_s(now_s), now_s

    def held_s(self, now_s: float) -> float:
        """Return for how many seconds at least one has waited, by the clock of `begin`."""
        return self._over_s + (now_s - self._since_s if self.now else 0.0)


@dataclass(eq=False)
class _Waiting:
    attempt: Callable[[], Any]
    demand: Demand
    outcome: asyncio.Future[Any]
    lines: Sequence[WaitingLine]

    def leave(self) -> None:
        """Leave every line that it stands in."""
        for line in self.lines:
            line.remove(self)


class WaitingLine:
    """The line before one table.

    Attributes:
        inserts, draws: how many of each wait, and have waited.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.inserts, self.draws = Waits(), Waits()
        self._line: dict[_Waiting, None] = {}  # keeps their order, and lets go of any at once
        self._demands: Counter[Hashable] = Counter()
        self._writers: dict[str, list[_Waiting]] = {}

    def __len__(self) -> int:
        """Return how many are waiting."""
        return len(self._line)

    def add(self, waiting: _Waiting) -> None:
        """Let a request stand at the end."""
        self._line[waiting] = None
        self.waits(waiting.demand).begin(time.monotonic())
        self._demands[waiting.demand.of] += 1
        if waiting.demand.writer is not None:
            self._writers.setdefault(waiting.demand.writer, []).append(waiting)

    def remove(self, waiting: _Waiting) -> None:
        """Let a request go, wherever it stands."""
        if waiting not in self._line:
            return
        del self._line[waiting]
        demand = waiting.demand
        self.waits(demand).end(time.monotonic())
        self._demands[demand.of] -= 1
        if not self._demands[demand.of]:
            del self._demands[demand.of]
        if demand.writer is not None:
            self._writers[demand.writer].remove(waiting)
            if not self._writers[demand.writer]:
                del self._writers[demand.writer]

    def waits(self, demand: Demand) -> Waits:
        """Return the waits of the kind that a demand is of."""
        return self.inserts if demand.inserts else self.draws

    def waiting_writers(self, most: int) -> list[str]:
        """Return the writers who wait, those who have waited longest first. Cost: O(most)."""
        return list(islice(self._writers, most))

    def advance(self, writer: str | None = None) -> None:
        """Try everyone who waits, in order, for as long as one of them gets through.

        One that does may change other tables that it needs: their lines are tried as well.

        Call it whenever the table has changed, with the writer who changed it. Cost: that of the
        attempts that get through, and little for the others, however many wait, where few kinds of
        demands are among them.
        """
        self._try_all_of(writer)
        changed = [self]
        while changed:
            line = changed.pop()
            for waiting in line._sweep():  # they may have changed every table that they need
                changed += [each for each in waiting.lines if each not in changed]
                line._try_all_of(waiting.demand.writer)

    def _try_all_of(self, writer: str | None) -> None:
        for waiting in tuple(self._writers.get(writer, ())) if writer is not None else ():
            self._try(waiting)

    def _sweep(self) -> list[_Waiting]:
        """Try everyone once, in order, and return those who got through.

        What one lets through may make possible for those refused before is for the next sweep: so
        nobody who came later, with the same demand, comes first.
        """
        through: list[_Waiting] = []
        refused: set[Hashable] = set()
        for waiting in tuple(self._line):
            if len(refused) == len(self._demands):
                break
            demand = waiting.demand
            if demand.of in refused or waiting.outcome.done():  # done: its client has just gone
                continue
            if _is_held_back(demand):
                refused.add(demand.of)
            elif self._try(waiting):
                through.append(waiting)
            elif demand.is_all:
                refused.add(demand.of)
        return through

    def dismiss(self, error: ReplayError) -> None:
        """Give everyone who waits an error."""
        for waiting in tuple(self._line):
            waiting.leave()
            waiting.outcome.set_exception(error)

    def _try(self, waiting: _Waiting) -> bool:
        """Return whether a request got through, or failed for another reason than the limiter."""
        try:
            result = waiting.attempt()
        except RateLimitedError:
            return False
        except Exception as error:  # noqa: BLE001 - theirs, not of the one who calls
            waiting.leave()
            waiting.outcome.set_exception(error)
        else:
            waiting.leave()
            waiting.outcome.set_result(result)
        return True


def _is_held_back(demand: Demand) -> bool:
    try:
        return demand.is_held_back()
    except ReplayError:  # it can never pass any more: the attempt will say so
        return False


async def wait_in_line(
    lines: Sequence[WaitingLine],
    attempt: Callable[[], Result],
    demand: Demand,
    timeout_s: float,
    gone: Awaitable[None] | None,
) -> Result:
    """Return what `attempt` returns, once the limiters let it.

    Args:
        lines: those of the tables that it needs.
        attempt: does the whole of the request at once, or raises RateLimitedError and changes
            nothing.
        demand: what it asks of their limiters.
        timeout_s: how long to wait.
        gone: done when the caller has no use for the result any more; then nothing happens.

    Raises:
        RateLimitedError: a limiter still says no when the time is over.
        asyncio.CancelledError: the caller has gone.
        Exception: what else `attempt` raises, or what `dismiss` gave.
    """
    waiting = _Waiting(attempt, demand, asyncio.get_running_loop().create_future(), lines)
    for line in lines:
        line.add(waiting)
    try:
        if await done_in_time(waiting.outcome, timeout_s, gone):
            result: Result = waiting.outcome.result()
            return result
        return attempt()
    finally:
        waiting.outcome.cancel()
        waiting.leave()


async def done_in_time(
    outcome: asyncio.Future[Any], timeout_s: float, gone: Awaitable[None] | None
) -> bool:
    """Return whether an outcome is there within a time; it is left as it is.

    Raises:
        asyncio.CancelledError: `gone` was done first: nobody has a use for it any more.
    """
    watch = None if gone is None else asyncio.ensure_future(gone)
    try:
        await asyncio.wait(
            [outcome] if watch is None else [outcome, watch],
            timeout=timeout_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if watch is not None and watch.done() and not outcome.done():
            raise asyncio.CancelledError
        return outcome.done()
    finally:
        if watch is not None:
            watch.cancel()
