"""The server's refusals: a class for each `ErrorCode`."""

from typing import Any, ClassVar, Final

from agent_client.errors.failures import ReplayClientError
from replay_wire.errors import ErrorCode
from replay_wire.messages import Problem

__all__ = [
    "BadPriorityError",
    "ForbiddenError",
    "InvalidRequestError",
    "MalformedRequestError",
    "MethodNotAllowedError",
    "NothingToDrawError",
    "RateLimitedError",
    "RequestTimeoutError",
    "SchemaMismatchError",
    "ServerFailedError",
    "ServerRejectedError",
    "ServerUnavailableError",
    "StaleSequenceError",
    "StorageFullError",
    "TableExistsError",
    "TooLargeError",
    "UnauthenticatedError",
    "UnknownCheckpointError",
    "UnknownParametersError",
    "UnknownPathError",
    "UnknownTableError",
    "UnsupportedMediaTypeError",
    "rejection",
]


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


class RequestTimeoutError(ServerRejectedError):
    """The request did not arrive whole within the time that the server gives it."""

    error_code = ErrorCode.REQUEST_TIMEOUT


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


_BY_CODE: Final[dict[str, type[ServerRejectedError]]] = {
    subclass.error_code.value: subclass
    for subclass in ServerRejectedError.__subclasses__()
    if subclass.error_code is not None
}


def rejection(problem: Problem, retry_after_s: float | None = None) -> ServerRejectedError:
    """Return the error of a problem, of the class that belongs to its code."""
    return _BY_CODE.get(problem.code, ServerRejectedError)(problem, retry_after_s)
