"""What can go wrong for a client of the replay server.

    ReplayClientError
    ├── ServerUnreachableError            no answer: not connected, timed out, or cut off
    ├── NotAReplayServerError             an answer, but not of this protocol or version
    ├── InvalidReplyError                 an answer of this protocol that makes no sense
    ├── ServerRejectedError               the server said no, with a code that this client knows not
    │   ├── MalformedRequestError         400 malformed
    │   ├── UnauthenticatedError          401 unauthenticated
    │   ├── ForbiddenError                403 forbidden
    │   ├── UnknownTableError             404 unknown_table
    │   ├── UnknownParametersError        404 unknown_parameters
    │   ├── UnknownCheckpointError        404 unknown_checkpoint
    │   ├── UnknownPathError              404 not_found
    │   ├── MethodNotAllowedError         405 method_not_allowed
    │   ├── TableExistsError              409 table_exists
    │   ├── StaleSequenceError            409 stale_sequence
    │   ├── NothingToDrawError            409 nothing_to_draw
    │   ├── TooLargeError                 413 too_large
    │   ├── UnsupportedMediaTypeError     415 unsupported_media_type
    │   ├── InvalidRequestError           422 invalid_request
    │   ├── SchemaMismatchError           422 schema_mismatch
    │   ├── BadPriorityError              422 bad_priority
    │   ├── RateLimitedError              429 rate_limited
    │   ├── ServerFailedError             500 internal
    │   ├── ServerUnavailableError        503 unavailable
    │   └── StorageFullError              507 storage_full
    ├── ColumnMismatchError               a value that its column cannot hold, seen before sending
    ├── StepOrderError                    a step of an episode that has not begun, or has ended
    ├── WriterError
    │   ├── WriterFailedError             rows were refused; the writer sends no more
    │   ├── WriterTimeoutError            rows are still unsent after the time that was given
    │   └── WriterClosedError             the writer was closed, perhaps with rows unsent
    └── PrefetcherError
        ├── BatchTimeoutError             no batch came in the time that was given
        └── PrefetcherClosedError         the prefetcher was closed

A refused request has changed nothing. Whether a request without an answer has is not known, unless
`ServerUnreachableError.may_have_happened` is false.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from replay_wire.errors import ErrorCode
from replay_wire.messages import Problem

__all__ = [
    "BadPriorityError",
    "BatchTimeoutError",
    "ColumnMismatchError",
    "ForbiddenError",
    "InvalidReplyError",
    "InvalidRequestError",
    "MalformedRequestError",
    "MethodNotAllowedError",
    "NotAReplayServerError",
    "NothingToDrawError",
    "PrefetcherClosedError",
    "PrefetcherError",
    "RateLimitedError",
    "ReplayClientError",
    "SchemaMismatchError",
    "ServerFailedError",
    "ServerRejectedError",
    "ServerUnavailableError",
    "ServerUnreachableError",
    "StaleSequenceError",
    "StepOrderError",
    "StorageFullError",
    "TableExistsError",
    "TooLargeError",
    "UnauthenticatedError",
    "UnknownCheckpointError",
    "UnknownParametersError",
    "UnknownPathError",
    "UnknownTableError",
    "UnsupportedMediaTypeError",
    "WriterClosedError",
    "WriterError",
    "WriterFailedError",
    "WriterTimeoutError",
    "rejection",
]


class ReplayClientError(Exception):
    """Base of every error that this package raises, but for misuse (ValueError, TypeError)."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Let the error cross a process boundary with all it bears."""
        return _rebuilt, (type(self), self.args, self.__dict__)


class ServerUnreachableError(ReplayClientError):
    """No answer came.

    Attributes:
        url: what was asked.
        reason: what happened to the connection.
        may_have_happened: false where the request cannot have been acted on.
    """

    def __init__(self, url: str, reason: str, *, may_have_happened: bool) -> None:
        """Keep the facts and make a sentence of them."""
        self.url = url
        self.reason = reason
        self.may_have_happened = may_have_happened
        super().__init__(f"no answer from {url}: {reason}")


class NotAReplayServerError(ReplayClientError):
    """Who answered speaks another protocol, or another version of it.

    Attributes:
        url: what was asked.
        expected: the version that this client speaks.
        actual: the `x-replay-protocol` that came; None where there was none.
    """

    def __init__(self, url: str, expected: int, actual: str | None, status: int) -> None:
        """Keep the facts and make a sentence of them."""
        self.url = url
        self.expected = expected
        self.actual = actual
        self.status = status
        found = f"version {actual}" if actual else "no x-replay-protocol header"
        super().__init__(
            f"{url} answered {status} with {found}; expected a replay server of protocol "
            f"version {expected}: check the address"
        )


class InvalidReplyError(ReplayClientError):
    """The server's answer is not what the protocol says.

    Attributes:
        url: what was asked.
        reason: what was wrong with the answer.
    """

    def __init__(self, url: str, reason: str) -> None:
        """Keep the facts and make a sentence of them."""
        self.url = url
        self.reason = reason
        super().__init__(f"the answer of {url} can't be read: {reason}")


class ServerRejectedError(ReplayClientError):
    """The server refused a request, which has changed nothing.

    Attributes:
        problem: the RFC 9457 document that came.
        status: the HTTP status.
        code: an `ErrorCode`, or what a later server says.
        detail: what was wrong, where, what was expected and what came.
        facts: further members of the problem (`field`, `column`, `expected`, `got`, `last`, ...).
        retry_after_s: seconds to wait before asking again; None where the server did not say.
    """

    error_code: ClassVar[ErrorCode | None] = None

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        """Keep the facts and make a sentence of them."""
        self.problem = problem
        self.status = problem.status
        self.code = problem.code
        self.detail = problem.detail
        self.facts: dict[str, Any] = problem.facts
        self.retry_after_s = retry_after_s
        super().__init__(f"{problem.status} {problem.code}: {problem.detail}")


class MalformedRequestError(ServerRejectedError):
    """The body was no MessagePack or JSON map."""

    error_code = ErrorCode.MALFORMED


class UnauthenticatedError(ServerRejectedError):
    """The token is missing or unknown."""

    error_code = ErrorCode.UNAUTHENTICATED


class ForbiddenError(ServerRejectedError):
    """The token's role may not do this."""

    error_code = ErrorCode.FORBIDDEN


class UnknownTableError(ServerRejectedError):
    """No table has that name."""

    error_code = ErrorCode.UNKNOWN_TABLE


class UnknownParametersError(ServerRejectedError):
    """No parameters have that name."""

    error_code = ErrorCode.UNKNOWN_PARAMETERS


class UnknownCheckpointError(ServerRejectedError):
    """No checkpoint has that name."""

    error_code = ErrorCode.UNKNOWN_CHECKPOINT


class UnknownPathError(ServerRejectedError):
    """The server has no such path."""

    error_code = ErrorCode.NOT_FOUND


class MethodNotAllowedError(ServerRejectedError):
    """The path does not take this method."""

    error_code = ErrorCode.METHOD_NOT_ALLOWED


class TableExistsError(ServerRejectedError):
    """A table of that name stands already, with a different spec."""

    error_code = ErrorCode.TABLE_EXISTS


class StaleSequenceError(ServerRejectedError):
    """The writer has sent a higher sequence before."""

    error_code = ErrorCode.STALE_SEQUENCE

    @property
    def last(self) -> int | None:
        """The highest sequence that the server has seen of this writer."""
        return self.facts.get("last")


class NothingToDrawError(ServerRejectedError):
    """The table has items, and none of them has mass."""

    error_code = ErrorCode.NOTHING_TO_DRAW


class TooLargeError(ServerRejectedError):
    """A body, a batch or a table is beyond a limit that `ReplayClient.info` tells."""

    error_code = ErrorCode.TOO_LARGE


class UnsupportedMediaTypeError(ServerRejectedError):
    """The server does not take bodies of this type or encoding."""

    error_code = ErrorCode.UNSUPPORTED_MEDIA_TYPE


class InvalidRequestError(ServerRejectedError):
    """A field of the request or of a spec is unknown, or holds what it may not."""

    error_code = ErrorCode.INVALID_REQUEST

    @property
    def field(self) -> str | None:
        """Which field, as a dotted path."""
        return self.facts.get("field")


class SchemaMismatchError(ServerRejectedError):
    """The columns are not those of the table's signature."""

    error_code = ErrorCode.SCHEMA_MISMATCH

    @property
    def column(self) -> str | None:
        """Which column."""
        return self.facts.get("column")

    @property
    def expected(self) -> Any:
        """What the signature says of it."""
        return self.facts.get("expected")

    @property
    def got(self) -> Any:
        """What was sent."""
        return self.facts.get("got")


class BadPriorityError(ServerRejectedError):
    """A priority is negative, not finite, or too large for the table's alpha."""

    error_code = ErrorCode.BAD_PRIORITY


class RateLimitedError(ServerRejectedError):
    """The rate limiter still said no at the request's timeout; `detail` says what is missing."""

    error_code = ErrorCode.RATE_LIMITED


class ServerFailedError(ServerRejectedError):
    """A fault of the server's own; whether the request was done is not known."""

    error_code = ErrorCode.INTERNAL


class ServerUnavailableError(ServerRejectedError):
    """The server is starting, restoring, shutting down or overloaded: ask again later."""

    error_code = ErrorCode.UNAVAILABLE


class StorageFullError(ServerRejectedError):
    """The server's disk is full."""

    error_code = ErrorCode.STORAGE_FULL


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


_BY_CODE: Final[dict[str, type[ServerRejectedError]]] = {
    subclass.error_code.value: subclass
    for subclass in ServerRejectedError.__subclasses__()
    if subclass.error_code is not None
}


def rejection(problem: Problem, retry_after_s: float | None = None) -> ServerRejectedError:
    """Return the error of a problem, of the class that belongs to its code."""
    return _BY_CODE.get(problem.code, ServerRejectedError)(problem, retry_after_s)


def _rebuilt(
    error_type: type[ReplayClientError], arguments: tuple[Any, ...], facts: dict[str, Any]
) -> ReplayClientError:
    error = error_type.__new__(error_type, *arguments)
    error.__dict__.update(facts)
    return error
