"""Why a data directory can't be used."""

from __future__ import annotations

from pathlib import Path

__all__ = ["DataDirectoryError"]


class DataDirectoryError(Exception):
    """A data directory that this server can't start with.

    Attributes:
        path: the file or folder at fault.
        reason: what is wrong with it, and what to do.
    """

    def __init__(self, path: Path, reason: str) -> None:
        """Keep the facts."""
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")
