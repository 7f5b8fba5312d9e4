"""How many files this process may have open, and who goes without first when that is nearly all.

The system gives out the lowest number that is free, so that the number of a new descriptor tells
how many there are. Files that a table keeps open for as long as it stands leave the last numbers to
connections, so that whoever could drop a table still gets in; connections leave the very last ones
to files that are open for a moment: the journal's next segment, a checkpoint, parameters.
"""

from __future__ import annotations

from typing import Final

__all__ = ["leaves_to_connections", "leaves_to_moments", "most_open_files", "raise_limit"]

UNLIMITED: Final = 1 << 20
_CONNECTIONS: Final = 192
_MOMENTS: Final = 64


def most_open_files() -> int:
    """Return how many files the system may let this process have open."""
    try:
        import resource
    except ImportError:  # Windows
        return UNLIMITED
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return UNLIMITED if hard == resource.RLIM_INFINITY else min(hard, UNLIMITED)


def raise_limit(least: int) -> None:
    """Let this process have as many files open as the system lets it, or `least` if it can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (most_open_files(), min(least, most_open_files())):
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            return
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # macOS tells no limit and has one
            continue
        return


def leaves_to_connections(descriptor: int) -> bool:
    """Return whether enough are left for connections when a table keeps this one."""
    most = _most()
    return descriptor < most - min(_CONNECTIONS, most // 4)


def leaves_to_moments(descriptor: int) -> bool:
    """Return whether enough are left for files that are open for a moment, with this connection."""
    most = _most()
    return descriptor < most - min(_MOMENTS, most // 8)


def _most() -> int:
    """Return how many files this process may have open as it is."""
    try:
        import resource
    except ImportError:  # Windows
        return UNLIMITED
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return UNLIMITED if soft == resource.RLIM_INFINITY else soft
