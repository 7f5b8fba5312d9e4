"""What the core refuses.

    ReplayError
    ├── InvalidArgumentError        an argument that no table would take
    ├── SignatureMismatchError      columns that are not those of the table
    ├── InvalidPriorityError        negative, not finite, or too large once raised to alpha
    ├── RateLimitedError            the limiter says no, for now
    ├── NothingToDrawError          items exist, and none of them has mass
    ├── StaleSequenceError          a writer's insert older than one already done
    └── TooManyStreamsError         more open episodes than a table follows

    InconsistentStateError          a state that is no table's: its files are damaged

An error keeps its facts as attributes and writes its own sentence. It knows no status code:
`replay_server.api.error_replies` gives each class its own.
"""

from __future__ import annotations

__all__ = [
    "InconsistentStateError",
    "InvalidArgumentError",
    "InvalidPriorityError",
    "NothingToDrawError",
    "RateLimitedError",
    "ReplayError",
    "SignatureMismatchError",
    "StaleSequenceError",
    "TooManyStreamsError",
]


class ReplayError(Exception):
    """A request that was refused and changed nothing."""


class InvalidArgumentError(ReplayError):
    """An argument that no table would take.

    Attributes:
        field: the argument, as a path ("update.keys").
        reason: what was expected and what came.
    """

    def __init__(self, field: str, reason: str) -> None:
        """Keep the facts."""
        self.field, self.reason = field, reason
        super().__init__(f"{field}: {reason}")


class SignatureMismatchError(ReplayError):
    """Columns that are not those of the table.

    Attributes:
        column: the column's name.
        expected: what the table's signature says of it.
        got: what came.
    """

    def __init__(self, column: str, expected: str, got: str) -> None:
        """Keep the facts."""
        self.column, self.expected, self.got = column, expected, got
        super().__init__(f"column {column!r}: expected {expected}, got {got}")


class InvalidPriorityError(ReplayError):
    """A priority that is negative, not finite, or too large once raised to alpha.

    Attributes:
        position: its index among those sent.
        priority: the number.
    """

    def __init__(self, position: int, priority: float, limit: float) -> None:
        """Keep the facts; `limit` is the largest priority that the table takes."""
        self.position, self.priority, self.limit = position, priority, limit
        super().__init__(
            f"priority {priority} at index {position}: "
            f"expected a finite number from 0 to {limit:.6g}"
        )


class RateLimitedError(ReplayError):
    """The limiter says no, for now.

    Attributes:
        missing: what has to happen first ("312 more inserts").
    """

    def __init__(self, missing: str) -> None:
        """Keep what is missing."""
        self.missing = missing
        super().__init__(f"the rate limiter says no: {missing}")


class NothingToDrawError(ReplayError):
    """Items exist, and none of them has mass.

    Attributes:
        size: how many items exist.
    """

    def __init__(self, size: int) -> None:
        """Keep the number of items."""
        self.size = size
        super().__init__(
            f"all {size} items have priority 0, so none can be drawn; give some a priority above 0"
        )


class StaleSequenceError(ReplayError):
    """A writer's insert older than one already done.

    Attributes:
        writer: the writer's id.
        sequence: the insert's sequence.
        last: the writer's last sequence.
    """

    def __init__(self, writer: str, sequence: int, last: int) -> None:
        """Keep the facts."""
        self.writer, self.sequence, self.last = writer, sequence, last
        super().__init__(
            f"sequence {sequence} of writer {writer[:80]!r} lies behind its last one, {last}; "
            "count on from there"
        )


class InconsistentStateError(Exception):
    """A state that is no table's, as only damaged files can hold it."""


class TooManyStreamsError(ReplayError):
    """Steps would open more streams than a table follows.

    Attributes:
        limit: how many may be open.
        got: how many would be.
    """

    def __init__(self, limit: int, got: int) -> None:
        """Keep the facts and say what to do."""
        self.limit, self.got = limit, got
        super().__init__(
            f"streams whose episode is open: at most {limit}, got {got}; end episodes with "
            "is_last, or let a stream go on under its number"
        )
