"""Requests that a rate limiter holds back, waiting in line.

A waiting request is a future and nothing else. Whatever changes the table calls `advance`, which
tries the waiting requests in the order they came: each is done at that very moment or goes on
waiting. Nothing polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from replay_server.memory.errors import RateLimitedError, ReplayError

__all__ = ["WaitingLine"]

Result = TypeVar("Result")


@dataclass(eq=False)
class _Waiting:
    attempt: Callable[[], Any]
    outcome: asyncio.Future[Any]


class WaitingLine:
    """The line before one table."""

    def __init__(self) -> None:
        """Start empty."""
        self._line: list[_Waiting] = []

    def __len__(self) -> int:
        """Return how many are waiting."""
        return len(self._line)

    async def run(
        self, attempt: Callable[[], Result], timeout_s: float, gone: Awaitable[None] | None
    ) -> Result:
        """Return what `attempt` returns, once the limiter lets it.

        Args:
            attempt: does the whole of the request at once, or raises RateLimitedError and changes
                nothing.
            timeout_s: how long to wait.
            gone: done when the caller has no use for the result any more; then nothing happens.

        Raises:
            RateLimitedError: the limiter still says no when the time is over.
            asyncio.CancelledError: the caller has gone.
            ReplayError: what else `attempt` raises, or what `dismiss` gave.
        """
        waiting = _Waiting(attempt, asyncio.get_running_loop().create_future())
        self._line.append(waiting)
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
            if waiting in self._line:
                self._line.remove(waiting)

    def advance(self) -> None:
        """Try everyone who waits, in order. Call it whenever the table has changed."""
        for waiting in tuple(self._line):
            try:
                result = waiting.attempt()
            except RateLimitedError:
                continue
            except Exception as error:  # noqa: BLE001 - theirs, not of the one who calls
                self._settle(waiting).set_exception(error)
            else:
                self._settle(waiting).set_result(result)

    def dismiss(self, error: ReplayError) -> None:
        """Give everyone who waits an error."""
        for waiting in tuple(self._line):
            self._settle(waiting).set_exception(error)

    def _settle(self, waiting: _Waiting) -> asyncio.Future[Any]:
        self._line.remove(waiting)
        return waiting.outcome
