"""Messages to JSON bodies and back: for reading by eye and for curl, not for speed.

An array's `data` is a nested list; NaN and infinities are refused in requests and null in answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, takewhile
from math import prod
from typing import Any, Final, TypeVar

import msgspec
import numpy as np

from replay_wire.arrays import DTYPES, Array
from replay_wire.codec import Buffer, fields
from replay_wire.complaints import as_map, convert
from replay_wire.errors import InvalidMessageError, MalformedBodyError, TooManyElementsError
from replay_wire.messages import Problem

__all__ = ["MAX_JSON_ELEMENTS", "decode_json", "element_count", "encode_json"]

MAX_JSON_ELEMENTS: Final = 1 << 21

Message = TypeVar("Message")


def encode_json(message: object) -> bytes:
    """Return the JSON document of a message; NaN and infinities become null."""
    return msgspec.json.encode(_plain(message))


def decode_json(
    body: Buffer, message_type: type[Message], most_elements: int = MAX_JSON_ELEMENTS
) -> Message:
    """Return the message of a JSON body.

    Args:
        body: the document.
        message_type: what it is to be.
        most_elements: commas and brackets that there may be: each may be an object of Python's.

    Raises:
        TooManyElementsError: there are more.
        MalformedBodyError: not exactly one JSON document (NaN is none), or not a map.
        InvalidMessageError: a map, but not of that type; says which field.
    """
    held = body if isinstance(body, (bytes, bytearray)) else bytes(body)
    if sum(map(held.count, (b",", b"[", b"{"))) > most_elements:
        raise TooManyElementsError("", most_elements)
    try:
        document = as_map(msgspec.json.decode(body))
        return convert(_with_bytes(document, ""), message_type)
    except msgspec.ValidationError as error:  # nothing else can be wrong before there are types
        raise InvalidMessageError("", "a number is out of range") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedBodyError(f"not a JSON document: {error}") from error


def element_count(message: object) -> int:
    """Return how many elements the arrays of a message have, or innermost lists, if more."""
    if isinstance(message, Array):
        return prod(takewhile(bool, message.shape))  # an axis of length 0 leaves empty lists
    if isinstance(message, msgspec.Struct):
        return sum(map(element_count, fields(message).values()))
    if isinstance(message, Mapping):
        return sum(map(element_count, message.values()))
    if isinstance(message, (list, tuple)):
        return sum(map(element_count, message))
    return 0


def _plain(value: object) -> object:
    """Return a message as JSON's kinds of values, arrays as nested lists."""
    if isinstance(value, Array):
        elements = value.to_numpy().tolist()
        return {"dtype": value.dtype, "shape": value.shape, "data": elements}
    if isinstance(value, Problem):
        return value.document()
    if isinstance(value, msgspec.Struct):
        return _plain(fields(value))
    if isinstance(value, Mapping):
        return {key: _plain(element) for key, element in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(element) for element in value]
    return value


def _with_bytes(document: dict[str, Any], field: str) -> dict[str, Any]:
    """Return a JSON map with every array's nested list as bytes, as MessagePack would bear it."""
    if isinstance(document.get("dtype"), str) and "data" in document:
        return {**document, "data": _pack_elements(document, f"{field}.data" if field else "data")}
    return {
        name: _within(value, f"{field}.{name}" if field else name)
        for name, value in document.items()
    }


def _within(value: object, field: str) -> object:
    """Return a JSON value with the arrays of the maps in it as bytes."""
    if isinstance(value, dict):
        return _with_bytes(value, field)
    if isinstance(value, list):  # the parts of a mixed draw
        return [_within(element, f"{field}[{place}]") for place, element in enumerate(value)]
    return value


_ACCEPTED_TYPES: Final[dict[str, set[type]]] = {
    "b": {bool},
    "i": {int},
    "u": {int},
    "f": {int, float},
}


def _pack_elements(document: dict[str, Any], where: str) -> memoryview:
    """Return the bytes of a JSON array's nested list.

    Raises:
        InvalidMessageError: the elements are not nested as the shape says, of another kind than
            the dtype or out of its range.
    """
    dtype, shape = DTYPES.get(document["dtype"]), document.get("shape")
    if dtype is None or not isinstance(shape, list):
        return memoryview(b"")  # the dtype, or the shape, is refused by name
    elements = [document["data"]]
    for axis, length in enumerate(shape):
        if not elements:
            break
        if not all(isinstance(part, list) and len(part) == length for part in elements):
            raise InvalidMessageError(
                where, f"expected lists nested as the shape says, which those of axis {axis} aren't"
            )
        elements = list(chain.from_iterable(elements))
    others = set(map(type, elements)) - _ACCEPTED_TYPES[dtype.kind]
    if others:
        got = ", ".join(sorted(other.__name__ for other in others))
        raise InvalidMessageError(where, f"expected elements of {dtype.str}, got {got}")
    try:
        with np.errstate(over="ignore"):
            packed = np.array(elements, np.float64 if dtype.kind == "f" else dtype).astype(dtype)
    except OverflowError:
        packed = None
    if packed is None or not np.isfinite(packed).all():
        raise InvalidMessageError(where, f"expected elements in the range of {dtype.str}")
    return packed.view(np.uint8).data
