"""How long the parts of a request may take, and all of it together."""

import time
from dataclasses import dataclass

__all__ = ["Timeouts"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that each part of an exchange may bring nothing; None waits for ever.

    Attributes:
        connect: until a connection stands.
        read: between two pieces of the answer, and before its first.
        write: between two pieces of the request.
        pool: until a connection is free.
        deadline: when the whole request must be done, as `time.monotonic` tells it. A peer that
            sends a byte now and then keeps `read` from ever being over, but not this.
    """

    connect: float | None = None
    read: float | None = None
    write: float | None = None
    pool: float | None = None
    deadline: float | None = None

    def connect_s(self) -> float | None:
        """Return how long connecting may take from now on."""
        return self._until_deadline(self.connect)

    def read_s(self) -> float | None:
        """Return how long the answer may be silent from now on."""
        return self._until_deadline(self.read)

    def write_s(self) -> float | None:
        """Return how long sending may stand still from now on."""
        return self._until_deadline(self.write)

    def pool_s(self) -> float | None:
        """Return how long to wait for a free connection from now on."""
        return self._until_deadline(self.pool)

    def _until_deadline(self, seconds: float | None) -> float | None:
        if self.deadline is None:
            return seconds
        left = max(0.0, self.deadline - time.monotonic())
        return left if seconds is None else min(seconds, left)
