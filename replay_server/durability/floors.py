"""Floors: below which keys a table made under a name issues none, so that no key comes twice.

A dropped table leaves its name behind. Of names that were dropped long ago nothing is kept but the
highest of their floors, which then holds for every name that is not known: under the name `""`,
which no table has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

__all__ = ["MOST_FLOORS", "Floors", "floor_of", "raise_floor"]

Floors: TypeAlias = dict[str, int]
"""NAME -> the lowest key that a table made under it may issue; the latest dropped comes last."""

MOST_FLOORS: Final = 4096
_ALL_OTHERS: Final = ""


def floor_of(floors: Mapping[str, int], name: str) -> int:
    """Return the lowest key that a table made under a name may issue."""
    return max(floors.get(name, 0), floors.get(_ALL_OTHERS, 0))


def raise_floor(floors: Floors, name: str, key: int) -> None:
    """Take note that a table has gone, under whose name keys below `key` may have been issued."""
    key = max(key, floor_of(floors, name))
    floors.pop(name, None)  # to the end: a dict keeps the order of insertion
    floors[name] = key
    while len(floors) > MOST_FLOORS:
        others = floors.pop(_ALL_OTHERS, 0)
        floors[_ALL_OTHERS] = max(others, floors.pop(next(iter(floors))))
