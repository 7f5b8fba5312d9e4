"""Errors into problems: the one place where an exception meets a status code."""

from __future__ import annotations

import logging
from typing import Any, Final

from replay_server import errors as service
from replay_server.api.headers import UnsupportedMediaTypeError
from replay_server.memory import errors as core
from replay_wire.errors import (
    ErrorCode,
    InvalidMessageError,
    MalformedBodyError,
    TooManyElementsError,
)
from replay_wire.messages import Problem
from replay_wire.sharding.asks import RefusalError

__all__ = ["CHALLENGE", "headers_of", "problem", "problem_of", "retry_after"]

CHALLENGE: Final = (b"www-authenticate", b"Bearer")

logger = logging.getLogger(__name__)

_MOST_DETAIL: Final = 400
_RETRY_AFTER_S: Final = 1

_REPLIES: Final[dict[type[Exception], tuple[ErrorCode, tuple[str, ...]]]] = {
    # error: its code, and the attributes that the problem tells
    MalformedBodyError: (ErrorCode.MALFORMED, ()),
    InvalidMessageError: (ErrorCode.INVALID_REQUEST, ("field",)),
    UnsupportedMediaTypeError: (ErrorCode.UNSUPPORTED_MEDIA_TYPE, ()),
    core.InvalidArgumentError: (ErrorCode.INVALID_REQUEST, ("field",)),
    core.SignatureMismatchError: (ErrorCode.SCHEMA_MISMATCH, ("column", "expected", "got")),
    core.InvalidPriorityError: (ErrorCode.BAD_PRIORITY, ("position",)),
    core.RateLimitedError: (ErrorCode.RATE_LIMITED, ("missing",)),
    core.NothingToDrawError: (ErrorCode.NOTHING_TO_DRAW, ("size",)),
    core.StaleSequenceError: (ErrorCode.STALE_SEQUENCE, ("writer", "last")),
    core.TooManyStreamsError: (ErrorCode.TOO_LARGE, ("limit",)),
    service.UnknownTableError: (ErrorCode.UNKNOWN_TABLE, ("table",)),
    service.UnknownParametersError: (ErrorCode.UNKNOWN_PARAMETERS, ("parameters",)),
    service.TableExistsError: (ErrorCode.TABLE_EXISTS, ("table",)),
    service.TooLargeError: (ErrorCode.TOO_LARGE, ("limit",)),
    service.InvalidSpecError: (ErrorCode.INVALID_REQUEST, ("field",)),
    service.UnavailableError: (ErrorCode.UNAVAILABLE, ()),
    service.UnknownCheckpointError: (ErrorCode.UNKNOWN_CHECKPOINT, ("checkpoint",)),
    service.NoDataDirectoryError: (ErrorCode.INVALID_REQUEST, ("field",)),
    service.DamagedCheckpointError: (ErrorCode.INVALID_REQUEST, ("field",)),
    service.StorageFullError: (ErrorCode.STORAGE_FULL, ()),
    service.OverloadedError: (ErrorCode.UNAVAILABLE, ()),
    TooManyElementsError: (ErrorCode.TOO_LARGE, ("limit",)),
    MemoryError: (ErrorCode.TOO_LARGE, ()),
}


def problem_of(error: Exception) -> Problem:
    """Return the problem that tells of an error; an unforeseen one is logged and `internal`."""
    if isinstance(error, RefusalError):
        return error.problem
    reply = _REPLIES.get(type(error))
    if reply is None:
        logger.error("a request failed for a reason that nobody foresaw", exc_info=error)
        return problem(ErrorCode.INTERNAL, "the server failed; its log tells why")
    code, attributes = reply
    detail = "there is not enough memory for it" if isinstance(error, MemoryError) else str(error)
    return problem(code, detail, **{name: getattr(error, name) for name in attributes})


def problem(code: ErrorCode, detail: str, **facts: Any) -> Problem:
    """Return a problem with its code's status and title."""
    return Problem(
        type=f"urn:replay-server:problem:{code}",
        title=code.phrase,
        status=code.status,
        detail=detail if len(detail) <= _MOST_DETAIL else detail[: _MOST_DETAIL - 1] + "…",
        code=code,
        facts=facts,
    )


def headers_of(found: Problem) -> list[tuple[bytes, bytes]]:
    """Return the headers that go with a problem: what to show next time, or when to come again."""
    challenge = [CHALLENGE] if found.code == ErrorCode.UNAUTHENTICATED else []
    return [*challenge, *retry_after(found.status)]


def retry_after(status: int) -> list[tuple[bytes, bytes]]:
    """Return the headers that tell when to try again, for the statuses that call for it."""
    return [(b"retry-after", str(_RETRY_AFTER_S).encode())] if status in (429, 503) else []
