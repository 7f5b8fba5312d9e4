"""How long a client waits for its server, and how often it asks."""

from dataclasses import dataclass

__all__ = ["Patience"]


@dataclass(frozen=True)
class Patience:
    """Limits of one call, in seconds but for `attempts`. What the server is told to wait is added.

    Attributes:
        timeout_s: how long the server may be silent while it reads, works or answers, and how long
            to wait for a free connection.
        connect_timeout_s: how long until a connection stands.
        total_timeout_s: how long a call may take in all, every attempt and pause included.
        attempts: how often a request goes out at most.
    """

    timeout_s: float = 60.0
    connect_timeout_s: float = 10.0
    total_timeout_s: float = 120.0
    attempts: int = 5

    def __post_init__(self) -> None:
        """Refuse limits that let nothing through.

        Raises:
            ValueError: a number is not positive.
        """
        if min(self.timeout_s, self.connect_timeout_s, self.total_timeout_s) <= 0:
            raise ValueError("expected timeouts of more than 0 s")
        if self.attempts < 1:
            raise ValueError(f"expected at least 1 attempt, got {self.attempts}")
