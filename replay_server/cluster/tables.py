"""Endpoints of whole tables: each shard holds a share of every one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from replay_server.api.routes import Call
from replay_server.cluster.handling import Gateway, GatewayRoute, good
from replay_server.table_factory import check_feasible
from replay_wire import endpoints
from replay_wire.errors import ErrorCode
from replay_wire.messages import (
    EmptyReply,
    Problem,
    TableDocument,
    TableList,
    TableStats,
)
from replay_wire.sharding.asks import RefusalError, refusal
from replay_wire.specs import (
    PrioritizedSampler,
    QueueLimiter,
    TableSpec,
    UniformSampler,
)

__all__ = ["age_scale", "joined_ages", "routes", "share_of", "whole_document"]

_SUMMED = (
    "size", "rows", "inserted_total", "sampled_total", "updated_total", "stale_total",
    "deleted_total", "bytes", "priority_sum",
)  # fmt: skip


def share_of(spec: TableSpec, shards: int) -> TableSpec:
    """Return the spec of each of `shards` equal shares of a table.

    Raises:
        RefusalError: a cluster can't keep it.
        InvalidSpecError: no table could.
    """
    if isinstance(spec.rate_limiter, QueueLimiter):
        raise _invalid("rate_limiter.kind", "a cluster has no queues")
    _check_sampler(spec.sampler)
    if spec.cluster_capacity is not None:
        raise _invalid("cluster_capacity", "the gateway makes the shares")
    check_feasible(spec)
    share = msgspec.structs.replace(
        spec, capacity=-(-spec.capacity // shards), cluster_capacity=spec.capacity
    )
    check_feasible(share)
    return share


def age_scale(gateway: Gateway) -> int:
    """Return how many rows come in to a cluster for each of a shard's, about."""
    return max(len(gateway.cluster.members.serving), 1)


def whole_document(documents: list[TableDocument], scale: int) -> TableDocument:
    """Return the document of a table from those of its shares, at least one."""
    spec = dict(next((d.spec for d in documents if "columns" in d.spec), documents[0].spec))
    smallest_share = min(document.spec["capacity"] for document in documents)
    if "cluster_capacity" in spec:
        spec["capacity"] = spec.pop("cluster_capacity")
    stats = [document.stats for document in documents]
    sums: dict[str, Any] = {name: sum(getattr(s, name) for s in stats) for name in _SUMMED}
    inserted = sums["inserted_total"]
    return TableDocument(
        name=documents[0].name,
        spec=spec,
        stats=TableStats(
            **sums,
            max_priority=max(each.max_priority for each in stats),
            samples_per_insert=sums["sampled_total"] / inserted if inserted else 0.0,
            sample_age=joined_ages(
                [(each.sample_age, each.sampled_total) for each in stats], scale
            ),
        ),
        largest_insert=smallest_share,
    )


class _Handlers:
    """The endpoints of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def create_table(self, call: Call) -> tuple[int, object]:
        """Make a share of a table on each shard: 201, or 200 when one of an equal spec stands."""
        name, spec = call.names["table"], call.message.message
        gateway = self._gateway
        found = await gateway.ask_live(call, endpoints.DESCRIBE_TABLE, name)
        members = gateway.cluster.members
        takers = [s for s in members.every if s in members.serving or s in members.away]
        share = share_of(spec, max(len(takers), 1))
        standing = [reply for _, reply in found if not isinstance(reply, Problem)]
        if standing:
            capacity = standing[0].spec.get("cluster_capacity")
            if capacity != spec.capacity:
                raise refusal(
                    ErrorCode.TABLE_EXISTS,
                    f"table {name!r} stands with another spec: capacity is {capacity}, not "
                    f"{spec.capacity}; GET it first, take another name, or delete it",
                    table=name,
                )
            share = msgspec.structs.replace(share, capacity=standing[0].spec["capacity"])
        made = await gateway.ask_live(call, endpoints.CREATE_TABLE, name, share.document())
        document = whole_document(good(made), age_scale(self._gateway))
        return 200 if standing else 201, document

    async def change_table(self, call: Call) -> tuple[int, object]:
        """Change sampler, rate limiter or `max_times_sampled` of a live table; needs all shards."""
        name, change = call.names["table"], call.message.message
        gateway = self._gateway
        kinds = {
            "sampler.kind": (change.sampler or {}).get("kind", "uniform"),
            "rate_limiter.kind": (change.rate_limiter or {}).get("kind", "min_size"),
        }
        if kinds["sampler.kind"] not in ("uniform", "prioritized"):
            raise _invalid("sampler.kind", "a cluster draws uniformly or by priority")
        if kinds["rate_limiter.kind"] == "queue":
            raise _invalid("rate_limiter.kind", "a cluster has no queues")
        if (change.sampler or {}).get("replacement") is False:
            raise _invalid("sampler.replacement", "a cluster draws with replacement")
        found = await gateway.ask_every(call, endpoints.CHANGE_TABLE, name, change)
        gateway.cluster.views.pop(name, None)
        documents = good(found, missing=ErrorCode.UNKNOWN_TABLE)
        return 200, whole_document(documents, age_scale(self._gateway))

    async def describe_table(self, call: Call) -> tuple[int, object]:
        """Tell a table's spec and the sums of its shares' counters."""
        found = await self._gateway.ask_live(call, endpoints.DESCRIBE_TABLE, call.names["table"])
        documents = good(found, missing=ErrorCode.UNKNOWN_TABLE)
        return 200, whole_document(documents, age_scale(self._gateway))

    async def list_tables(self, call: Call) -> tuple[int, object]:
        """Tell every table's spec and the sums of its shares' counters, by name."""
        by_name: dict[str, list[TableDocument]] = {}
        for reply in good(await self._gateway.ask_live(call, endpoints.LIST_TABLES)):
            for document in reply.tables:
                by_name.setdefault(document.name, []).append(document)
        return 200, TableList(
            tables=[
                whole_document(by_name[name], age_scale(self._gateway)) for name in sorted(by_name)
            ]
        )

    async def drop_table(self, call: Call) -> tuple[int, object]:
        """Delete a table; needs all shards."""
        name = call.names["table"]
        found = await self._gateway.ask_every(call, endpoints.DROP_TABLE, name)
        self._gateway.cluster.views.pop(name, None)
        good(found, missing=ErrorCode.UNKNOWN_TABLE)
        return 204, None

    async def reset_table(self, call: Call) -> tuple[int, object]:
        """Empty a table; needs all shards."""
        name = call.names["table"]
        found = await self._gateway.ask_every(call, endpoints.RESET_TABLE, name)
        self._gateway.cluster.views.pop(name, None)
        good(found, missing=ErrorCode.UNKNOWN_TABLE)
        return 200, EmptyReply()


def _check_sampler(sampler: Any) -> None:
    if not isinstance(sampler, PrioritizedSampler | UniformSampler):
        raise _invalid("sampler.kind", "a cluster draws uniformly or by priority")
    if not sampler.replacement:
        raise _invalid("sampler.replacement", "a cluster draws with replacement")


def _invalid(field: str, reason: str) -> RefusalError:
    return refusal(ErrorCode.INVALID_REQUEST, f"{field}: {reason}", field=field)


def joined_ages(
    shares: Sequence[tuple[dict[str, float | None], int]], scale: int
) -> dict[str, float | None]:
    """Return the means of shares' quantiles of ages, weighted by their draws.

    Args:
        shares: quantiles by name, and draws; at least one.
        scale: see `age_scale`.
    """
    known = [(ages, draws) for ages, draws in shares if draws and None not in ages.values()]
    total = sum(draws for _, draws in known)
    return {
        name: scale * sum((ages[name] or 0.0) * draws for ages, draws in known) / total
        if total
        else None
        for name in shares[0][0]
    }


def routes(gateway: Gateway) -> list[GatewayRoute]:
    """Return the routes of this module."""
    handlers = _Handlers(gateway)
    unknown, full = ErrorCode.UNKNOWN_TABLE, ErrorCode.STORAGE_FULL
    return [
        GatewayRoute(endpoint, handler, gateway, tag="tables", errors=errors)
        for endpoint, handler, errors in (
            (endpoints.LIST_TABLES, handlers.list_tables, ()),
            (endpoints.CREATE_TABLE, handlers.create_table, (ErrorCode.TABLE_EXISTS, full)),
            (
                endpoints.CHANGE_TABLE,
                handlers.change_table,
                (unknown, ErrorCode.BAD_PRIORITY, full),
            ),
            (endpoints.DESCRIBE_TABLE, handlers.describe_table, (unknown,)),
            (endpoints.DROP_TABLE, handlers.drop_table, (unknown, full)),
            (endpoints.RESET_TABLE, handlers.reset_table, (unknown, full)),
        )
    ]
