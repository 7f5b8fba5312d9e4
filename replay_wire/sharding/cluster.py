"""A cluster as one who asks its shards knows it: members, tables, and where writers live."""

from __future__ import annotations

import random
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from msgspec import structs

from replay_wire import endpoints
from replay_wire.complaints import convert
from replay_wire.errors import ErrorCode
from replay_wire.messages import Problem
from replay_wire.sharding.asks import Ask, Lost, Plan, RefusalError, refusal
from replay_wire.sharding.limiting import missing_for_draw, missing_for_insert
from replay_wire.sharding.members import Members
from replay_wire.sharding.table_view import TableView
from replay_wire.specs import RowItems, SampleToInsertRatioLimiter, TableSpec

__all__ = ["Cluster", "Homes", "admitted_draws", "admitted_insert", "known", "look", "unavailable"]

_CHANCE: Final = random.SystemRandom()  # draws nothing from a generator that the program seeds
_FRESH_S: Final = 0.02
_COUNTS_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 0.1
_MOST_HOMES: Final = 1 << 17


class Homes:
    """Which shard each writer's last insert went to, of those heard of most recently."""

    def __init__(self) -> None:
        """Know none."""
        self._homes: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

    def find(self, table: str, writer: str, epoch: int) -> int | None:
        """Return the shard; None where it is not known, or was of another epoch."""
        shard, known_in = self._homes.get((table, writer), (-1, -1))
        return shard if known_in == epoch else None

    def drop(self, table: str, writer: str) -> None:
        """Forget a writer."""
        self._homes.pop((table, writer), None)

    def put(self, table: str, writer: str, shard: int, epoch: int) -> None:
        """Remember a shard."""
        self._homes[table, writer] = (shard, epoch)
        self._homes.move_to_end((table, writer))
        if len(self._homes) > _MOST_HOMES:
            self._homes.popitem(last=False)


@dataclass
class Cluster:
    """What is known of a cluster. Not for several threads at once.

    Attributes:
        members: its shards.
        views: its tables by name.
        homes: where writers live.
        max_draws: draws of a request, at the most.
        generator: of what is drawn.
        turn: counts inserts without a writer, which go to one shard after another.
    """

    members: Members
    max_draws: int = 1 << 20
    views: dict[str, TableView] = field(default_factory=dict)
    homes: Homes = field(default_factory=Homes)
    generator: np.random.Generator = field(default_factory=np.random.default_rng)
    turn: int = field(default_factory=lambda: _CHANCE.randrange(1 << 12))


def unavailable(what: str, **facts: Any) -> RefusalError:
    """Return the refusal of what can't be done now."""
    return refusal(ErrorCode.UNAVAILABLE, f"{what}; try again soon", **facts)


def known(cluster: Cluster, table: str) -> Plan[TableView]:
    """Return what is known of a table, after a look at it where that is not enough."""
    view = cluster.views.get(table)
    if view is not None and view.epoch == cluster.members.epoch and not view.is_stale:
        return view
    return (yield from look(cluster, table))


def look(cluster: Cluster, table: str) -> Plan[TableView]:
    """Ask all shards what they hold of a table.

    Raises:
        RefusalError: no shard has it, none answers, or one refuses.
    """
    members = cluster.members
    asked = members.live
    outcomes = yield [Ask(shard, endpoints.SHARD_TABLE, table) for shard in asked]
    view, unknown = cluster.views.get(table), None
    is_first = True
    for shard, outcome in zip(asked, outcomes, strict=True):
        if isinstance(outcome, Lost):
            members.suspect(shard)
        elif isinstance(outcome, Problem):
            if outcome.code != ErrorCode.UNKNOWN_TABLE:
                raise RefusalError(outcome)
            unknown = outcome
            if view is not None:
                view.forget(shard)
        else:
            if view is None:
                view = TableView(TableSpec(capacity=1), 0, 0.0)
            if is_first:
                view.spec = _of_cluster(convert(dict(outcome.spec), TableSpec))
                is_first = False
            view.take(shard, outcome.report)
    if is_first:
        cluster.views.pop(table, None)
        if unknown is not None:
            raise RefusalError(unknown)
        raise unavailable("none of the cluster's shards answers")
    assert view is not None
    view.is_stale, view.epoch, view.looked_s = False, members.epoch, time.monotonic()
    cluster.views[table] = view
    return view


def admitted_draws(
    cluster: Cluster, draws: dict[str, int], deadline: float
) -> Plan[dict[str, TableView]]:
    """Return the views of tables once their limiters let so many draws of each pass.

    Args:
        cluster: of them.
        draws: table -> how many.
        deadline: how long to wait, by a monotonic clock.

    Raises:
        RefusalError: they don't in that time, or never could.
    """
    pause_s = _FRESH_S
    while True:
        views: dict[str, TableView] = {}
        missing = None
        for table, count in draws.items():
            view = yield from _counted(cluster, table)
            missing = _missing_draws(cluster, view, count)
            if missing is not None and time.monotonic() - view.looked_s > _FRESH_S:
                view = yield from look(cluster, table)
                missing = _missing_draws(cluster, view, count)
            views[table] = view
            if missing is not None:
                break
        if missing is None:
            return views
        yield from _wait(missing, deadline, pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def admitted_insert(cluster: Cluster, table: str, rows: int, deadline: float) -> Plan[TableView]:
    """Return the view of a table once its limiter lets so many rows pass.

    Raises:
        RefusalError: it does not until the deadline, or never could.
    """
    pause_s = _FRESH_S
    while True:
        view = yield from _counted(cluster, table)
        missing = _missing_rows(cluster, view, rows)
        if missing is not None and time.monotonic() - view.looked_s > _FRESH_S:
            view = yield from look(cluster, table)
            missing = _missing_rows(cluster, view, rows)
        if missing is None:
            return view
        yield from _wait(missing, deadline, pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _counted(cluster: Cluster, table: str) -> Plan[TableView]:
    """Return what is known of a table, with counts of just now where its limiter goes by them.

    Others draw and insert as well: without a look now and then the ratio would get out of hand.
    """
    view = yield from known(cluster, table)
    if isinstance(view.spec.rate_limiter, SampleToInsertRatioLimiter):
        longest_s = max(_COUNTS_S, view.longest_s(cluster.members.live) - 2 * _COUNTS_S)
        if time.monotonic() - view.looked_s > longest_s:
            view = yield from look(cluster, table)
    return view


def _wait(missing: str, deadline: float, pause_s: float) -> Plan[None]:
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise refusal(
            ErrorCode.RATE_LIMITED, f"the rate limiter says no: {missing}", missing=missing
        )
    yield min(pause_s, left_s)


def _missing_draws(cluster: Cluster, view: TableView, draws: int) -> str | None:
    return missing_for_draw(view.spec.rate_limiter, view.counts(cluster.members.live), draws)


def _missing_rows(cluster: Cluster, view: TableView, rows: int) -> str | None:
    counts = view.counts(cluster.members.live)
    more = rows if isinstance(view.spec.items, RowItems) else 0  # a step need not be an item yet
    fewest = min(counts.size + more, view.spec.capacity)
    return missing_for_insert(view.spec.rate_limiter, counts, rows, fewest)


def _of_cluster(spec: TableSpec) -> TableSpec:
    """Return the spec of a share as that of the whole table."""
    if spec.cluster_capacity is None:
        return spec
    return structs.replace(spec, capacity=spec.cluster_capacity, cluster_capacity=None)
