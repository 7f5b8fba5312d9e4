"""An event loop whose time passes in no time, and which runs what is for threads at once.

A request that waits for a second takes none: when nothing is left to do, the clock is put to where
the next timer goes off. Where there is none either, nobody would ever go on: that is an error.
The threads of `threads` are real ones: while one of them is at work, no time passes.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any


class NothingLeftError(AssertionError):
    """Everybody waits for something that nobody is going to do."""


class InstantLoop(asyncio.SelectorEventLoop):
    """The loop."""

    def __init__(self) -> None:
        """Begin at 0 seconds."""
        self._now = 0.0
        super().__init__(_Clock(self._pass))
        self.threads = _Threads(2)

    def close(self) -> None:
        """Let go of everything."""
        self.threads.shutdown()
        super().close()

    def let_pass(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds

    def time(self) -> float:
        """Return how many seconds would have passed."""
        return self._now

    def run_in_executor(  # type: ignore[override] # of any function, at once
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Call a function."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is the caller's, whatever it is
            future.set_exception(error)
        return future

    def _pass(self, seconds: float | None) -> None:
        if seconds != 0 and self.threads.under_way:
            wait(tuple(self.threads.under_way), return_when=FIRST_COMPLETED)
        elif seconds is None:
            raise NothingLeftError
        else:
            self._now += seconds


class _Threads(ThreadPoolExecutor):
    """Threads that tell what they are at work on."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.under_way = set[Future[Any]]()

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Have a function called on a thread; it is under way until its future's callbacks are."""
        future = Future[Any]()

        def work() -> None:
            try:
                future.set_result(function(*args, **options))
            except BaseException as error:  # noqa: BLE001 - it is the caller's, whatever it is
                future.set_exception(error)

        at_work = super().submit(work)
        self.under_way.add(at_work)
        at_work.add_done_callback(self.under_way.discard)
        return future


class _Clock(selectors.SelectSelector):
    """Nothing ever comes in; to wait for it lets time pass."""

    def __init__(self, wait: Callable[[float | None], None]) -> None:
        super().__init__()
        self._wait = wait

    def select(self, timeout: float | None = None) -> list[Any]:
        """Wait."""
        self._wait(timeout)
        return []
