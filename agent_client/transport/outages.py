"""Outages of the server, said in the log once each: that it is away, and that it is there again."""

import logging
import time
from typing import Final

__all__ = ["OutageLog"]

logger = logging.getLogger(__name__)

_NEWS_AFTER_S: Final = 2.0  # shorter ones are everyday


class OutageLog:
    """Tells of the outages that one writer or prefetcher meets. For one thread."""

    def __init__(self, who: str, patience_s: float) -> None:
        """Begin while the server is there.

        Args:
            who: whom it concerns.
            patience_s: how long the server may be away.
        """
        self._who = who
        self._patience_s = patience_s
        self._began_at: float | None = None
        self._is_told = False

    def failed(self, error: Exception) -> None:
        """Take note that the server did not answer, or had no room."""
        now = time.monotonic()
        if self._began_at is None:
            self._began_at = now
        if not self._is_told and now - self._began_at >= min(_NEWS_AFTER_S, self._patience_s / 2):
            self._is_told = True
            logger.warning(
                "%s: %s; asking again for up to %g s", self._who, error, self._patience_s
            )

    def answered(self) -> None:
        """Take note that it did."""
        if self._began_at is None:
            return
        if self._is_told:
            away_s = time.monotonic() - self._began_at
            logger.warning("%s: the server is there again after %.0f s", self._who, away_s)
        self._began_at = None
        self._is_told = False
