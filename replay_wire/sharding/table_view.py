"""What is known of a table of a cluster: what each shard last told, and what is under way."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from replay_wire.sharding.limiting import Counts
from replay_wire.sharding.messages import ShardReport
from replay_wire.specs import TableSpec

__all__ = ["TableView"]

_OVERDUE_S = 0.1
_A_SHARD_S = 1e-3


class TableView:
    """A table as one who asks its shards knows it.

    Attributes:
        spec: as it stands, with the capacity of the cluster.
        reports: shard -> its last report.
        epoch: of the members when all of them were asked.
        looked_s: when, by a monotonic clock.
        is_stale: whether the spec has changed since.
    """

    def __init__(self, spec: TableSpec, epoch: int, looked_s: float) -> None:
        """Know a spec, and nothing of any shard yet."""
        self.spec = spec
        self.reports: dict[int, ShardReport] = {}
        self.epoch = epoch
        self.looked_s = looked_s
        self.is_stale = False
        self._highest: dict[int, float] = {}
        self._told_s: dict[int, float] = {}
        self._inserting = self._drawing = 0

    def take(self, shard: int, report: ShardReport) -> None:
        """Take note of what a shard tells.

        The highest priority never falls but by a reset: then what others told before it counts no
        more.
        """
        before = self.reports.get(shard)
        if before is not None:
            self.is_stale = self.is_stale or before.spec != report.spec
            if report.highest < before.highest:
                self._highest.clear()
        self.reports[shard] = report
        self._told_s[shard] = time.monotonic()
        self._highest[shard] = report.highest

    def forget(self, shard: int) -> None:
        """Forget a shard that has no such table."""
        self.reports.pop(shard, None)
        self._highest.pop(shard, None)

    def overdue(self, shards: Collection[int]) -> list[int]:
        """Return those among the shards that have told nothing for long, though they have it.

        Long is a tenth of a second, or a millisecond a shard if that is more.
        """
        limit = time.monotonic() - self.longest_s(shards)
        return [s for s in shards if s in self.reports and self._told_s[s] < limit]

    @staticmethod
    def longest_s(shards: Collection[int]) -> float:
        """Return for how long a report of one of the shards is good."""
        return max(_OVERDUE_S, _A_SHARD_S * len(shards))

    @property
    def highest(self) -> float:
        """The highest priority so far, as far as is known."""
        return max(self._highest.values(), default=1.0)

    def masses(self, shards: Iterable[int]) -> dict[int, float]:
        """Return the masses of those among the shards that have any."""
        known = self.reports
        return {s: known[s].mass for s in shards if s in known and known[s].mass > 0.0}

    def counts(self, shards: Iterable[int]) -> Counts:
        """Return what the limiter goes by: items of these shards, rows and draws of all."""
        every = self.reports.values()
        return Counts(
            size=sum(self.reports[s].size for s in shards if s in self.reports),
            inserted=sum(report.inserted for report in every) + self._inserting,
            drawn=sum(report.drawn for report in every) + self._drawing,
        )

    def size(self, shards: Iterable[int]) -> int:
        """Return how many items these shards have."""
        return sum(self.reports[s].size for s in shards if s in self.reports)

    @contextmanager
    def reserving(self, *, rows: int = 0, draws: int = 0) -> Iterator[None]:
        """Count rows and draws as done while they are under way."""
        self._inserting += rows
        self._drawing += draws
        try:
            yield
        finally:
            self._inserting -= rows
            self._drawing -= draws
