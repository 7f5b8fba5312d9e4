"""The family of errors."""

import importlib
import inspect
import pickle
import pkgutil
import re

import pytest

import agent_client
from agent_client import errors
from replay_wire.errors import ErrorCode
from replay_wire.messages import Problem


def problem(code: str, **facts: object) -> Problem:
    document = {"type": "t", "title": "T", "status": 422, "detail": "why", "code": code, **facts}
    return Problem.from_document(document)


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_code_has_a_class_of_its_own(code: ErrorCode) -> None:
    error = errors.rejection(problem(code.value))

    assert type(error) is not errors.ServerRejectedError
    assert error.error_code is code
    assert error.code == code.value


def test_no_two_classes_share_a_code() -> None:
    codes = [subclass.error_code for subclass in errors.ServerRejectedError.__subclasses__()]

    assert sorted(map(str, codes)) == sorted(code.value for code in ErrorCode)


def test_a_code_from_the_future_is_a_plain_rejection() -> None:
    error = errors.rejection(problem("sun_too_bright"))

    assert type(error) is errors.ServerRejectedError
    assert error.code == "sun_too_bright"


def test_a_rejection_bears_the_fields_of_its_problem() -> None:
    error = errors.rejection(
        problem("schema_mismatch", column="reward", expected="<f4", got="<f8"), 1.5
    )

    assert isinstance(error, errors.SchemaMismatchError)
    assert (error.status, error.detail, error.retry_after_s) == (422, "why", 1.5)
    assert (error.column, error.expected, error.got) == ("reward", "<f4", "<f8")


def test_facts_that_did_not_come_are_none() -> None:
    stale = errors.rejection(problem("stale_sequence"))
    invalid = errors.rejection(problem("invalid_request"))
    assert isinstance(stale, errors.StaleSequenceError)
    assert isinstance(invalid, errors.InvalidRequestError)

    assert stale.last is None
    assert invalid.field is None


@pytest.mark.parametrize(
    "error",
    [
        errors.rejection(problem("stale_sequence", last=7), 2.0),
        errors.ServerUnreachableError("u", "r", may_have_happened=False),
        errors.NotAReplayServerError("u", 1, None, 200),
        errors.InvalidReplyError("u", "r"),
        errors.ColumnMismatchError("c", "e", "g"),
        errors.StepOrderError([1, 2]),
        errors.WriterClosedError(3, "r"),
        errors.BatchTimeoutError(1.0, "r"),
        errors.PrefetcherClosedError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_cross_a_process_boundary(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__


def family() -> list[type[Exception]]:
    """Return every error class that the modules of the package define."""
    return [
        member
        for module in pkgutil.iter_modules(errors.__path__, f"{errors.__name__}.")
        for _, member in inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        if member.__module__ == module.name and issubclass(member, Exception)
    ]


def test_all_errors_are_of_one_family() -> None:
    assert all(issubclass(member, errors.ReplayClientError) for member in family())


def test_the_tree_and_the_exports_name_every_error() -> None:
    names = {member.__name__ for member in family()}

    assert set(re.findall(r"\w+Error\b", (errors.__doc__ or "").split("\n\n")[1])) == names
    assert names <= set(errors.__all__)
    assert names <= set(agent_client.__all__)
