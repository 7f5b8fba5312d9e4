"""Errors of a prefetcher's own."""

from agent_client.errors.failures import ReplayClientError

__all__ = [
    "BatchTimeoutError",
    "PrefetcherClosedError",
    "PrefetcherError",
]


class PrefetcherError(ReplayClientError):
    """Base of what a prefetcher raises of its own; what the server refuses is raised as it is."""


class BatchTimeoutError(PrefetcherError):
    """No batch was there in time; `__cause__` is the last refusal or failure, if there was one.

    Attributes:
        waited_s: how long `next` waited.
    """

    def __init__(self, waited_s: float, reason: str) -> None:
        """Keep the facts and make a sentence of them."""
        self.waited_s = waited_s
        self.reason = reason
        super().__init__(f"no batch within {waited_s:g} s: {reason}")


class PrefetcherClosedError(PrefetcherError):
    """The prefetcher has been closed."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("the prefetcher is closed")
