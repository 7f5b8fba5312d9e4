"""How much memory a server's tables and parameters may take together."""

from __future__ import annotations

from collections.abc import Callable

from replay_server.errors import TooLargeError

__all__ = ["MemoryBudget"]


class MemoryBudget:
    """A limit, and those who take memory under it.

    Attributes:
        limit_bytes: how much may be taken in all.
    """

    def __init__(self, limit_bytes: int) -> None:
        """Start with nobody."""
        self.limit_bytes = limit_bytes
        self._takers: list[Callable[[], int]] = []

    def add(self, bytes_taken: Callable[[], int]) -> None:
        """Count what somebody takes from now on; they are asked at each check."""
        self._takers.append(bytes_taken)

    @property
    def taken_bytes(self) -> int:
        """How much is taken, or may come to be. Cost: O(takers and what they have)."""
        return sum(bytes_taken() for bytes_taken in self._takers)

    def check(self, more_bytes: int) -> None:
        """Refuse more than there is.

        Raises:
            TooLargeError: what is taken and `more_bytes` are above the limit.
        """
        taken = self.taken_bytes
        if taken + more_bytes > self.limit_bytes:
            raise TooLargeError(
                "bytes of all tables and parameters", self.limit_bytes, f"{taken} + {more_bytes}"
            )
