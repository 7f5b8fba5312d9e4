"""How much memory the process has taken at its peak, and that no one input takes much of it."""

from __future__ import annotations

import resource
from typing import Final

_MORE_KIB: Final = 64 * 1024


def peak_kib() -> int:
    """Return the most memory that this process has ever had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def check_growth(before: int) -> None:
    """Check that the peak is not much higher than it was."""
    grown = peak_kib() - before
    assert grown < _MORE_KIB, f"one input took {grown} KiB more than all before it"
