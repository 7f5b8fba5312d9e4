"""How much memory a server's tables and parameters may take together."""

from __future__ import annotations

from collections.abc import Callable

from replay_server.errors import TooLargeError

__all__ = ["MemoryBudget"]


class MemoryBudget:
    """A limit, and those who take memory under it."""

    def __init__(self, limit_bytes: int) -> None:
        """Let `limit_bytes` be taken in all."""
        self._limit_bytes = limit_bytes
        self._takers: list[Callable[[], int]] = []

    def add(self, bytes_taken: Callable[[], int]) -> None:
        """Count what somebody takes from now on; they are asked at each check."""
        self._takers.append(bytes_taken)

    def check(self, more_bytes: int) -> None:
        """Refuse more than there is.

        Raises:
            TooLargeError: what is taken and `more_bytes` are above the limit.
        """
        taken = sum(bytes_taken() for bytes_taken in self._takers)
        if taken + more_bytes > self._limit_bytes:
            raise TooLargeError(
                "bytes of all tables and parameters", self._limit_bytes, f"{taken} + {more_bytes}"
            )
