"""The pace of long work in the background: most of the machine is left to those who are served."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

__all__ = ["Pace"]

_SHARE: Final = 0.25
_LONGEST_REST_S: Final = 0.1  # a disk that is slow for a moment holds the work up enough by itself


class Pace:
    """Rests between the pieces of some work, so that it takes a quarter of a processor's time."""

    def __init__(
        self,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Begin with the first piece now.

        Args:
            clock: tells the time in seconds.
            sleep: waits for so many seconds.
        """
        self._clock = clock
        self._sleep = sleep
        self._since = clock()

    def rest(self) -> None:
        """Wait, after a piece was done, three times as long as it took; at most 0.1 s."""
        worked_s = self._clock() - self._since
        self._sleep(min(worked_s * (1.0 / _SHARE - 1.0), _LONGEST_REST_S))
        self._since = self._clock()
