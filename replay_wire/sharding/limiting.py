"""The rate limiter of a cluster's table, asked with the counts of all shards.

The rules are those of `docs/protocol.md`, section 3; `replay_server.memory.rate_limiters` has them
for one table, and the tests compare the two. What is under way counts as done.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from replay_wire.errors import ErrorCode
from replay_wire.sharding.asks import refusal
from replay_wire.specs import MinSizeLimiter, RateLimiter, SampleToInsertRatioLimiter

__all__ = ["Counts", "missing_for_draw", "missing_for_insert", "surplus_share"]

_COUNTLESS = 2.0**53


@dataclass(frozen=True)
class Counts:
    """What a limiter goes by, summed over the shards.

    Attributes:
        size: items.
        inserted, drawn: rows and items since the limiter was set.
    """

    size: int
    inserted: int
    drawn: int


def missing_for_draw(limiter: RateLimiter, counts: Counts, draws: int) -> str | None:
    """Return what `draws` draws wait for; None where they need not wait.

    Raises:
        RefusalError: they could never pass.
    """
    if isinstance(limiter, MinSizeLimiter):
        return _more(max(limiter.min_size, 1) - counts.size, "insert")
    assert isinstance(limiter, SampleToInsertRatioLimiter)
    ratio, buffer = limiter.samples_per_insert, limiter.error_buffer
    if draws > 2 * buffer:
        raise refusal(
            ErrorCode.INVALID_REQUEST,
            f"batch_size: {draws} draws at once can never pass an error_buffer of {buffer:g}; "
            f"draw at most {math.floor(2 * buffer)}",
            field="batch_size",
        )
    to_minimum = max(limiter.min_size, 1) - counts.size
    surplus = counts.inserted * ratio - counts.drawn
    to_ratio = _ceil((ratio * limiter.min_size - buffer - surplus + draws) / ratio)
    return _more(max(to_minimum, to_ratio), "insert")


def missing_for_insert(
    limiter: RateLimiter, counts: Counts, rows: int, fewest_after: int
) -> str | None:
    """Return what an insert of rows waits for; None where it need not wait.

    Args:
        limiter: as the table has it.
        counts: before the insert.
        rows: that it brings.
        fewest_after: items that there are after it, at the least.

    Raises:
        RefusalError: it could never pass.
    """
    if not isinstance(limiter, SampleToInsertRatioLimiter) or not rows:
        return None
    ratio, buffer = limiter.samples_per_insert, limiter.error_buffer
    highest = ratio * limiter.min_size + buffer
    surplus = counts.inserted * ratio - counts.drawn
    fits = rows * ratio <= 2 * buffer
    if (fits and surplus + rows * ratio <= highest) or fewest_after <= limiter.min_size:
        return None
    if not fits:
        raise refusal(
            ErrorCode.INVALID_REQUEST,
            f"columns: {rows} rows at once can never pass an error_buffer of {buffer:g}; "
            f"insert at most {math.floor(2 * buffer / ratio)}",
            field="columns",
        )
    return _more(_ceil(surplus + rows * ratio - highest), "draw")


def surplus_share(limiter: SampleToInsertRatioLimiter, counts: Counts) -> float:
    """Return where counts stand between what a limiter holds back: draws at 0, inserts at 1."""
    ratio, buffer = limiter.samples_per_insert, limiter.error_buffer
    above_lowest = counts.inserted * ratio - counts.drawn - (ratio * limiter.min_size - buffer)
    return min(max(above_lowest / (2 * buffer), 0.0), 1.0)


def _ceil(count: float) -> int:
    return math.ceil(min(count, _COUNTLESS))


def _more(count: int, what: str) -> str | None:
    return None if count <= 0 else f"{count} more {what}{'s' if count > 1 else ''}"
