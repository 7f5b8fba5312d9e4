"""Which shards there are: a directory that may change while a gateway works with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from replay_wire.sharding.shard_keys import MAX_SHARDS

__all__ = ["Shard", "ShardDirectory", "ShardListener", "ShardState"]

ShardState: TypeAlias = Literal["serving", "draining", "down"]
_STATES: Final = ("serving", "draining", "down")


@dataclass(frozen=True)
class Shard:
    """A replay server that holds a share of every table.

    Attributes:
        number: in [0, MAX_SHARDS); the low bits of its rows' keys. It goes with the shard's data: a
            server that starts on the data directory of another takes its number, and one that
            starts with nothing takes a number that none had before it, or its keys would be issued
            twice.
        url: where it serves.
        state: "serving" takes inserts and draws; "draining" is drawn from and takes no inserts;
            "down" is asked for nothing.
    """

    number: int
    url: str
    state: ShardState = "serving"

    def __post_init__(self) -> None:
        """Raise ValueError where number or state is none."""
        if not 0 <= self.number < MAX_SHARDS:
            raise ValueError(f"a shard's number lies in [0, {MAX_SHARDS}), got {self.number}")
        if self.state not in _STATES:
            raise ValueError(f"a shard is one of {', '.join(_STATES)}, not {self.state!r}")


ShardListener: TypeAlias = Callable[[tuple[Shard, ...]], None]


class ShardDirectory:
    """The shards there are, by number. For any thread."""

    def __init__(self, shards: Iterable[Shard] = ()) -> None:
        """Begin at version 0 with these shards.

        Raises ValueError as `replace` does.
        """
        self._lock = threading.Lock()
        self._listeners: list[ShardListener] = []
        self._shards = _ordered(shards)
        self._version = 0

    @property
    def version(self) -> int:
        """How often the shards have changed."""
        return self._version

    def current(self) -> tuple[Shard, ...]:
        """Return the shards, ascending by number."""
        return self._shards

    def replace(self, shards: Iterable[Shard]) -> None:
        """Let these be the shards, and tell the listeners if they are others than before.

        Listeners are called one after another in the caller's thread, after the change.

        Raises:
            ValueError: two have one number; nothing has changed.
        """
        ordered = _ordered(shards)
        with self._lock:
            if ordered == self._shards:
                return
            self._shards = ordered
            self._version += 1
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(ordered)

    def subscribe(self, listener: ShardListener) -> Callable[[], None]:
        """Call `listener` with the shards after every change; return what ends that."""
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe


def _ordered(shards: Iterable[Shard]) -> tuple[Shard, ...]:
    ordered = tuple(sorted(shards, key=lambda shard: shard.number))
    for one, next_one in pairwise(ordered):
        if one.number == next_one.number:
            raise ValueError(f"two shards have the number {one.number}")
    return ordered
