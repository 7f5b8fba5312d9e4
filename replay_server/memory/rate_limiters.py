"""Rate limiters: may a draw or an insert proceed now, and if not, what is missing?

Sizes count items. A limiter counts the rows inserted and the items drawn since it was set.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from replay_server.memory.errors import InvalidArgumentError

__all__ = ["Limiter", "MinSize", "Queue", "SampleToInsertRatio", "Tally"]

_COUNTLESS: Final = 2.0**53


class Limiter(Protocol):
    """Says what a request waits for; None where it need not wait."""

    def missing_for_draw(self, size: int, draws: int) -> str | None:
        """Return what `draws` draws from a table of `size` items wait for.

        Raises:
            InvalidArgumentError: they could never pass.
        """

    def missing_for_insert(self, size: int, rows: int, leaves: Callable[[], int]) -> str | None:
        """Return what an insert waits for.

        Args:
            size: items before it.
            rows: that it brings.
            leaves: tells the items after it: fewer than the sum where others have to go, or where
                rows are steps. It is not asked unless it matters.

        Raises:
            InvalidArgumentError: it could never pass.
        """

    def inserted(self, rows: int) -> None:
        """Count rows that went in."""

    def drawn(self, draws: int) -> None:
        """Count items that were drawn; negative to take a count back."""

    def restart(self) -> None:
        """Begin to count anew."""

    def counters(self) -> list[int]:
        """Return what it has counted."""

    def restore(self, counters: Sequence[int]) -> None:
        """Go on from what `counters` returned."""


class _CountsNothing:
    """A limiter that goes by the table's size alone."""

    def inserted(self, rows: int) -> None:
        """Nothing to count."""

    def drawn(self, draws: int) -> None:
        """Nothing to count."""

    def restart(self) -> None:
        """Nothing to forget."""

    def counters(self) -> list[int]:
        """Return nothing."""
        return []

    def restore(self, counters: Sequence[int]) -> None:
        """Nothing to go on from."""


class _Counts:
    """A limiter that counts the rows inserted and the items drawn."""

    _inserted = 0
    _drawn = 0

    def inserted(self, rows: int) -> None:
        """Count rows."""
        self._inserted += rows

    def drawn(self, draws: int) -> None:
        """Count draws."""
        self._drawn += draws

    def restart(self) -> None:
        """Begin to count anew."""
        self._inserted = self._drawn = 0

    def counters(self) -> list[int]:
        """Return rows inserted and items drawn."""
        return [self._inserted, self._drawn]

    def restore(self, counters: Sequence[int]) -> None:
        """Go on from there."""
        self._inserted, self._drawn = counters


@dataclass(frozen=True)
class MinSize(_CountsNothing):
    """Draws need `min_size` items, and one at the least."""

    min_size: int

    def missing_for_draw(self, size: int, draws: int) -> str | None:
        """Return how many inserts are missing."""
        return _more(max(self.min_size, 1) - size, "insert")

    def missing_for_insert(self, size: int, rows: int, leaves: Callable[[], int]) -> str | None:
        """Return None: inserts always pass."""
        return None


@dataclass
class SampleToInsertRatio(_Counts):
    """Draws and inserts keep to a ratio r, give or take an error buffer e, from m items on.

    With d = inserted rows * r - drawn items: a draw of n needs m items and d - n >= r m - e; an
    insert of n rows that leaves more than m items needs d + n r <= r m + e (Reverb's semantics).

    Attributes:
        samples_per_insert: r > 0.
        min_size: m.
        error_buffer: e >= max(1, r).
    """

    samples_per_insert: float
    min_size: int
    error_buffer: float

    def missing_for_draw(self, size: int, draws: int) -> str | None:
        """Return how many inserts are missing: to the minimum, or to the ratio."""
        if draws > 2 * self.error_buffer:
            raise InvalidArgumentError(
                "batch_size",
                f"{draws} draws at once can never pass an error_buffer of {self.error_buffer:g}; "
                f"draw at most {math.floor(2 * self.error_buffer)}",
            )
        to_minimum = max(self.min_size, 1) - size
        lowest = self.samples_per_insert * self.min_size - self.error_buffer
        to_ratio = _ceil((lowest - self.surplus + draws) / self.samples_per_insert)
        return _more(max(to_minimum, to_ratio), "insert")

    def missing_for_insert(self, size: int, rows: int, leaves: Callable[[], int]) -> str | None:
        """Return how many draws are missing."""
        highest = self.samples_per_insert * self.min_size + self.error_buffer
        surplus = rows * self.samples_per_insert
        fits = surplus <= 2 * self.error_buffer
        if (fits and self.surplus + surplus <= highest) or leaves() <= self.min_size:
            return None
        if not fits:
            raise InvalidArgumentError(
                "columns",
                f"{rows} rows at once can never pass an error_buffer of {self.error_buffer:g}; "
                f"insert at most {math.floor(2 * self.error_buffer / self.samples_per_insert)}",
            )
        return _more(_ceil(self.surplus + surplus - highest), "draw")

    @property
    def surplus(self) -> float:
        """What the class calls d."""
        return self._inserted * self.samples_per_insert - self._drawn


class Tally(_Counts):
    """Lets everything pass and counts it: of a shard's table, whose cluster has the limiter."""

    def missing_for_draw(self, size: int, draws: int) -> str | None:
        """Return None, but for an empty table."""
        return _more(1 - size, "insert")

    def missing_for_insert(self, size: int, rows: int, leaves: Callable[[], int]) -> str | None:
        """Return None."""
        return None


@dataclass(frozen=True)
class Queue(_CountsNothing):
    """A queue of up to `size` items, of which each is drawn once."""

    size: int

    def missing_for_draw(self, size: int, draws: int) -> str | None:
        """Return how many inserts are missing to as many items as are to be drawn."""
        if draws > self.size:
            raise InvalidArgumentError(
                "batch_size", f"{draws} items are never in a queue of {self.size}"
            )
        return _more(draws - size, "insert")

    def missing_for_insert(self, size: int, rows: int, leaves: Callable[[], int]) -> str | None:
        """Return how many draws are missing until the rows fit."""
        if rows > self.size:
            raise InvalidArgumentError(
                "columns", f"{rows} rows never fit into a queue of {self.size}"
            )
        return _more(size + rows - self.size, "draw")


def _ceil(count: float) -> int:
    """Return a count rounded up; of one beyond all counting, a very large one."""
    return math.ceil(min(count, _COUNTLESS))


def _more(count: int, what: str) -> str | None:
    return None if count <= 0 else f"{count} more {what}{'s' if count > 1 else ''}"
