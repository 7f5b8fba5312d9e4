"""One round of a draw: shards are sent their targets and what is to be updated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from replay_wire import endpoints
from replay_wire.arrays import Array
from replay_wire.errors import ErrorCode
from replay_wire.messages import PriorityUpdate, Problem, SampleRequest
from replay_wire.sharding.aims import Aims, Float64Array
from replay_wire.sharding.asks import Ask, Lost, Plan, RefusalError
from replay_wire.sharding.cluster import Cluster
from replay_wire.sharding.messages import ShardDrawReply, ShardDrawRequest
from replay_wire.sharding.shard_keys import Int64Array
from replay_wire.sharding.splits import Split
from replay_wire.sharding.table_view import TableView

__all__ = ["Drawn", "DrawnPart", "exchange"]


@dataclass(frozen=True)
class DrawnPart:
    """What one shard has drawn.

    Attributes:
        shard: which.
        share: probability with which a draw fell on it.
        positions: [n] int64, of its draws among all.
        reply: the draws.
    """

    shard: int
    share: float
    positions: Int64Array
    reply: ShardDrawReply


@dataclass
class Drawn:
    """Draws of K batches of B items, shard by shard; `replay_wire.sharding.merging` joins them.

    Attributes:
        batch_size, batches: B and K.
        is_indexed: whether each distinct row came once.
        beta: exponent of the weights.
        over_table: whether weights are normalized over the table.
        parts: what came from each shard.
        size: items in the cluster.
        updated, stale: of the update's keys.
        age_scale: how many rows come in for each of a shard's.
        smallest: the smallest probability of the table's items, where weights go by it.
    """

    batch_size: int
    batches: int
    is_indexed: bool
    beta: float
    over_table: bool
    parts: list[DrawnPart] = field(default_factory=list)
    size: int = 0
    updated: int = 0
    stale: int = 0
    age_scale: int = 1
    smallest: float | None = None


def exchange(
    cluster: Cluster,
    table: str,
    view: TableView,
    request: SampleRequest,
    aims: Aims,
    update: Split,
    drawn: Drawn,
    masses: dict[int, float] | None = None,
) -> Plan[tuple[list[tuple[int, Int64Array, ShardDrawReply]], Int64Array]]:
    """Send shards their targets and updates.

    Returns:
        Shard, positions and reply of what was drawn, and the positions [n] that were not; shards
        that failed are out of `masses` then.
    """
    masses = {} if masses is None else masses
    live = set(cluster.members.live)
    highest = view.highest
    drawn.stale += sum(len(keys) for shard, (keys, _) in update.items() if shard not in live)
    shards = {
        *aims,
        *(s for s in update if s in live),
        *(masses if drawn.over_table else ()),
        *view.overdue(live),
    }
    asks = [
        Ask(
            shard,
            endpoints.SHARD_DRAW,
            table,
            _request(view, shard, request, aims, update, drawn.over_table, highest),
        )
        for shard in sorted(shards)
    ]
    outcomes = yield asks
    found: list[tuple[int, Int64Array, ShardDrawReply]] = []
    failed: list[Int64Array] = []
    refused: Problem | None = None
    for ask, outcome in zip(asks, outcomes, strict=True):
        shard = ask.shard
        positions = aims[shard][0] if shard in aims else np.empty(0, np.int64)
        if isinstance(outcome, Problem) and outcome.code != ErrorCode.UNKNOWN_TABLE:
            refused = outcome
            continue
        if isinstance(outcome, Problem | Lost):
            if isinstance(outcome, Lost):
                cluster.members.suspect(shard)
            else:
                view.forget(shard)
            drawn.stale += len(update[shard][0]) if shard in update else 0
        else:
            view.take(shard, outcome.report)
            drawn.updated += outcome.updated
            drawn.stale += outcome.stale
            count = outcome.keys.shape[0]
            found.append((shard, positions[:count], outcome))
            positions = positions[count:]
            if outcome.drawn:
                continue
        masses.pop(shard, None)
        failed.append(positions)
    if refused is not None:
        raise RefusalError(refused)
    return found, np.concatenate(failed) if failed else np.empty(0, np.int64)


def _request(
    view: TableView,
    shard: int,
    request: SampleRequest,
    aims: Aims,
    update: Split,
    smallest: bool,
    highest: float,
) -> ShardDrawRequest:
    targets: Float64Array = aims[shard][1] if shard in aims else np.empty(0)
    report = view.reports.get(shard)
    changed: dict[str, Any] = {}
    if shard in update:
        keys, priorities = update[shard]
        changed["update"] = PriorityUpdate(
            keys=Array.from_numpy(keys), priorities=Array.from_numpy(priorities)
        )
    return ShardDrawRequest(
        targets=Array.from_numpy(targets),
        columns=request.columns,
        layout=request.layout,
        smallest=smallest,
        highest=highest,
        seen=0.0 if report is None else report.highest,
        **changed,
    )
