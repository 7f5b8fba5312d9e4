"""Draws from a cluster: exact in two levels, whatever moves meanwhile.

Who draws knows each shard's mass as it last told, and makes the targets over their sum; the shard
maps its own into its mass of now. So item i of shard s is drawn with probability
`(M_s known / sum of known) * m_i / M_s now`, which is what is told and weighted with.

Where a shard is lost on the way, or has nothing left, the draws that fell on it are made anew over
the others with the same known masses, and probabilities are told as if it had not been there: a
draw that falls on it is refused and made again, which is to draw from the others alone.
"""

from __future__ import annotations

import math
import time

from replay_wire.errors import ErrorCode
from replay_wire.messages import MixedSampleRequest, SampleRequest
from replay_wire.sharding.aims import aim
from replay_wire.sharding.asks import Plan, refusal
from replay_wire.sharding.cluster import Cluster, admitted_draws, look, unavailable
from replay_wire.sharding.exchange import Drawn, DrawnPart, exchange
from replay_wire.sharding.messages import ShardDrawReply
from replay_wire.sharding.shard_keys import Int64Array
from replay_wire.sharding.splits import Split, split_update
from replay_wire.sharding.table_view import TableView
from replay_wire.specs import PrioritizedSampler, UniformSampler

__all__ = ["draw", "draw_mixed"]


def draw(cluster: Cluster, table: str, request: SampleRequest) -> Plan[Drawn]:
    """Draw from one table.

    Raises:
        RefusalError: as a table would refuse it, or no shard answers.
    """
    draws = _checked_draws(cluster, request.batch_size * request.batches)
    deadline = time.monotonic() + request.timeout
    views = yield from admitted_draws(cluster, {table: draws}, deadline)
    view = views[table]
    update = split_update(view.spec, request.update, "update.")
    with view.reserving(draws=draws):
        return (yield from _draw(cluster, table, view, request, update))


def draw_mixed(cluster: Cluster, request: MixedSampleRequest) -> Plan[list[Drawn]]:
    """Draw from several tables, in their order.

    Raises:
        RefusalError: as `draw` does. All parts are let in before the first is drawn.
    """
    wanted: dict[str, int] = {}
    for part in request.parts:
        wanted[part.table] = wanted.get(part.table, 0) + part.batch_size * part.batches
    _checked_draws(cluster, sum(wanted.values()))
    deadline = time.monotonic() + max(part.timeout for part in request.parts)
    views = yield from admitted_draws(cluster, wanted, deadline)
    updates = []
    for part in request.parts:
        view = views[part.table]
        updates.append(split_update(view.spec, part.update, "update."))
        if part.update is None and not view.masses(cluster.members.live):
            yield from _masses(cluster, part.table, view)
    drawn = []
    for part, update in zip(request.parts, updates, strict=True):
        view = views[part.table]
        with view.reserving(draws=part.batch_size * part.batches):
            drawn.append((yield from _draw(cluster, part.table, view, part, update)))
    return drawn


def _draw(
    cluster: Cluster, table: str, view: TableView, request: SampleRequest, update: Split
) -> Plan[Drawn]:
    sampler = view.spec.sampler
    if not isinstance(sampler, PrioritizedSampler | UniformSampler):
        raise refusal(
            ErrorCode.INVALID_REQUEST,
            "a cluster draws uniformly or by priority",
            field="sampler.kind",
        )
    normalize = request.normalize or sampler.normalize
    drawn = Drawn(
        request.batch_size,
        request.batches,
        request.layout == "indexed",
        sampler.beta if request.beta is None else request.beta,
        normalize == "table",
    )
    if update and not view.masses(cluster.members.live):
        yield from exchange(cluster, table, view, request, {}, update, drawn)
        update = {}
        yield from look(cluster, table)
    masses = yield from _masses(cluster, table, view)
    known = dict(masses)
    stratified = sampler.stratified and not view.spec.max_times_sampled
    aims = aim(masses, request.batch_size, request.batches, stratified, cluster.generator)
    found: list[tuple[int, Int64Array, ShardDrawReply]] = []
    while True:
        parts, failed = yield from exchange(
            cluster, table, view, request, aims, update, drawn, masses
        )
        found += parts
        if not len(failed):
            break
        if not masses:
            if view.masses(cluster.members.live):
                raise unavailable("the shards that were to be drawn from have gone")
            raise refusal(
                ErrorCode.RATE_LIMITED,
                f"the rate limiter says no: {len(failed)} more inserts",
                missing=f"{len(failed)} more inserts",
            )
        again = aim(masses, len(failed), 1, False, cluster.generator)
        aims = {shard: (failed[at], targets) for shard, (at, targets) in again.items()}
        update = {}
    left = set(masses)
    _weigh(drawn, found, {s: m for s, m in known.items() if s in left}, known)
    drawn.size = view.size(cluster.members.live)
    drawn.age_scale = max(len(cluster.members.serving), 1)
    return drawn


def _masses(cluster: Cluster, table: str, view: TableView) -> Plan[dict[int, float]]:
    """Return the known masses of the shards that have any.

    Raises:
        RefusalError: none has.
    """
    masses = view.masses(cluster.members.live)
    if not masses:
        view = yield from look(cluster, table)
        masses = view.masses(cluster.members.live)
    if not masses:
        size = view.size(cluster.members.live)
        if not size:
            raise refusal(
                ErrorCode.RATE_LIMITED,
                "the rate limiter says no: 1 more insert",
                missing="1 more insert",
            )
        raise refusal(
            ErrorCode.NOTHING_TO_DRAW,
            f"all {size} items have priority 0, so none can be drawn; give some a priority above 0",
            size=size,
        )
    return masses


def _weigh(
    drawn: Drawn,
    found: list[tuple[int, Int64Array, ShardDrawReply]],
    left: dict[int, float],
    known: dict[int, float],
) -> None:
    """Put the parts together with the share of each shard among those that are left."""
    mass_left = math.fsum(left.values())
    for shard, positions, reply in found:
        if shard not in known:
            continue
        share = known[shard] / (mass_left if shard in left else mass_left + known[shard])
        report = reply.report
        if drawn.over_table and report.smallest is not None and report.mass:
            least = share * report.smallest / report.mass
            drawn.smallest = least if drawn.smallest is None else min(drawn.smallest, least)
        if len(positions):
            drawn.parts.append(DrawnPart(shard, share, positions, reply))


def _checked_draws(cluster: Cluster, draws: int) -> int:
    if draws > cluster.max_draws:
        raise refusal(
            ErrorCode.TOO_LARGE,
            f"batch_size * batches: at most {cluster.max_draws}, got {draws} "
            "(GET /v1/info tells the limits)",
            limit=cluster.max_draws,
        )
    return draws
