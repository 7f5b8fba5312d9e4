"""Bytes under way: requests that arrive or wait, and answers that are being taken, all together.

Each of them may be as large as a body may be, and how long it stays is for its client to say: so
there is a limit to their sum. Whoever would go beyond it is refused at once, before the memory is
taken. The last quarter is kept for small requests, so that they get through whatever large ones are
under way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self

from replay_server.errors import OverloadedError

__all__ = ["Account", "Traffic"]

_SMALL_BYTES: Final = 1 << 20
_LARGE_PEAK_BYTES: Final = 1 << 27


class Traffic:
    """The sum over all requests.

    Attributes:
        limit: the most bytes that may be under way.
        under_way: how many are.
        peak: the most there were since it was set back.
    """

    def __init__(self, limit: int) -> None:
        """Start with nothing under way."""
        self.limit = limit
        self.under_way = self.peak = 0
        self._was_large = False
        self._lock = threading.Lock()  # what is decompressed is counted from other threads

    def account(self) -> Account:
        """Return the account of a request, to be used as a context."""
        return Account(self)

    def add(self, count: int, of: int) -> None:
        """Count bytes of a request that has `of` of them with these; negative to let bytes go.

        Raises:
            OverloadedError: there is no room for more.
        """
        with self._lock:
            limit = self.limit if of <= _SMALL_BYTES else self.limit * 3 // 4
            if count > 0 and self.under_way + count > limit:
                raise OverloadedError("there are too many bytes of requests and answers under way")
            self.under_way += count
            self.peak = max(self.peak, self.under_way)

    def has_ebbed(self) -> bool:
        """Return whether far less is under way than not long ago.

        After a flood this is told at each quarter that is left, until nothing is.
        """
        self._was_large = self._was_large or self.peak > _LARGE_PEAK_BYTES
        ebbed = self._was_large and self.under_way < self.peak // 4
        if ebbed:
            self.peak = self.under_way
            self._was_large = self.under_way > 0
        return ebbed


class Account:
    """The bytes of one request and its answer; at the end of the context they are let go."""

    def __init__(self, traffic: Traffic) -> None:
        """Start with none."""
        self._traffic = traffic
        self._taken = 0

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let all bytes go."""
        self._traffic.add(-self._taken, 0)

    def take(self, count: int) -> None:
        """Make room for `count` more bytes. Raises OverloadedError."""
        self._traffic.add(count, self._taken + count)
        self._taken += count

    @contextmanager
    def taking(self, count: int) -> Iterator[None]:
        """Make room for the bytes of something that may yet fail, and then let them go again.

        Raises:
            OverloadedError: there is none.
        """
        self.take(count)
        try:
            yield
        except BaseException:
            self.take(-count)
            raise
