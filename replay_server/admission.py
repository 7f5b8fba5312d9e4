"""Who is let in: what a request may ask for, and who waits until a limiter lets them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias, TypeVar

from replay_server.errors import OverloadedError, TooLargeError
from replay_server.memory.errors import RateLimitedError
from replay_server.tables import ServedTable, Tables
from replay_server.waiting import Demand, wait_in_line
from replay_wire.arrays import Array
from replay_wire.messages import Limits

__all__ = ["Admission", "Gone"]

Reply = TypeVar("Reply")
Gone: TypeAlias = Callable[[], Awaitable[None]]
"""Makes an awaitable that is done when the client has gone."""

_BYTES_A_KEY: Final = 8


class Admission:
    """Lets requests of rows and draws in."""

    def __init__(self, limits: Limits, tables: Tables) -> None:
        """Hold requests to limits, in a server that nobody waits for yet."""
        self._limits = limits
        self._tables = tables
        self._waiting = 0

    def check_wait(self, timeout_s: float) -> None:
        """Raise TooLargeError where a request would wait longer than any may."""
        if timeout_s > self._limits.max_wait_seconds:
            raise TooLargeError("timeout in seconds", self._limits.max_wait_seconds, timeout_s)

    def check_keys(self, keys: Array) -> None:
        """Raise TooLargeError for more keys than a request may bring, by the bytes they take."""
        count = keys.data.nbytes // _BYTES_A_KEY
        if count > self._limits.max_keys_per_request:
            raise TooLargeError("keys of a request", self._limits.max_keys_per_request, count)

    async def now_or_later(
        self,
        tables: Sequence[ServedTable],
        attempt: Callable[[], Reply],
        demand: Callable[[], Demand],
        timeout_s: float,
        gone: Gone | None,
    ) -> Reply:
        """Return what `attempt` returns, at once or when the limiters of the tables let it.

        Raises:
            RateLimitedError: they did not within the time.
            UnavailableError: the server is shutting down, so that nobody can wait.
            OverloadedError: too many wait already.
        """
        lines = [table.line for table in tables]
        try:
            reply = attempt()
        except RateLimitedError:
            if not timeout_s:
                _count_refusal(tables, demand())
                raise
            self._tables.check_open()
            if self._waiting >= self._limits.max_waiting_requests:
                raise OverloadedError(f"{self._waiting} requests wait already") from None
            self._waiting += 1
            try:
                watch = None if gone is None else gone()
                return await wait_in_line(lines, attempt, demand(), timeout_s, watch)
            except RateLimitedError:
                _count_refusal(tables, demand())
                raise
            finally:
                self._waiting -= 1
        for line in lines:
            if len(line):
                line.advance(demand().writer)
        return reply


def _count_refusal(tables: Sequence[ServedTable], demand: Demand) -> None:
    for table in tables:
        table.line.waits(demand).refused += 1
