"""When to send a request again, and after how long.

One rule for all who do it: the channel for single calls, writers and prefetchers for as long as
they have patience. Pauses grow, differ from client to client, and are the server's where it says.
"""

import random
import time
from typing import Final

from agent_client.errors import (
    ReplayClientError,
    ServerUnavailableError,
    ServerUnreachableError,
)

__all__ = ["RetryRule", "pause_after"]

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0
_LONGEST_RETRY_AFTER_S: Final = 60.0
_SPREAD: Final = 0.1
_CHANCE: Final = random.SystemRandom()  # draws nothing from a generator that the program seeds


class RetryRule:
    """Whether one call goes out again, asked after each attempt that failed; a stamina hook."""

    def __init__(self, *, repeatable: bool, deadline: float) -> None:
        """Make the rule of one call.

        Args:
            repeatable: whether the request may happen twice without harm.
            deadline: when the call must be over, as `time.monotonic` tells it.
        """
        self._repeatable = repeatable
        self._deadline = deadline
        self._failures = 0

    def __call__(self, error: Exception) -> bool | float:
        """Return the seconds to wait before the next attempt; false to make none.

        What the server refused for the moment (503) has changed nothing, and goes out again. So
        does what cannot have been acted on, and of what may have been, that which is repeatable.
        There is no next attempt that would begin after the deadline.
        """
        self._failures += 1
        if isinstance(error, ServerUnreachableError):
            is_safe = self._repeatable or not error.may_have_happened
        else:
            is_safe = isinstance(error, ServerUnavailableError)
        if not is_safe:
            return False
        assert isinstance(error, ReplayClientError)
        pause_s = pause_after(error, self._failures)
        return pause_s if time.monotonic() + pause_s < self._deadline else False


def pause_after(refusal: ReplayClientError, failures: int) -> float:
    """Return the seconds to wait before asking again: what the server said, or ever more.

    A little at random is added to what the server said, since it says the same to many. What it
    says is obeyed up to a minute: a Retry-After of a day would be as good as no answer.

    Args:
        refusal: why the last request did not get through.
        failures: how many in a row got no answer or "unavailable".
    """
    said: float | None = getattr(refusal, "retry_after_s", None)
    if said is not None:
        said = min(said, _LONGEST_RETRY_AFTER_S)
        return said + _CHANCE.uniform(0, _FIRST_PAUSE_S + _SPREAD * said)
    longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures, 16))
    return _CHANCE.uniform(longest / 2, longest)
