"""Bodies compressed with zstd or gzip, in and out. Limits hold for what comes out."""

from __future__ import annotations

import gzip
import io
import zlib

import zstandard

from replay_server.errors import TooLargeError
from replay_wire.codec import Buffer
from replay_wire.errors import MalformedBodyError

__all__ = ["SMALLEST_COMPRESSED_BYTES", "compress", "decompress"]

SMALLEST_COMPRESSED_BYTES = 1000
_FAST_LEVEL = 1
_LARGEST_ZSTD_RATIO = 1 << 15  # a block of 4 bytes gives 128 KiB


def compress(body: Buffer, coding: bytes) -> bytes:
    """Return a body compressed, fast rather than small."""
    if coding == b"zstd":
        return zstandard.ZstdCompressor(level=_FAST_LEVEL).compress(body)
    return gzip.compress(body, compresslevel=_FAST_LEVEL, mtime=0)


def decompress(body: Buffer, coding: bytes, limit: int) -> bytes:
    """Return a body decompressed, without taking much more memory than `limit` bytes twice.

    Raises:
        MalformedBodyError: it is not compressed like that, or not whole.
        TooLargeError: more than `limit` bytes come out.
    """
    try:
        if coding == b"zstd":
            plain = _zstd_frames(body, limit + 1)
        else:
            with gzip.GzipFile(fileobj=io.BytesIO(body)) as member:
                plain = member.read(limit + 1)
    except (zstandard.ZstdError, zlib.error, EOFError, OSError) as error:
        raise MalformedBodyError(f"the body does not decompress: {error}") from error
    if len(plain) > limit:
        raise TooLargeError("bytes of a decompressed body", limit, f"more than {limit}")
    return plain


def _zstd_frames(body: Buffer, most: int) -> bytes:
    """Return up to `most` bytes of what a body of zstd frames holds.

    Not `ZstdDecompressor.stream_reader`: it takes a frame that was cut short for a whole one.

    Raises:
        EOFError: the last frame is not whole.
    """
    plain = bytearray()
    rest = memoryview(body)
    step = min(max(most // _LARGEST_ZSTD_RATIO, 512), 1 << 16)
    decompressor = zstandard.ZstdDecompressor()
    while True:
        frame = decompressor.decompressobj()
        for first in range(0, len(rest), step):
            plain += frame.decompress(rest[first : first + step])
            if len(plain) >= most:
                return bytes(plain[:most])
            if frame.eof:
                left = len(frame.unused_data)
                rest = rest[min(first + step, len(rest)) - left :]
                break
        else:
            raise EOFError("the last frame is not whole")
        if not rest:
            return bytes(plain)
