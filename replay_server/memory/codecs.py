"""What makes a row's bytes fewer, one row at a time, so that a draw opens only what it needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, TypeAlias, cast

import lz4.block
import numpy as np
import zstandard

from replay_server.memory.arrays import Compression

__all__ = ["Buffer", "Codec", "Lz4", "Zstd", "codec_for"]

Buffer: TypeAlias = bytes | bytearray | memoryview

_LEVEL: Final = 3


class Codec(Protocol):
    """Packs rows one by one."""

    def compress(self, rows: Sequence[memoryview]) -> list[bytes]:
        """Return each row packed; what does not shrink may grow."""

    def decompress(self, pieces: Sequence[Buffer], row_bytes: int) -> Sequence[Buffer]:
        """Return the rows, of `row_bytes` each, that `compress` made these pieces of."""


class Lz4:
    """LZ4 blocks without a frame around them."""

    def compress(self, rows: Sequence[memoryview]) -> list[bytes]:
        """Return blocks."""
        return [lz4.block.compress(row, store_size=False) for row in rows]

    def decompress(self, pieces: Sequence[Buffer], row_bytes: int) -> Sequence[Buffer]:
        """Return rows."""
        return [lz4.block.decompress(each, uncompressed_size=row_bytes) for each in pieces]


class Zstd:
    """Zstandard frames, with the help of a dictionary where there is one.

    Frames that were made without a dictionary can be read with one, as they refer to nothing in it.
    """

    def __init__(self, dictionary: bytes = b"") -> None:
        """Take a dictionary of `dictionaries.trained`; an empty one is none."""
        known = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        self._compressor = zstandard.ZstdCompressor(
            level=_LEVEL,
            dict_data=known,
            write_checksum=False,
            write_content_size=False,
            write_dict_id=False,
        )
        self._decompressor = zstandard.ZstdDecompressor(dict_data=known)

    def compress(self, rows: Sequence[memoryview]) -> list[bytes]:
        """Return frames that tell neither their size nor their dictionary."""
        return [self._compressor.compress(row) for row in rows]

    def decompress(self, pieces: Sequence[Buffer], row_bytes: int) -> Sequence[Buffer]:
        """Return rows; all of them in one call, which lets other threads run meanwhile."""
        if not pieces:
            return []
        places = np.zeros((len(pieces), 2), np.uint64)
        places[:, 1] = [len(piece) for piece in pieces]
        np.cumsum(places[:-1, 1], out=places[1:, 0])
        frames = zstandard.BufferWithSegments(b"".join(pieces), places.tobytes())
        sizes = np.full(len(pieces), row_bytes, np.uint64).tobytes()
        rows = self._decompressor.multi_decompress_to_buffer(frames, decompressed_sizes=sizes)
        return cast("Sequence[Buffer]", rows)  # they have the buffer protocol


def codec_for(compression: Compression, dictionary: bytes = b"") -> Codec:
    """Return what packs rows of a column; only zstd has a use for a dictionary."""
    return Lz4() if compression == "lz4" else Zstd(dictionary)
