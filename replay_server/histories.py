"""What was seen of a table, look by look: counters, from which rates and shares follow.

Nothing here runs by itself: a look is taken when somebody asks, so that nobody pays for what nobody
wants to know.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from replay_server.memory.arrays import Float64Array
from replay_wire.activity import History

__all__ = ["Look", "LookBook", "Pace", "Paces"]

_LOOKS: Final = 240
_APART_S: Final = 0.9
_WINDOW_S: Final = 5.0
_STALE_S: Final = 30.0
_SHORTEST_S: Final = 0.2


class Look(NamedTuple):
    """A table's counters at a time.

    Attributes:
        at_s: when, by a clock that never goes back.
        inserted, drawn: rows and items so far.
        inserts_held_s, draws_held_s: for how long some have waited so far.
        inserts_refused, draws_refused: requests so far.
        size: items.
        inserts_waited_s: for how long inserts have waited so far, all of them together.
        writers: who inserted lately or waits; 0 where nobody can tell.
    """

    at_s: float
    inserted: float
    drawn: float
    inserts_held_s: float
    draws_held_s: float
    inserts_refused: float
    draws_refused: float
    size: float
    inserts_waited_s: float = 0.0
    writers: float = 0.0


class Pace(NamedTuple):
    """What one side did a second, and which share of the time it was held back.

    All are None where there was no look before.

    Attributes:
        per_second: rows, or items.
        held_share: in which at least one was held back. Of many that is nearly always one.
        wait_share: in which one of them was, on average; where nobody can tell how many there are,
            `held_share`.
    """

    per_second: float | None
    held_share: float | None
    wait_share: float | None


class Paces(NamedTuple):
    """The pace of both sides, and the items drawn for each row; None where no row came in."""

    inserts: Pace
    draws: Pace
    samples_per_insert: float | None


class LookBook:
    """The last looks at a table, about a second apart at the least."""

    def __init__(self) -> None:
        """Start with none."""
        self._looks = np.empty((0, len(Look._fields)))

    def add(self, look: Look) -> None:
        """Note a look, unless the last one was just now."""
        if not len(self._looks) or look.at_s - self._looks[-1, 0] >= _APART_S:
            self._looks = np.vstack((self._looks[1 - _LOOKS :], [look]))

    def pace(self, now: Look) -> Paces:
        """Return what went on in the last seconds before a look: some five, where looks allow it.

        A refused request counts as held back for a second: it will be back.
        """
        before = self._before(now.at_s)
        if before is None:
            nothing = Pace(None, None, None)
            return Paces(nothing, nothing, None)
        seconds = now.at_s - before.at_s
        rows, items = now.inserted - before.inserted, now.drawn - before.drawn
        refused_s = now.inserts_refused - before.inserts_refused
        inserts_held_s = now.inserts_held_s - before.inserts_held_s + refused_s
        inserts_waited_s = now.inserts_waited_s - before.inserts_waited_s + refused_s
        one_waits_s = float(_one_waits_s(inserts_held_s, inserts_waited_s, now.writers))
        draws_refused_s = now.draws_refused - before.draws_refused
        draws_held = min((now.draws_held_s - before.draws_held_s + draws_refused_s) / seconds, 1.0)
        return Paces(
            Pace(
                rows / seconds, min(inserts_held_s / seconds, 1.0), min(one_waits_s / seconds, 1.0)
            ),
            Pace(items / seconds, draws_held, draws_held),
            items / rows if rows else None,
        )

    def rows_lately(self, at_s: float, inserted: float) -> float:
        """Return how many of the `inserted` rows came in since the first look of the last 30 s."""
        recent = self._looks[self._looks[:, 0] >= at_s - _STALE_S]
        return inserted - recent[0, 1] if len(recent) else 0.0

    def _before(self, at_s: float) -> Look | None:
        times = self._looks[:, 0]
        recent = self._looks[(times >= at_s - _STALE_S) & (times <= at_s - _SHORTEST_S)]
        if not len(recent):
            return None
        old_enough = recent[recent[:, 0] <= at_s - _WINDOW_S]
        return Look(*(old_enough[-1] if len(old_enough) else recent[0]).tolist())

    def history(self, now_s: float) -> History:
        """Return what went on between the looks. Cost: O(looks), of which there are up to 240."""
        looks = self._looks
        steps = np.diff(looks, axis=0)
        seconds = steps[:, 0]
        inserted, drawn = steps[:, 1], steps[:, 2]
        one_waits_s = _one_waits_s(steps[:, 3], steps[:, 8], looks[1:, 9])
        return History(
            seconds=_rounded(looks[1:, 0] - now_s, 2),
            inserts_per_second=_rounded(inserted / seconds, 2),
            draws_per_second=_rounded(drawn / seconds, 2),
            samples_per_insert=[
                round(d / i, 3) if i > 0 else None
                for i, d in zip(inserted.tolist(), drawn.tolist(), strict=True)
            ],
            inserts_held=_rounded(np.minimum(steps[:, 3] / seconds, 1), 3),
            inserts_wait=_rounded(np.minimum(one_waits_s / seconds, 1), 3),
            draws_held=_rounded(np.minimum(steps[:, 4] / seconds, 1), 3),
            size=looks[1:, 7].astype(np.int64).tolist(),
        )


def _one_waits_s(
    held_s: Float64Array | float, waited_s: Float64Array | float, writers: Float64Array | float
) -> Float64Array:
    """Return for how long one of the writers has waited, on average.

    That is `held_s`, in which any of them has, where nobody can tell how many there are.
    """
    each_s = np.minimum(np.divide(waited_s, np.maximum(writers, 1)), held_s)
    return np.where(np.greater(writers, 0), each_s, held_s)


def _rounded(values: Float64Array, digits: int) -> list[float]:
    rounded: list[float] = np.round(values, digits).tolist()
    return rounded
