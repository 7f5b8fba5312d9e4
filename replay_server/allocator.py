"""What glibc does with memory that was freed, where its own rules suit a replay buffer badly.

It keeps what was freed for the next one, which spares the next batch its page faults; after a crowd
of slow clients it would keep hundreds of megabytes for nobody. And it gives every thread an arena
of its own, whose top `malloc_trim` never returns: 28 MB each, once batches of 14 MB were freed.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

__all__ = ["give_memory_back", "keep_one_arena"]

# Of <malloc.h>, where they are part of the interface.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8

_MOST_FREE_BYTES: Final = 1 << 27
_MAPPED_FROM_BYTES: Final = 1 << 25  # the most that there may be; larger ones are mapped


def keep_one_arena() -> None:
    """Let all threads of this process share one heap that keeps the memory of some large batches.

    To be called before there are threads. Their large blocks are few; a lock that they share costs
    nothing, and the pages that one has touched serve the others. Does nothing without glibc.
    """
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _MOST_FREE_BYTES)


def give_memory_back() -> None:
    """Return the process's free memory to the system. Cost: some ms. Does nothing without glibc."""
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _of_glibc(name: str) -> ctypes._NamedFuncPointer | None:
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), name, None)  # musl has neither
