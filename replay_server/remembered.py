"""What is costly to find out, found out again only when it is old, and the older the dearer it was.

So whoever asks for it, and however often, it takes no more than a share of the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

__all__ = ["Remembered"]

Result = TypeVar("Result")

_SHARE: Final = 0.01


class Remembered(Generic[Result]):
    """The last result of something costly."""

    def __init__(self, least_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without a result.

        Args:
            least_s: how long one is good at the least; longer where making it took more than a
                hundredth of that.
            clock: tells the time in seconds.
        """
        self._least_s = least_s
        self._clock = clock
        self._good_until_s = float("-inf")
        self._result: Result | None = None

    def get(self, make: Callable[[], Result]) -> Result:
        """Return the last result, or what `make` returns if that is old. Raises what it does."""
        began_s = self._clock()
        if self._result is None or began_s >= self._good_until_s:
            self._result = make()
            ended_s = self._clock()
            self._good_until_s = ended_s + max(self._least_s, (ended_s - began_s) / _SHARE)
        return self._result
