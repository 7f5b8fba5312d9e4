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


def compress(body: Buffer, coding: bytes) -> bytes:
    """Return a body compressed, fast rather than small."""
    if coding == b"zstd":
        return zstandard.ZstdCompressor(level=_FAST_LEVEL).compress(body)
    return gzip.compress(body, compresslevel=_FAST_LEVEL, mtime=0)


def decompress(body: Buffer, coding: bytes, limit: int) -> bytes:
    """Return a body decompressed, without taking much more memory than `limit` bytes.

    Raises:
        MalformedBodyError: it is not compressed like that, or not whole.
        TooLargeError: more than `limit` bytes come out.
    """
    source = io.BytesIO(body)
    try:
        if coding == b"zstd":
            reader = zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True)
            plain = reader.read(limit + 1)
        else:
            with gzip.GzipFile(fileobj=source) as member:
                plain = member.read(limit + 1)
    except (zstandard.ZstdError, zlib.error, EOFError, OSError) as error:
        raise MalformedBodyError(f"the body does not decompress: {error}") from error
    if len(plain) > limit:
        raise TooLargeError("bytes of a decompressed body", limit, f"more than {limit}")
    return plain
