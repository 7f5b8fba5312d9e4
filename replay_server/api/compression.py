"""Bodies compressed with zstd or gzip, in and out. Limits hold for what comes out."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import zstandard

from replay_server.errors import TooLargeError
from replay_wire.codec import Buffer
from replay_wire.errors import MalformedBodyError

__all__ = ["SMALLEST_COMPRESSED_BYTES", "compress", "decompress"]

SMALLEST_COMPRESSED_BYTES: Final = 1000
_FAST_LEVEL: Final = 1
_STEP_BYTES: Final = 1 << 16
_LARGEST_ZSTD_RATIO: Final = 1 << 15  # a block of 4 bytes gives 128 KiB
_LARGEST_WINDOW_BYTES: Final = 1 << 23  # RFC 9659: no more is allowed over HTTP
_MOST_FRAMES: Final = 1000
_GZIP: Final = 16 + zlib.MAX_WBITS


def compress(body: Buffer, coding: bytes) -> bytes:
    """Return a body compressed, fast rather than small."""
    if coding == b"zstd":
        return zstandard.ZstdCompressor(level=_FAST_LEVEL).compress(body)
    return gzip.compress(body, compresslevel=_FAST_LEVEL, mtime=0)


def decompress(body: Buffer, coding: bytes, limit: int, take: Callable[[int], None]) -> bytearray:
    """Return a body decompressed, step by step, so that no more comes out than may.

    Args:
        body: one or several frames.
        coding: b"zstd" or b"gzip".
        limit: bytes that may come out.
        take: makes room for so many bytes, before and while they come out.

    Raises:
        MalformedBodyError: it is not compressed like that, not whole, or in too many frames.
        TooLargeError: more than `limit` bytes come out.
        Exception: what `take` raises.
    """
    plain = bytearray()
    pieces = _zstd_pieces(body, limit) if coding == b"zstd" else _gzip_pieces(body)
    try:
        for piece in pieces:
            take(len(piece))
            plain += piece
            if len(plain) > limit:
                raise TooLargeError("bytes of a decompressed body", limit, f"more than {limit}")
    except (zstandard.ZstdError, zlib.error, EOFError) as error:
        raise MalformedBodyError(f"the body does not decompress: {error}") from error
    return plain


def _zstd_pieces(body: Buffer, limit: int) -> Iterator[bytes]:
    """Give what a body of zstd frames holds, not much more than `limit` at a time.

    Not by `ZstdDecompressor.stream_reader`: it takes a frame that was cut short for a whole one.

    Raises:
        EOFError: the last frame is not whole, or there are too many.
    """
    step = min(max(limit // _LARGEST_ZSTD_RATIO, 512), _STEP_BYTES)  # all that goes in comes out
    decompressor = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW_BYTES)
    for frame, inputs in _frames(body, step, decompressor.decompressobj):
        for part in inputs:
            yield frame.decompress(part)


def _gzip_pieces(body: Buffer) -> Iterator[bytes]:
    """Give what a body of gzip members holds, some at a time. Raises EOFError as for zstd."""
    for member, inputs in _frames(body, _STEP_BYTES, lambda: zlib.decompressobj(_GZIP)):
        for part in inputs:
            yield member.decompress(part, _STEP_BYTES)
            while member.unconsumed_tail:
                yield member.decompress(member.unconsumed_tail, _STEP_BYTES)


def _frames(
    body: Buffer, step: int, new_frame: Callable[[], Any]
) -> Iterator[tuple[Any, Iterator[memoryview]]]:
    """Give a decompressor for each frame of a body, and what is to be fed to it."""
    view, at = memoryview(body), 0

    def inputs(frame: Any) -> Iterator[memoryview]:
        nonlocal at
        while not frame.eof:
            part = view[at : at + step]
            if not part:
                raise EOFError("the last frame is not whole")
            at += len(part)
            yield part
        at -= len(frame.unused_data)

    for _ in range(_MOST_FRAMES):
        frame = new_frame()
        yield frame, inputs(frame)
        if at == len(view):
            return
    raise EOFError(f"there are more than {_MOST_FRAMES} frames")
