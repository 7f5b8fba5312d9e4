"""Updates and deletes of a cluster's rows."""

from __future__ import annotations

from replay_wire import endpoints
from replay_wire.arrays import Array
from replay_wire.errors import ErrorCode
from replay_wire.messages import (
    DeleteReply,
    DeleteRequest,
    PriorityUpdate,
    Problem,
    SampleRequest,
    UpdateReply,
)
from replay_wire.sharding.asks import Ask, Lost, Plan, RefusalError
from replay_wire.sharding.cluster import Cluster, known
from replay_wire.sharding.exchange import Drawn, exchange
from replay_wire.sharding.shard_keys import split_keys
from replay_wire.sharding.splits import checked_keys, split_update

__all__ = ["delete", "update_priorities"]


def update_priorities(cluster: Cluster, table: str, update: PriorityUpdate) -> Plan[UpdateReply]:
    """Set priorities. Raises RefusalError."""
    view = yield from known(cluster, table)
    split = split_update(view.spec, update, "")
    counts = Drawn(1, 1, False, 0.0, False)
    yield from exchange(cluster, table, view, SampleRequest(batch_size=1), {}, split, counts)
    return UpdateReply(updated=counts.updated, stale=counts.stale)


def delete(cluster: Cluster, table: str, request: DeleteRequest) -> Plan[DeleteReply]:
    """Delete rows. Raises RefusalError."""
    yield from known(cluster, table)
    keys = checked_keys(request.keys, "keys")
    split = split_keys(keys)
    live = cluster.members.live
    asks = [
        Ask(shard, endpoints.DELETE_ROWS, table, DeleteRequest(keys=Array.from_numpy(local)))
        for shard, (_, local) in split.items()
        if shard in live
    ]
    outcomes = yield asks
    deleted = 0
    for ask, outcome in zip(asks, outcomes, strict=True):
        if isinstance(outcome, Lost):
            cluster.members.suspect(ask.shard)
        elif isinstance(outcome, Problem):
            if outcome.code != ErrorCode.UNKNOWN_TABLE:
                raise RefusalError(outcome)
        else:
            deleted += outcome.deleted
    view = cluster.views.get(table)
    if view is not None:
        view.epoch = -1  # sizes and masses are others now
    return DeleteReply(deleted=deleted, stale=len(keys) - deleted)
