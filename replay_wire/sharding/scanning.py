"""Scans of a cluster's rows: the shards' own, joined by key or by priority."""

from __future__ import annotations

import numpy as np

from replay_wire import endpoints
from replay_wire.arrays import Array
from replay_wire.errors import ErrorCode
from replay_wire.messages import Problem, ScanReply, ScanRequest
from replay_wire.sharding.asks import Ask, Lost, Plan, RefusalError
from replay_wire.sharding.cluster import Cluster, known, unavailable
from replay_wire.sharding.shard_keys import Int64Array, cluster_keys, local_after
from replay_wire.specs import MAX_KEY

__all__ = ["scan"]


def scan(cluster: Cluster, table: str, request: ScanRequest) -> Plan[ScanReply]:
    """Return rows as they are stored. Raises RefusalError."""
    yield from known(cluster, table)
    after = min(request.after, MAX_KEY)
    asks = [
        Ask(
            shard,
            endpoints.SCAN,
            table,
            ScanRequest(
                after=local_after(after, shard),
                limit=request.limit,
                columns=request.columns,
                order=request.order,
            ),
        )
        for shard in cluster.members.live
    ]
    outcomes = yield asks
    found: list[tuple[int, ScanReply]] = []
    for ask, outcome in zip(asks, outcomes, strict=True):
        if isinstance(outcome, Lost):
            cluster.members.suspect(ask.shard)
        elif isinstance(outcome, Problem):
            if outcome.code != ErrorCode.UNKNOWN_TABLE:
                raise RefusalError(outcome)
        else:
            found.append((ask.shard, outcome))
    if not found:
        raise unavailable("none of the cluster's shards answers")
    return _joined(found, request)


def _joined(found: list[tuple[int, ScanReply]], request: ScanRequest) -> ScanReply:
    """Return the first `limit` rows, but none behind the last of a shard that has more."""
    keys = np.concatenate([cluster_keys(reply.keys.to_numpy(), s) for s, reply in found])
    priorities = np.concatenate([reply.priorities.to_numpy() for _, reply in found])
    by_key = request.order == "key"
    order = np.argsort(keys) if by_key else np.lexsort((keys, -priorities))
    ends = np.cumsum([reply.keys.shape[0] for _, reply in found])
    fitting = len(order)
    for (_, reply), end in zip(found, ends, strict=True):
        if reply.more and reply.keys.shape[0]:
            fitting = min(fitting, int(np.flatnonzero(order == end - 1)[0]) + 1)
    order = order[: min(fitting, request.limit)]
    filled = [reply for _, reply in found if reply.keys.shape[0]] or [found[0][1]]
    columns = {
        name: np.concatenate([reply.columns[name].to_numpy(name) for reply in filled])[order]
        for name in filled[0].columns
    }
    previous = None
    if all(reply.previous is not None for _, reply in found):
        previous = np.concatenate([_previous(reply, shard) for shard, reply in found])[order]
    return ScanReply(
        previous=None if previous is None else Array.from_numpy(previous),
        keys=Array.from_numpy(keys[order]),
        priorities=Array.from_numpy(priorities[order]),
        columns={name: Array.from_numpy(column) for name, column in columns.items()},
        more=len(order) < len(keys) or any(reply.more for _, reply in found),
    )


def _previous(reply: ScanReply, shard: int) -> Int64Array:
    """Return the keys of the steps before, in the cluster; -1 where there is none."""
    assert reply.previous is not None
    keys = reply.previous.to_numpy("previous")
    return np.where(keys < 0, -1, cluster_keys(keys, shard))
