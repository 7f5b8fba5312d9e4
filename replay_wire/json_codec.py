"""Messages to JSON bodies and back: for reading by eye and for curl, not for speed.

An array's `data` is a nested list; NaN and infinities are refused in requests and null in answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
import numpy as np

from replay_wire.arrays import DTYPES, Array
from replay_wire.codec import Buffer, fields
from replay_wire.complaints import as_map, convert, located
from replay_wire.errors import InvalidMessageError, MalformedBodyError
from replay_wire.messages import Problem

__all__ = ["decode_json", "encode_json"]

Message = TypeVar("Message")


def encode_json(message: object) -> bytes:
    """Return the JSON document of a message; NaN and infinities become null."""
    return msgspec.json.encode(_plain(message))


def decode_json(body: Buffer, message_type: type[Message]) -> Message:
    """Return the message of a JSON body.

    Raises:
        MalformedBodyError: not exactly one JSON document (NaN is none), or not a map.
        InvalidMessageError: a map, but not of that type; says which field.
    """
    try:
        document = msgspec.json.decode(body)
    except msgspec.ValidationError as error:
        raise located(error, {}, message_type) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedBodyError(f"not a JSON document: {error}") from error
    return convert(_with_bytes(as_map(document), ""), message_type)


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
    if isinstance(document.get("dtype"), str) and isinstance(document.get("data"), list):
        return {**document, "data": _pack_elements(document, field)}
    return {
        name: _with_bytes(value, f"{field}.{name}" if field else name)
        if isinstance(value, dict)
        else value
        for name, value in document.items()
    }


_ACCEPTED_KINDS: Final = {"b": "b", "i": "iu", "u": "iu", "f": "iuf"}


def _pack_elements(document: dict[str, Any], field: str) -> memoryview:
    """Return the bytes of a JSON array's nested list.

    Raises:
        InvalidMessageError: the elements are ragged, of another kind than the dtype or out of its
            range, or not nested as the shape says.
    """
    where = f"{field}.data"
    dtype = DTYPES.get(document["dtype"])
    if dtype is None:
        return memoryview(b"")  # Array.to_numpy refuses the dtype by name
    try:
        elements = np.asarray(document["data"])
    except (ValueError, OverflowError) as error:
        raise InvalidMessageError(where, f"expected a nested list of numbers: {error}") from error
    shape = tuple(document["shape"]) if isinstance(document.get("shape"), list) else ()
    if elements.size == 0 and 0 in shape:
        return memoryview(b"")
    if elements.shape != shape:
        raise InvalidMessageError(
            where, f"expected elements nested as {list(shape)}, got {list(elements.shape)}"
        )
    if elements.dtype.kind not in _ACCEPTED_KINDS[dtype.kind]:
        raise InvalidMessageError(where, f"expected elements of {dtype.str}, got others")
    with np.errstate(over="ignore"):
        packed = elements.astype(dtype)
    exact = packed == elements if dtype.kind in "iu" else np.isfinite(packed)
    if not exact.all():
        raise InvalidMessageError(where, f"expected elements in the range of {dtype.str}")
    return packed.reshape(-1).view(np.uint8).data
