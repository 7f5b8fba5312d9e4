"""The shards of a cluster, as one who asks them sees them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Members"]


class Members:
    """The shards by number: what the directory says of them, and who has not answered lately.

    Attributes:
        epoch: counts up when some shard is another, in another state or of another trust.
    """

    def __init__(self, states: Mapping[int, str] | None = None) -> None:
        """Begin with shards and their states, all of them trusted."""
        self.epoch = 0
        self._states: dict[int, str] = dict(states or {})
        self._suspected: set[int] = set()

    @property
    def every(self) -> tuple[int, ...]:
        """All shards, also those that are down."""
        return tuple(self._states)

    @property
    def serving(self) -> tuple[int, ...]:
        """Those that take inserts."""
        return tuple(s for s in self.live if self._states[s] == "serving")

    @property
    def live(self) -> tuple[int, ...]:
        """Those that are drawn from."""
        return tuple(
            s for s, state in self._states.items() if state != "down" and s not in self._suspected
        )

    @property
    def away(self) -> tuple[int, ...]:
        """Those that are asked for nothing now."""
        live = set(self.live)
        return tuple(s for s in self._states if s not in live)

    @property
    def suspected(self) -> tuple[int, ...]:
        """Those of which the directory says that they are there, and which did not answer."""
        return tuple(s for s in self._suspected if self._states.get(s) != "down")

    def replace(self, states: Mapping[int, str], *, trusted: bool) -> None:
        """Take over what the directory says now.

        Args:
            states: shard -> its state.
            trusted: whether shards that come, or come back, are asked at once; else `trust` says.
        """
        if states == self._states:
            return
        if not trusted:
            self._suspected |= {
                s for s in states if s not in self._states or self._states[s] == "down"
            }
        self._states = dict(states)
        self._suspected &= set(states)
        self.epoch += 1

    def suspect(self, shard: int) -> None:
        """Ask a shard for nothing until it is trusted again: it has not answered."""
        if shard in self._states and shard not in self._suspected:
            self._suspected.add(shard)
            self.epoch += 1

    def trust(self, shard: int) -> None:
        """Ask a shard again."""
        if shard in self._suspected:
            self._suspected.discard(shard)
            self.epoch += 1
