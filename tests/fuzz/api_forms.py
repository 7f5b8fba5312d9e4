"""What schemathesis needs to know, which loads this module by `SCHEMATHESIS_HOOKS`: MessagePack.

Its documents are those of JSON. On the way out the lists of an ARRAY become bytes, where dtype and
shape say how; on the way in the bytes are as many as they say, or the answer is none.
"""

from __future__ import annotations

from math import prod
from typing import Any, Final

import msgpack
import numpy as np
import schemathesis
from schemathesis.transport.serialization import Binary

from replay_wire.arrays import DTYPES

MSGPACK: Final = "application/msgpack"
NAMES: Final = ("transitions", "other", "gone")


@schemathesis.serializer(MSGPACK)
def serialize(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """Return a request's body."""
    if isinstance(value, bytes):
        return value
    return bytes(msgpack.packb(_with_bytes(value), default=_unknown))


@schemathesis.deserializer(MSGPACK)
def deserialize(_: schemathesis.DeserializationContext, response: Any) -> Any:
    """Return an answer's document. Raises ValueError where it is none."""
    return _with_text(msgpack.unpackb(response.content))


@schemathesis.hook
def map_path_parameters(context: schemathesis.HookContext, path_parameters: Any) -> Any:
    """Return few names in the place of many, so that something stands under most of them.

    What is deleted has other names: what `NAMES` stand for stays.
    """
    names = NAMES
    if context.operation is not None and context.operation.method.upper() == "DELETE":
        names = ("gone",)
    return {
        key: names[len(value) % len(names)] if isinstance(value, str) and len(value) > 1 else value
        for key, value in (path_parameters or {}).items()
    }


def _with_bytes(value: Any) -> Any:
    if isinstance(value, Binary):
        return value.data
    if isinstance(value, list):
        return [_with_bytes(one) for one in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("data"), list):
        try:
            data = np.array(value["data"]).astype(DTYPES[value["dtype"]]).tobytes()
            return {**value, "data": data}
        except (TypeError, ValueError, OverflowError, KeyError):
            return value
    return {key: _with_bytes(one) for key, one in value.items()}


def _with_text(value: Any) -> Any:
    """Return a document with text in the place of bytes: a schema has no other word for them."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, list):
        return [_with_text(one) for one in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("data"), bytes):
        expected = prod(value["shape"]) * DTYPES[value["dtype"]].itemsize
        if len(value["data"]) != expected:
            raise ValueError(f"expected {expected} bytes of {value['dtype']} {value['shape']}")
    return {key: _with_text(one) for key, one in value.items()}


def _unknown(value: Any) -> Any:
    return value.data if isinstance(value, Binary) else str(value)
