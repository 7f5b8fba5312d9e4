"""How many elements a MessagePack document has, found out without building any of them.

An empty list is one byte of a body and sixty of memory: a document is counted before it is decoded
without types that would bound it.
"""

from __future__ import annotations

from typing import Final

from replay_wire.errors import MalformedBodyError, TooManyElementsError

__all__ = ["check_element_count"]

# What follows a first byte from 0xc0 on: (bytes of a length, bytes beside it, elements a unit).
_HEADS: Final[dict[int, tuple[int, int, int]]] = {
    **dict.fromkeys((192, 193, 194, 195), (0, 0, 0)),
    **{code: (0, size, 0) for code, size in ((0xCA, 4), (0xCB, 8))},
    **{code: (0, 1 << (code - 0xCC) % 4, 0) for code in range(0xCC, 0xD4)},  # integers
    **{code: (0, 1 + (1 << code - 0xD4), 0) for code in range(0xD4, 0xD9)},  # fixed extensions
    **{code: (1 << code - 0xC4, 0, 0) for code in (0xC4, 0xC5, 0xC6)},  # bin
    **{code: (1 << code - 0xC7, 1, 0) for code in (0xC7, 0xC8, 0xC9)},  # extensions
    **{code: (1 << code - 0xD9, 0, 0) for code in (0xD9, 0xDA, 0xDB)},  # str
    **{code: (2 << code - 0xDC, 0, 1) for code in (0xDC, 0xDD)},  # lists
    **{code: (2 << code - 0xDE, 0, 2) for code in (0xDE, 0xDF)},  # maps
}


def check_element_count(body: bytes | bytearray | memoryview, limit: int) -> None:
    """Refuse a MessagePack document of more than `limit` keys, values and elements in all.

    Cost: O(limit), some 0.3 us for each element.

    Raises:
        MalformedBodyError: it is cut short. (Other faults are for who decodes it to find.)
        TooManyElementsError: it has more.
    """
    view, at, missing, count = memoryview(body), 0, 1, 0
    end = len(view)
    while missing and at < end:
        count += 1
        missing -= 1
        code = view[at]
        at += 1
        inner = 0
        if code < 0x80 or code >= 0xE0:  # a small number
            continue
        if code < 0x90:
            inner = 2 * (code & 15)
        elif code < 0xA0:
            inner = code & 15
        elif code < 0xC0:
            at += code & 31
        else:
            length_bytes, beside, unit = _HEADS[code]
            length = int.from_bytes(view[at : at + length_bytes], "big")
            at += length_bytes + beside + (0 if unit else length)
            inner = unit * length
        missing += inner
        if missing > end - at:  # each takes a byte at the least
            raise MalformedBodyError("not a MessagePack document: it is cut short")
        if count + missing > limit:
            raise TooManyElementsError("", limit)
