"""Inserts into a cluster: whole requests go to one shard, and a writer's all to the same.

So a writer's streams stay together and its sequences are kept by one shard. Where that shard is
away another takes over; what the first may have done of the last insert is found out when it is
back: the new shard has noted from where, and at which sequence, the writer came (`left`).
"""

from __future__ import annotations

import time
from typing import Any

from replay_wire import endpoints
from replay_wire.arrays import Array
from replay_wire.errors import ErrorCode
from replay_wire.messages import InsertReply, InsertRequest, Problem, WriterStamp
from replay_wire.sharding.asks import Ask, Lost, Plan, RefusalError
from replay_wire.sharding.cluster import Cluster, admitted_insert, unavailable
from replay_wire.sharding.homes import ranked
from replay_wire.sharding.messages import (
    RetractRequest,
    ShardInsertRequest,
    WritersRequest,
)
from replay_wire.sharding.shard_keys import cluster_keys
from replay_wire.sharding.table_view import TableView
from replay_wire.specs import RowItems

__all__ = ["insert", "retract_doubles"]


def insert(cluster: Cluster, table: str, request: InsertRequest) -> Plan[InsertReply]:
    """Store rows, all on one shard.

    Raises:
        RefusalError: as a table would refuse it, or no shard takes it. An insert without a writer
            whose answer was lost is `unavailable`: it may have happened.
    """
    rows = max((a.shape[0] for a in request.columns.values() if a.shape), default=0)
    deadline = time.monotonic() + request.timeout
    stamp, members = request.writer, cluster.members
    view: TableView | None = None
    home: int | None = None
    while True:
        is_repeated = False
        left: tuple[int, ...] = ()
        if stamp is not None:
            home, left, is_repeated = yield from _home(cluster, table, stamp)
        if not is_repeated:
            view = yield from admitted_insert(cluster, table, rows, deadline)
        if home is None:
            home = _next_shard(cluster, table, view)
        outcome = yield from _send(cluster, table, view, home, request, left, rows)
        if isinstance(outcome, Lost):
            members.suspect(home)
            if stamp is None and outcome.may_have_happened:
                raise unavailable(
                    "the shard that was to insert this has gone: it may have done so",
                    may_have_happened=True,
                )
        elif isinstance(outcome, Problem):
            if outcome.code != ErrorCode.UNKNOWN_TABLE or view is None:
                raise RefusalError(outcome)
            view.forget(home)
            if stamp is not None:
                cluster.homes.drop(table, stamp.id)
            if not view.reports:
                cluster.views.pop(table, None)
                raise RefusalError(outcome)
        else:
            if stamp is not None:
                cluster.homes.put(table, stamp.id, home, members.epoch)
            keys = cluster_keys(outcome.keys.to_numpy("keys"), home)
            return InsertReply(keys=Array.from_numpy(keys), duplicate=outcome.duplicate)
        home = None


def _send(
    cluster: Cluster,
    table: str,
    view: TableView | None,
    shard: int,
    request: InsertRequest,
    left: tuple[int, ...],
    rows: int,
) -> Plan[Any]:
    report = None if view is None else view.reports.get(shard)
    message = ShardInsertRequest(
        rows=request,
        left=list(left),
        highest=0.0 if view is None else view.highest,
        seen=0.0 if report is None else report.highest,
    )
    ask = Ask(shard, endpoints.SHARD_INSERT, table, message)
    if view is None:
        (outcome,) = yield [ask]
        return outcome
    with view.reserving(rows=rows):
        (outcome,) = yield [ask]
        if not isinstance(outcome, Lost | Problem):
            view.take(shard, outcome.report)
    return outcome


def _next_shard(cluster: Cluster, table: str, view: TableView | None) -> int:
    """Return the shard for an insert without a home.

    Raises:
        RefusalError: none takes inserts.
    """
    known = cluster.members.serving
    shards = [s for s in known if view is None or s in view.reports] or list(known)
    if not shards:
        raise unavailable("no shard of the cluster takes inserts now")
    if view is not None and not isinstance(view.spec.items, RowItems):
        return ranked(table, shards)[0]  # of one anonymous writer, whose streams stay together
    cluster.turn += 1
    return shards[cluster.turn % len(shards)]


def _home(
    cluster: Cluster, table: str, stamp: WriterStamp
) -> Plan[tuple[int | None, tuple[int, ...], bool]]:
    """Find out where a writer lives.

    Returns:
        The shard, those that are away and may have had this insert before, and whether it has
        been done (or a later one), so that the limiter has no say.
    """
    members = cluster.members
    home = cluster.homes.find(table, stamp.id, members.epoch)
    if home is not None and home in members.serving:
        return home, (), False
    while True:
        epoch, asked = members.epoch, members.live
        outcomes = yield [
            Ask(shard, endpoints.SHARD_WRITERS, table, WritersRequest(ids=[stamp.id]))
            for shard in asked
        ]
        last, home = -1, None
        holders: list[int] = []
        unknown: Problem | None = None
        for shard, outcome in zip(asked, outcomes, strict=True):
            if isinstance(outcome, Lost):
                members.suspect(shard)
            elif isinstance(outcome, Problem):
                if outcome.code != ErrorCode.UNKNOWN_TABLE:
                    raise RefusalError(outcome)
                unknown = outcome
            else:
                holders.append(shard)
                found = outcome.last.get(stamp.id, -1)
                if found > last:
                    last, home = found, shard
        if members.epoch == epoch:
            break
    if not holders and unknown is not None:
        raise RefusalError(unknown)
    if home is not None and stamp.sequence <= last:
        return home, (), True
    if home is None or home not in members.serving:
        candidates = [shard for shard in members.serving if shard in holders]
        home = next(iter(ranked(stamp.id, candidates)), None)
    return home, members.away, False


def retract_doubles(cluster: Cluster, table: str, shard: int) -> Plan[int]:
    """Let a shard that is back delete what others have done of its writers' last inserts.

    Returns:
        How many rows went.
    """
    others = [other for other in cluster.members.every if other != shard]
    outcomes = yield [
        Ask(other, endpoints.SHARD_WRITERS, table, WritersRequest(left=shard)) for other in others
    ]
    left: dict[str, int] = {}
    for outcome in outcomes:
        if not isinstance(outcome, Lost | Problem):
            for writer, sequence in outcome.left.items():
                left[writer] = max(sequence, left.get(writer, -1))
    if not left:
        return 0
    (outcome,) = yield [Ask(shard, endpoints.SHARD_RETRACT, table, RetractRequest(inserts=left))]
    if isinstance(outcome, Lost | Problem):
        raise unavailable(f"shard {shard} does not say what it has done twice")
    deleted: int = outcome.deleted
    return deleted
