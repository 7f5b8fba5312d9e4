"""What can go wrong with a data set."""

from __future__ import annotations

__all__ = ["DatasetError", "MissingExtraError"]


class DatasetError(Exception):
    """A table can't go into a format, or a file can't be read. Its text is a sentence."""


class MissingExtraError(DatasetError):
    """A format needs a package that is not installed.

    Attributes:
        extra: what to install of this distribution.
    """

    def __init__(self, extra: str) -> None:
        """Name the extra."""
        self.extra = extra
        super().__init__(
            f"this needs packages that are not installed: pip install 'replay-server[{extra}]'"
        )
