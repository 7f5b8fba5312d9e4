"""Dictionaries: what the rows of a column have in common, so that each need not tell it again.

Trained once, on the first rows, and kept only where it saves more than it takes.
"""

from __future__ import annotations

from typing import Final

import zstandard

from replay_server.memory.arrays import UInt8Array
from replay_server.memory.codecs import Zstd

__all__ = ["MOST_DICTIONARY_BYTES", "sample_rows", "trained"]

MOST_DICTIONARY_BYTES: Final = 1 << 16
_MOST_SAMPLES: Final = 4096
_FEWEST_SAMPLES: Final = 16
_MOST_SAMPLE_BYTES: Final = 1 << 22
_SAMPLES_A_DICTIONARY: Final = 16  # bytes of samples for each of the dictionary
_FEWEST_DICTIONARY_BYTES: Final = 256
_MOST_OF_PLAIN: Final = 0.95
_DMER: Final = 8  # bytes of what is counted as the same (Liao et al., 2016)
_MOST_SEGMENT: Final = 1024


def sample_rows(row_bytes: int, slots: int) -> int:
    """Return on how many rows a dictionary is trained; 0 where there is no point in one."""
    rows = min(_MOST_SAMPLES, _MOST_SAMPLE_BYTES // row_bytes, slots // 2)
    return rows if rows >= _FEWEST_SAMPLES and _size(rows * row_bytes) else 0


def trained(samples: UInt8Array, slots: int) -> bytes:
    """Return a dictionary for rows like samples [N, bytes]; empty where none pays.

    It is trained on three of four, and has to make the fourth smaller: by so much that in a table
    of `slots` rows it saves more than it takes. Cost: some 30 ms for 4 MiB.
    """
    learned = [row.tobytes() for place, row in enumerate(samples) if place % 4]
    unseen = [row.data for row in samples[::4]]
    size = _size(samples.nbytes)
    segment = max(min(_MOST_SEGMENT, samples.shape[1] // 2, size // 4), _DMER)
    try:
        found = zstandard.train_dictionary(size, learned, k=segment, d=_DMER).as_bytes()
    except zstandard.ZstdError:  # too few or too small, or nothing in common
        return b""
    plain = sum(map(len, Zstd().compress(unseen)))
    helped = sum(map(len, Zstd(found).compress(unseen)))
    saved = (plain - helped) / len(unseen) * slots
    return found if helped <= _MOST_OF_PLAIN * plain and saved > len(found) else b""


def _size(sample_bytes: int) -> int:
    size = min(MOST_DICTIONARY_BYTES, sample_bytes // _SAMPLES_A_DICTIONARY)
    return size if size >= _FEWEST_DICTIONARY_BYTES else 0
