"""Requests that a rate limiter holds back, waiting in line.

A waiting request is a future and nothing else. Whatever changes a table calls `advance` on its
line, which tries the waiting requests in the order they came: each is done at that very moment or
goes on waiting. Nothing polls. A request that needs several tables stands in the line of each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from replay_server.memory.errors import RateLimitedError, ReplayError

__all__ = ["WaitingLine", "wait_in_line"]

Result = TypeVar("Result")


@dataclass(eq=False)
class _Waiting:
    attempt: Callable[[], Any]
    outcome: asyncio.Future[Any]
    lines: Sequence[WaitingLine]

    def leave(self) -> None:
        """Leave every line that it stands in."""
        for line in self.lines:
            line.remove(self)


class WaitingLine:
    """The line before one table."""

    def __init__(self) -> None:
        """Start empty."""
        self._line: list[_Waiting] = []

    def __len__(self) -> int:
        """Return how many are waiting."""
        return len(self._line)

    def add(self, waiting: _Waiting) -> None:
        """Let a request stand at the end."""
        self._line.append(waiting)

    def remove(self, waiting: _Waiting) -> None:
        """Let a request go, wherever it stands."""
        if waiting in self._line:
            self._line.remove(waiting)

    def advance(self) -> None:
        """Try everyone who waits, in order, for as long as one of them gets through.

        One that does may change other tables that it needs: their lines are tried as well.

        Call it whenever the table has changed.
        """
        changed = [self]
        while changed:
            line = changed.pop()
            for waiting in tuple(line._line):
                if self._try(waiting):  # which may have changed every table that it needs
                    changed += [each for each in waiting.lines if each not in changed]

    def dismiss(self, error: ReplayError) -> None:
        """Give everyone who waits an error."""
        for waiting in tuple(self._line):
            waiting.leave()
            waiting.outcome.set_exception(error)

    def _try(self, waiting: _Waiting) -> bool:
        """Return whether a request got through, or failed for another reason than the limiter."""
        if waiting.outcome.done():  # its client has gone in this very moment
            return False
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


async def wait_in_line(
    lines: Sequence[WaitingLine],
    attempt: Callable[[], Result],
    timeout_s: float,
    gone: Awaitable[None] | None,
) -> Result:
    """Return what `attempt` returns, once the limiters let it.

    Args:
        lines: those of the tables that it needs.
        attempt: does the whole of the request at once, or raises RateLimitedError and changes
            nothing.
        timeout_s: how long to wait.
        gone: done when the caller has no use for the result any more; then nothing happens.

    Raises:
        RateLimitedError: a limiter still says no when the time is over.
        asyncio.CancelledError: the caller has gone.
        Exception: what else `attempt` raises, or what `dismiss` gave.
    """
    waiting = _Waiting(attempt, asyncio.get_running_loop().create_future(), lines)
    for line in lines:
        line.add(waiting)
    watch = None if gone is None else asyncio.ensure_future(gone)
    try:
        await asyncio.wait(
            [waiting.outcome] if watch is None else [waiting.outcome, watch],
            timeout=timeout_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if waiting.outcome.done():
            result: Result = waiting.outcome.result()
            return result
        if watch is not None and watch.done():
            raise asyncio.CancelledError
        return attempt()
    finally:
        if watch is not None:
            watch.cancel()
        waiting.outcome.cancel()
        waiting.leave()
