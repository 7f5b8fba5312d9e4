"""Errors of writers, and of rows that can't be sent as they are."""

from collections.abc import Sequence

from agent_client.errors.failures import ReplayClientError

__all__ = [
    "ColumnMismatchError",
    "StepOrderError",
    "WriterClosedError",
    "WriterError",
    "WriterFailedError",
    "WriterTimeoutError",
]


class ColumnMismatchError(ReplayClientError):
    """A value does not fit its column, seen before anything was sent.

    Attributes:
        column: its name.
        expected: what the column holds.
        got: what came.
    """

    def __init__(self, column: str, expected: str, got: str) -> None:
        """Keep the facts and make a sentence of them."""
        self.column = column
        self.expected = expected
        self.got = got
        super().__init__(f"column {column!r}: expected {expected}, got {got}")


class StepOrderError(ReplayClientError):
    """A step came where no episode is open: before `begin`, or after the episode's end.

    Attributes:
        environments: numbers of the environments, of a vector environment; else empty.
    """

    def __init__(self, environments: Sequence[int] = ()) -> None:
        """Keep the facts and make a sentence of them."""
        self.environments = tuple(environments)
        whose = f" of environments {', '.join(map(str, environments))}" if environments else ""
        super().__init__(
            f"no episode{whose} is open: call begin with the observation that reset gave"
        )


class WriterError(ReplayClientError):
    """A writer could not do its work; `__cause__` says why, where something did.

    Attributes:
        rows_unsent: rows that the server has not acknowledged, those in this process and, where an
            answer was lost, those that it may have stored.
        reason: why.
    """

    def __init__(self, rows_unsent: int, reason: str) -> None:
        """Keep the facts and make a sentence of them."""
        self.rows_unsent = rows_unsent
        self.reason = reason
        super().__init__(f"{rows_unsent} rows are not acknowledged: {reason}")


class WriterFailedError(WriterError):
    """The server refused rows, or stayed away too long; no more rows will be sent."""


class WriterTimeoutError(WriterError):
    """The time given to `flush` or `append` was over; the writer goes on."""


class WriterClosedError(WriterError):
    """The writer is closed: `close` could not send everything, or rows came after it."""
