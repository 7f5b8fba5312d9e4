"""A document that does not convert, told in the protocol's words: which field, what was expected.

msgspec names the place of a fault in its message only, so that text is taken apart here, in one
place; the tests of the codecs pin the form of it.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgspec

from replay_wire.arrays import Array
from replay_wire.errors import InvalidMessageError, MalformedBodyError, TooManyElementsError
from replay_wire.specs import Column, TableSpec

__all__ = ["as_map", "convert", "located", "too_many"]

Message = TypeVar("Message")

_BYTES: Final = (bytes, bytearray, memoryview)  # what is bytes already, so that no text is base64


def as_map(document: object) -> dict[str, Any]:
    """Return a decoded document if it is a map.

    Raises:
        MalformedBodyError: it is anything else.
    """
    if not isinstance(document, dict):
        raise MalformedBodyError(f"expected a map, got {type(document).__name__}")
    return document


def convert(document: dict[str, Any], message_type: type[Message]) -> Message:
    """Return the message that plain values say.

    Raises:
        InvalidMessageError: they are not those of that type; says which field.
        TooManyElementsError: there are too many columns or parts.
    """
    if message_type is TableSpec:
        document = TableSpec.with_implied(document)
    try:
        return msgspec.convert(document, message_type, builtin_types=_BYTES)
    except msgspec.ValidationError as error:
        raise too_many(error) or located(error, document, message_type) from error


_WHERE: Final = re.compile(
    r"(?P<reason>.*?)(?: - at (?:`key` in )?`\$\.?(?P<path>.*)`)?", re.DOTALL
)
_NAMED: Final = re.compile(
    r"Object (?:contains unknown|missing required) field `(?P<name>.*)`", re.DOTALL
)


_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


_TOO_MANY: Final = re.compile(
    r"Expected `(?:object|array)` of length <= (?P<limit>\d+) - at `\$\.(?P<path>columns|parts)`"
)


def too_many(error: msgspec.ValidationError) -> TooManyElementsError | None:
    """Return msgspec's complaint as ours if it is of a map or a list of more than it may hold."""
    found = _TOO_MANY.fullmatch(str(error))
    return None if found is None else TooManyElementsError(found["path"], int(found["limit"]))


def located(
    error: msgspec.ValidationError, document: dict[str, Any], message_type: type[Any]
) -> InvalidMessageError:
    """Return msgspec's complaint as ours, with the field as a path.

    msgspec tells the place in its text only, and writes `[...]` for the key of a map: the only maps
    with free keys are `columns`, so the key is the first whose value does not convert.
    """
    found = _WHERE.fullmatch(str(error))
    assert found is not None
    reason, path = found["reason"], found["path"] or ""
    if "[...]" in path:
        path = path.replace("[...]", f".{_first_bad_column(document, message_type)}", 1)
    named = _NAMED.fullmatch(reason)
    if named is not None:
        path = f"{path}.{named['name']}" if path else named["name"]
    elif "got" not in reason:
        reason = f"{reason}, got {_brief(_value_at(document, path))}"
    return InvalidMessageError(path, reason.replace("Object", "the map"))


def _value_at(document: Any, path: str) -> Any:
    """Return what stands at a path of names and indices, or None where nothing does."""
    for name, index in _STEP.findall(path):
        if isinstance(document, dict):
            document = document.get(name)
        elif isinstance(document, list) and index and int(index) < len(document):
            document = document[int(index)]
        else:
            return None
    return document


def _brief(value: Any) -> str:
    """Return a value as far as it can be told in a line, whatever came."""
    if isinstance(value, str):
        return repr(value[:80])
    return f"{value!r:.80}" if isinstance(value, (int, float)) else type(value).__name__


def _first_bad_column(document: dict[str, Any], message_type: type[Any]) -> str:
    element_type = Column if message_type is TableSpec else Array
    columns = document.get("columns")
    for name, value in columns.items() if isinstance(columns, dict) else ():
        try:
            msgspec.convert(value, element_type, builtin_types=_BYTES)
        except msgspec.ValidationError:
            return str(name)
    return "*"
