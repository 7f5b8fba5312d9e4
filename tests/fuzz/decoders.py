"""The decoders and encoders of both forms, and what has to hold of them whatever they are fed.

An input is that of a server (`tests.fuzz.requests`), whose endpoint byte says what message the
body is to be, and whose flags say in which form.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import inspect

from replay_server.api.examples import EXAMPLES
from replay_wire import codec, json_codec
from replay_wire.arrays import Array
from replay_wire.errors import WireFormatError
from tests.fuzz.growth import check_growth, peak_kib
from tests.fuzz.programs import valid_programs
from tests.fuzz.requests import JSON_FLAG, Request, pack, parse

_MOST_TOLD: Final = 1000


def _holds_anything(kind: inspect.Type) -> bool:
    """Return whether values of a type may hold whatever there is, such as maps with other keys."""
    if isinstance(kind, inspect.AnyType):
        return True
    if isinstance(kind, inspect.StructType):
        return any(_holds_anything(field.type) for field in kind.fields)
    parts = (getattr(kind, name, ()) for name in ("item_type", "key_type", "value_type", "types"))
    return any(
        _holds_anything(one)
        for part in parts
        for one in (part if isinstance(part, tuple) else (part,))
    )


KINDS: Final = sorted(EXAMPLES, key=lambda kind: kind.__name__)
# Their specs and parts of specs are maps of anything, which there is not always a form for.
_OF_ANYTHING: Final = tuple(kind for kind in KINDS if _holds_anything(inspect.type_info(kind)))


class Decoders:
    """Every message type, in MessagePack and in JSON."""

    requests = refused = 0

    def feed(self, data: bytes) -> list[bool]:
        """Decode every body of an input; return which were messages.

        Raises:
            AssertionError: something that has to hold does not.
            Exception: a decoder let out what is no WireFormatError.
        """
        peak = peak_kib()
        taken = [self._take(request) for request in parse(data)]
        check_growth(peak)
        return taken

    def close(self) -> None:
        """Nothing to let go of."""

    def _take(self, request: Request) -> bool:
        kind = KINDS[request.endpoint_byte % len(KINDS)]
        self.requests += 1
        try:
            message = (json_codec.decode_json if request.is_json else codec.decode)(
                request.body, kind
            )
        except WireFormatError as error:
            self.refused += 1
            _check_told(error)
            return False
        unsound = [one for one in _leaves(message) if isinstance(one, Array) and not _is_sound(one)]
        if kind not in _OF_ANYTHING:
            whole = _encoded(message)
            assert _encoded(codec.decode(whole, kind)) == whole
            if not unsound and all(map(_is_finite, _leaves(message))):
                _check_json(message, kind, whole)
        return True


def _check_json(message: Any, kind: type[msgspec.Struct], whole: bytes) -> None:
    """Check that a message's JSON is the same message."""
    if json_codec.element_count(message) <= json_codec.MAX_JSON_ELEMENTS:
        back = json_codec.decode_json(json_codec.encode_json(message), kind)
        assert _encoded(back) == whole


def _check_told(error: WireFormatError) -> None:
    assert 0 < len(str(error)) < _MOST_TOLD


def _encoded(message: Any) -> bytes:
    return b"".join(codec.encode(message))


def _is_sound(array: Array) -> bool:
    """Return whether the elements can be looked at, and are as many as was said."""
    try:
        elements = array.to_numpy("x")
    except WireFormatError as error:
        _check_told(error)
        return False
    assert elements.shape == array.shape
    assert elements.nbytes == array.data.nbytes
    return True


def _is_finite(leaf: Any) -> bool:
    if isinstance(leaf, Array):
        return bool(np.isfinite(leaf.to_numpy()).all())
    return not isinstance(leaf, float) or math.isfinite(leaf)


def _leaves(value: Any) -> Iterator[Any]:
    """Give the arrays and scalars of a message."""
    if isinstance(value, msgspec.Struct) and not isinstance(value, Array):
        value = {name: getattr(value, name) for name in value.__struct_fields__}
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _leaves(one)
    else:
        yield value


def valid_bodies() -> list[bytes]:
    """Return inputs that are messages: an example of each, and those of valid requests."""
    bodies = [
        (kind, json_codec.decode_json(json.dumps(EXAMPLES[kind]).encode(), kind)) for kind in KINDS
    ]
    for request in (one for program in valid_programs() for one in program):
        kind = request.endpoint.request
        if kind in KINDS and not request.flags:
            bodies.append((kind, codec.decode(request.body, kind)))
    inputs = {
        Request(KINDS.index(kind), 0, flags, body): None
        for kind, message in bodies
        for flags, body in (
            (0, _encoded(message)),
            (JSON_FLAG, json_codec.encode_json(message)),
        )
    }
    return [pack([one]) for one in inputs]
