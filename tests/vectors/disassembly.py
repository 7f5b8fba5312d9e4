"""MessagePack bytes as lines of hex with remarks, for people, and back."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgpack

_REMARK_AT = 60
_LONGEST_RUN = 8  # zeros written one by one


def disassemble(body: bytes) -> list[str]:
    """Return lines `HEX  # REMARK`, one for each value; `15*00` is fifteen zeros."""
    return [
        f"{'  ' * depth + _hex(part):<{_REMARK_AT}}# {remark}"
        for depth, part, remark in _Reader(body).values()
    ]


def assemble(lines: Sequence[str]) -> bytes:
    """Return the bytes of such lines."""
    body = bytearray()
    for line in lines:
        for token in line.partition("#")[0].split():
            times, _, byte = token.rpartition("*")
            body += bytes.fromhex(byte) * int(times or 1)
    return bytes(body)


def _hex(part: bytes) -> str:
    zeros = len(part) - len(part.rstrip(b"\0"))
    if zeros <= _LONGEST_RUN:
        return part.hex(" ")
    return f"{part[: len(part) - zeros].hex(' ')} {zeros}*00".strip()


class _Reader:
    """Walks over one document; heads of maps and lists are values of their own."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._unpacker = msgpack.Unpacker()
        self._unpacker.feed(body)

    def values(self, depth: int = 0) -> Iterator[tuple[int, bytes, str]]:
        start = self._unpacker.tell()
        head = self._body[start]
        if head >> 4 == 0x8 or head in (0xDE, 0xDF):
            count = self._unpacker.read_map_header()
            yield depth, self._since(start), f"map of {count}"
            for _ in range(2 * count):
                yield from self.values(depth + 1)
        elif head >> 4 == 0x9 or head in (0xDC, 0xDD):
            count = self._unpacker.read_array_header()
            yield depth, self._since(start), f"array of {count}"
            for _ in range(count):
                yield from self.values(depth + 1)
        else:
            yield depth, *self._scalar(start)

    def _scalar(self, start: int) -> tuple[bytes, str]:
        value: Any = self._unpacker.unpack()
        part = self._since(start)
        if not isinstance(value, bytes):
            return part, repr(value)
        if not any(value):
            return part, f"bin of {len(value)} zeros"
        return part, f"bin of {len(value)} at byte {self._unpacker.tell() - len(value)}"

    def _since(self, start: int) -> bytes:
        return self._body[start : self._unpacker.tell()]
