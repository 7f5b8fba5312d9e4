"""When to send a request again, and after how long."""

import random
from typing import Final

from agent_client.errors import ReplayClientError, ServerUnavailableError, ServerUnreachableError

__all__ = ["FIRST_PAUSE_S", "LONGEST_PAUSE_S", "pause_after", "retry"]

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0
_LONGEST_RETRY_AFTER_S: Final = 30.0


def retry(error: Exception, repeatable: bool) -> bool | float:
    """Return whether to send again, or in how many seconds, where the server says so."""
    if isinstance(error, ServerUnavailableError):
        if error.retry_after_s is None:
            return True
        jitter = random.uniform(0, FIRST_PAUSE_S)
        return min(error.retry_after_s, _LONGEST_RETRY_AFTER_S) + jitter
    return isinstance(error, ServerUnreachableError) and (repeatable or not error.may_have_happened)


def pause_after(refusal: ReplayClientError, failures: int) -> float:
    """Return the seconds to wait before asking again: what the server said, or ever more.

    Args:
        refusal: why the last request did not get through.
        failures: how many in a row got no answer or "unavailable".
    """
    said: float | None = getattr(refusal, "retry_after_s", None)
    if said is not None:
        return min(said, _LONGEST_RETRY_AFTER_S) + random.uniform(0, FIRST_PAUSE_S)
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures, 16))
    return random.uniform(longest / 2, longest)
