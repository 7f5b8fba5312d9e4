"""Errors of writers, and of rows that can't be sent as they are."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent_client.errors.failures import ReplayClientError

__all__ = [
    "ColumnMismatchError",
    "StepOrderError",
    "UnsentRows",
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


@dataclass(frozen=True, slots=True)
class UnsentRows:
    """Which of a writer's rows the server has not acknowledged.

    Attributes:
        table: where they belong.
        writer_id: whose they are.
        first: the first of them, counted from 0 over all that were appended to the writer.
        count: how many; they follow one another.
        sequence: of the insert that was under way with the first of them; None where there was
            none.
        in_doubt: how many rows that has. All of them are stored, or none is.
    """

    table: str
    writer_id: str
    first: int
    count: int
    sequence: int | None = None
    in_doubt: int = 0

    def __str__(self) -> str:
        """Return what an error says of them."""
        said = f"{self.count} rows of writer {self.writer_id!r} to table {self.table!r}"
        if self.count == 0:
            return said
        said += f" are not acknowledged, numbers {self.first} to {self.first + self.count - 1}"
        if self.sequence is not None:
            said += f"; {self.in_doubt} of them, sequence {self.sequence}, may be stored"
        return said


class WriterError(ReplayClientError):
    """A writer could not do its work; `__cause__` says why, where something did.

    Attributes:
        unsent: which rows the server has not acknowledged.
        reason: why.
    """

    def __init__(self, unsent: UnsentRows, reason: str) -> None:
        """Keep the facts and make a sentence of them."""
        self.unsent = unsent
        self.reason = reason
        super().__init__(f"{unsent}: {reason}")

    @property
    def rows_unsent(self) -> int:
        """How many rows the server has not acknowledged."""
        return self.unsent.count


class WriterFailedError(WriterError):
    """The server refused rows, or stayed away too long; no more rows will be sent."""


class WriterTimeoutError(WriterError):
    """The time given to `flush` or `append` was over; the writer goes on.

    A row that `append` had no room for was not taken.
    """


class WriterClosedError(WriterError):
    """The writer is closed: `close` could not send everything, or rows came after it."""
