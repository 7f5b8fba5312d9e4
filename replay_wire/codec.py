"""Messages to MessagePack bodies and back.

`encode` gives a list of buffers that together are one MessagePack document, so that large columns
are sent from where they lie; `decode` gives arrays as views of the body. The `data` of every
array starts on a 64-byte boundary of the body (`pad` sees to it), so that a receiver whose buffer
is aligned can use the elements in place. JSON is `replay_wire.json_codec`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import NoneType
from typing import Any, Final, TypeAlias, TypeVar, cast

import msgpack
import msgspec

from replay_wire.arrays import Array
from replay_wire.complaints import as_map, convert, located, too_many
from replay_wire.element_count import check_element_count
from replay_wire.errors import MalformedBodyError
from replay_wire.messages import Problem
from replay_wire.specs import TableSpec

__all__ = ["ALIGNMENT", "Buffer", "decode", "encode", "fields"]

Buffer: TypeAlias = bytes | bytearray | memoryview
Message = TypeVar("Message")

ALIGNMENT: Final = 64
_COPY_BELOW_BYTES: Final = 65536  # a send of its own costs as much as copying so many
_MOST_ELEMENTS: Final = 1 << 16  # of a document whose types are not known
_DATA_KEY: Final = msgpack.packb("data")
_SCALARS: Final = (int, NoneType)
_PADS: Final = tuple(bytes((0xC4, length)) + bytes(length) for length in range(ALIGNMENT))


def encode(message: object) -> list[Buffer]:
    """Return the MessagePack document of a message as buffers to be sent one after another.

    Args:
        message: a Struct of `replay_wire.messages`, a Problem, or plain values with Arrays among
            them. Arrays of 64 KiB and more are not copied: they must stay as they are until sent.

    Raises:
        TypeError: a value has no MessagePack form.
    """
    body = _Body()
    body.add(message)
    return body.finish()


def decode(body: Buffer, message_type: type[Message]) -> Message:
    """Return the message of a MessagePack body; its arrays are views of the body.

    Raises:
        MalformedBodyError: not exactly one MessagePack document, or not a map.
        InvalidMessageError: a map, but not of that type; says which field.
        TooManyElementsError: too many columns or parts; or wrong, and too much to tell where.
    """
    try:
        if message_type is TableSpec:
            return convert(_untyped(body), message_type)
        message: Message = _decoder(cast("Any", message_type)).decode(body)
        return message
    except msgspec.ValidationError as error:
        document = _untyped(body)
        raise too_many(error) or located(error, document, message_type) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedBodyError(f"not a MessagePack document: {error}") from error


class _Body:
    """A MessagePack document being written: small pieces in one buffer, large ones by reference."""

    def __init__(self) -> None:
        self._buffers: list[Buffer] = []
        self._head = bytearray()
        self._flushed_bytes = 0

    def add(self, value: object) -> None:
        if isinstance(value, _SCALARS):
            self._head += _scalar(value)
        elif isinstance(value, Array):
            self._add_array(value)
        elif isinstance(value, Problem):
            self.add(value.document())
        elif isinstance(value, msgspec.Struct):
            self._add_struct(value)
        elif isinstance(value, Mapping):
            self._head += _map_header(len(value))
            for key, element in value.items():
                self._head += _key(key)
                self.add(element)
        elif isinstance(value, (list, tuple)) and any(
            isinstance(element, (Mapping, list, tuple, msgspec.Struct)) for element in value
        ):
            self._head += _array_header(len(value))
            for element in value:
                self.add(element)
        else:
            self._head += msgpack.packb(value)

    def finish(self) -> list[Buffer]:
        if self._head:
            self._buffers.append(self._head)
        return self._buffers

    def _add_struct(self, struct: msgspec.Struct) -> None:
        config = struct.__struct_config__
        if config.omit_defaults or config.tag_field is not None:
            self.add(fields(struct))
            return
        names = struct.__struct_fields__
        self._head += _map_header(len(names))
        for name in names:
            self._head += _key(name)
            self.add(getattr(struct, name))

    def _add_array(self, array: Array) -> None:
        size = array.data.nbytes
        before_pad, before_data = _array_frame(array.dtype, array.shape, size)
        head = self._head
        head += before_pad
        # pad's own header takes two bytes: bin 8 and a length.
        head += _PADS[-(self._flushed_bytes + len(head) + 2 + len(before_data)) % ALIGNMENT]
        head += before_data
        if size < _COPY_BELOW_BYTES:
            head += array.data
        else:
            self._buffers += (head, array.data)
            self._flushed_bytes += len(head) + size
            self._head = bytearray()


@lru_cache(maxsize=4096)
def _array_frame(dtype: str, shape: tuple[int, ...], size: int) -> tuple[bytes, bytes]:
    """Return an ARRAY's map up to the value of `pad`, and from there up to its data."""
    prefix = msgpack.packb({"dtype": dtype, "shape": shape, "pad": None, "data": None})
    # The last one: the digits of a length may look like "pad" too.
    before_pad = bytes(prefix[: prefix.rindex(msgpack.packb("pad")) + 4])
    return before_pad, _DATA_KEY + _bin_header(size)


@lru_cache(maxsize=4096, typed=True)  # the number 1 and true are equal, and not the same
def _scalar(value: int | None) -> bytes:
    return bytes(msgpack.packb(value))


@lru_cache(maxsize=4096)
def _key(name: str) -> bytes:
    return bytes(msgpack.packb(name))


@lru_cache(maxsize=256)
def _map_header(size: int) -> bytes:
    return bytes(msgpack.Packer().pack_map_header(size))


def _array_header(size: int) -> bytes:
    return bytes(msgpack.Packer().pack_array_header(size))


def _bin_header(size: int) -> bytes:
    if size < 1 << 8:
        return bytes((0xC4, size))
    if size < 1 << 16:
        return b"\xc5" + size.to_bytes(2, "big")
    return b"\xc6" + size.to_bytes(4, "big")


@lru_cache(maxsize=64)
def _decoder(message_type: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(message_type)


def _untyped(body: Buffer) -> dict[str, Any]:
    """Return a body's map as plain values.

    Raises:
        MalformedBodyError: it is no map, or no document.
        TooManyElementsError: it would take far more memory than its bytes do.
    """
    check_element_count(body, _MOST_ELEMENTS)
    try:
        return as_map(_decoder(Any).decode(body))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, TypeError) as error:
        raise MalformedBodyError(f"not a MessagePack document: {error}") from error


def fields(message: msgspec.Struct) -> dict[str, Any]:
    """Return a Struct's fields by name, without those at their default where it omits them."""
    if message.__struct_config__.tag_field is not None:
        values: dict[str, Any] = msgspec.to_builtins(message)
        return values
    if not message.__struct_config__.omit_defaults:
        return {name: getattr(message, name) for name in message.__struct_fields__}
    values = {}
    for name, default in _fields_and_defaults(type(message)):
        value = getattr(message, name)
        if default is msgspec.NODEFAULT or (value is not default and value != default):
            values[name] = value
    return values


@lru_cache(maxsize=64)
def _fields_and_defaults(struct_type: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    names = struct_type.__struct_fields__
    defaults = struct_type.__struct_defaults__
    required = (msgspec.NODEFAULT,) * (len(names) - len(defaults))
    return tuple(zip(names, (*required, *defaults), strict=True))
