"""Every error has its reply; none is told by its text."""

import logging
from collections.abc import Iterator

import pytest

import replay_server.errors  # noqa: F401 - its classes are walked
from replay_server.api.error_replies import problem, problem_of, retry_after
from replay_server.api.headers import UnsupportedMediaTypeError
from replay_server.errors import (
    DamagedCheckpointError,
    InvalidSpecError,
    NoDataDirectoryError,
    OverloadedError,
    StorageFullError,
    TableExistsError,
    TooLargeError,
    UnavailableError,
    UnknownCheckpointError,
    UnknownParametersError,
    UnknownTableError,
)
from replay_server.memory.errors import (
    InvalidArgumentError,
    InvalidPriorityError,
    NothingToDrawError,
    RateLimitedError,
    ReplayError,
    SignatureMismatchError,
    StaleSequenceError,
    TooManyStreamsError,
)
from replay_wire.errors import (
    ErrorCode,
    InvalidMessageError,
    MalformedBodyError,
    TooManyElementsError,
    UnsupportedArrayError,
    WireFormatError,
)

REPLIES: list[tuple[Exception, ErrorCode, dict[str, object]]] = [
    (MalformedBodyError("x"), ErrorCode.MALFORMED, {}),
    (InvalidMessageError("a.b", "x"), ErrorCode.INVALID_REQUEST, {"field": "a.b"}),
    (UnsupportedMediaTypeError("x"), ErrorCode.UNSUPPORTED_MEDIA_TYPE, {}),
    (InvalidArgumentError("a", "x"), ErrorCode.INVALID_REQUEST, {"field": "a"}),
    (
        SignatureMismatchError("c", "e", "g"),
        ErrorCode.SCHEMA_MISMATCH,
        {"column": "c", "expected": "e", "got": "g"},
    ),
    (InvalidPriorityError(3, -1.0, 9.0), ErrorCode.BAD_PRIORITY, {"position": 3}),
    (RateLimitedError("2 more"), ErrorCode.RATE_LIMITED, {"missing": "2 more"}),
    (NothingToDrawError(4), ErrorCode.NOTHING_TO_DRAW, {"size": 4}),
    (StaleSequenceError("w", 1, 2), ErrorCode.STALE_SEQUENCE, {"writer": "w", "last": 2}),
    (UnknownTableError("t"), ErrorCode.UNKNOWN_TABLE, {"table": "t"}),
    (UnknownParametersError("p"), ErrorCode.UNKNOWN_PARAMETERS, {"parameters": "p"}),
    (TableExistsError("t", "x"), ErrorCode.TABLE_EXISTS, {"table": "t"}),
    (TooLargeError("x", 5, 6), ErrorCode.TOO_LARGE, {"limit": 5}),
    (InvalidSpecError("a", "x"), ErrorCode.INVALID_REQUEST, {"field": "a"}),
    (UnavailableError(), ErrorCode.UNAVAILABLE, {}),
    (UnknownCheckpointError("c"), ErrorCode.UNKNOWN_CHECKPOINT, {"checkpoint": "c"}),
    (NoDataDirectoryError(), ErrorCode.INVALID_REQUEST, {"field": "data_dir"}),
    (DamagedCheckpointError("it is damaged"), ErrorCode.INVALID_REQUEST, {"field": "name"}),
    (StorageFullError("No space left on device"), ErrorCode.STORAGE_FULL, {}),
    (OverloadedError("x"), ErrorCode.UNAVAILABLE, {}),
    (TooManyElementsError("columns", 5), ErrorCode.TOO_LARGE, {"limit": 5}),
    (TooManyStreamsError(5, 6), ErrorCode.TOO_LARGE, {"limit": 5}),
    (MemoryError(), ErrorCode.TOO_LARGE, {}),
]


def subclasses(base: type[Exception]) -> Iterator[type[Exception]]:
    for found in base.__subclasses__():
        yield found
        yield from subclasses(found)


@pytest.mark.parametrize(
    ("error", "code", "facts"), REPLIES, ids=[type(error).__name__ for error, _, _ in REPLIES]
)
def test_an_error_has_its_code_and_tells_its_facts(
    error: Exception, code: ErrorCode, facts: dict[str, object]
):
    reply = problem_of(error)

    assert (reply.code, reply.status, reply.facts) == (code, code.status, facts)
    assert reply.detail
    assert reply.document().items() >= facts.items()


def test_no_error_is_forgotten():
    # What can't be sent is a fault of the server's own, and rightly internal.
    known = {type(error) for error, _, _ in REPLIES} | {UnsupportedArrayError}

    ours = {*subclasses(ReplayError), *subclasses(WireFormatError)}

    assert {found for found in ours if found.__module__.startswith("replay_")} <= known


def test_an_unforeseen_error_is_internal_and_logged_but_not_told(
    caplog: pytest.LogCaptureFixture,
):
    with caplog.at_level(logging.ERROR):
        reply = problem_of(KeyError("a secret"))

    assert (reply.code, reply.status) == (ErrorCode.INTERNAL, 500)
    assert "secret" not in reply.detail
    assert caplog.records[0].exc_info is not None


def test_a_long_detail_is_cut():
    assert len(problem(ErrorCode.MALFORMED, "x" * 1000).detail) == 400
    assert problem(ErrorCode.MALFORMED, "x" * 400).detail == "x" * 400


@pytest.mark.parametrize("code", list(ErrorCode))
def test_whoever_may_try_again_is_told_when(code: ErrorCode):
    names = [name for name, _ in retry_after(code.status)]

    assert names == ([b"retry-after"] if code.status in (429, 503) else [])
