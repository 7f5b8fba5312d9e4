"""What is left to do of a draw once its items are chosen: rows to be copied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from replay_server.memory.arrays import Int64Array

__all__ = ["Gathering"]

Columns = TypeVar("Columns", covariant=True)


@dataclass(frozen=True)
class Gathering(Generic[Columns]):
    """Rows to be copied, and the columns that come of it.

    Whatever may change has been looked up already. The rows themselves stay what they are until
    others are stored at their slots, of which `Table.tell_of_overwriting` tells; those of
    compressed columns, until the table is asked for anything else.

    Attributes:
        slots: arrays [...] of int64: where the rows lie, some of them more than once.
        run: copies them. For any thread, once.
    """

    slots: tuple[Int64Array, ...]
    run: Callable[[], Columns]
