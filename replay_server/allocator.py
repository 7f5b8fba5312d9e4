"""Memory that large requests and answers have left behind goes back to the system.

glibc keeps what was freed for the next one, which spares the next batch its page faults; after a
crowd of slow clients it would keep hundreds of megabytes for nobody.
"""

from __future__ import annotations

import ctypes
import sys

__all__ = ["give_memory_back"]


def give_memory_back() -> None:
    """Return the process's free memory to the system where that takes a call. Cost: some ms."""
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl needs none
    if trim is not None:
        trim(0)
