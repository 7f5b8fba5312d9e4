"""Endpoints of rows and items, for all shards."""

from __future__ import annotations

from replay_server.api.routes import Call
from replay_server.cluster.handling import Gateway, GatewayRoute
from replay_wire import endpoints
from replay_wire.arrays import Array
from replay_wire.errors import ErrorCode
from replay_wire.messages import MixedSampleReply, SampleReply
from replay_wire.sharding import drawing, inserting, scanning, updates
from replay_wire.sharding.exchange import Drawn
from replay_wire.sharding.merging import merged
from replay_wire.specs import check_resource_name

__all__ = ["routes"]


class _Handlers:
    """The endpoints of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def insert(self, call: Call) -> tuple[int, object]:
        """Store rows, all on one shard; those of a writer always on the same."""
        plan = inserting.insert(self._gateway.cluster, call.names["table"], call.message.message)
        return 200, await self._gateway.run(call, plan)

    async def sample(self, call: Call) -> tuple[int, object]:
        """Draw batches from all shards, after applying the priorities that came along."""
        plan = drawing.draw(self._gateway.cluster, call.names["table"], call.message.message)
        return 200, _reply(await self._gateway.run(call, plan))

    async def sample_mixed(self, call: Call) -> tuple[int, object]:
        """Draw from several tables in one answer: all parts in their order, or none."""
        request = call.message.message
        for place, part in enumerate(request.parts):
            check_resource_name(part.table, f"parts[{place}].table")
        drawn = await self._gateway.run(call, drawing.draw_mixed(self._gateway.cluster, request))
        return 200, MixedSampleReply(parts=[_reply(each) for each in drawn])

    async def update_priorities(self, call: Call) -> tuple[int, object]:
        """Set raw priorities by key, each on its shard."""
        plan = updates.update_priorities(
            self._gateway.cluster, call.names["table"], call.message.message
        )
        return 200, await self._gateway.run(call, plan)

    async def delete_rows(self, call: Call) -> tuple[int, object]:
        """Delete rows by key, each on its shard."""
        plan = updates.delete(self._gateway.cluster, call.names["table"], call.message.message)
        return 200, await self._gateway.run(call, plan)

    async def scan(self, call: Call) -> tuple[int, object]:
        """Read rows as they were stored, by key or by priority."""
        plan = scanning.scan(self._gateway.cluster, call.names["table"], call.message.message)
        return 200, await self._gateway.run(call, plan)


def _reply(drawn: Drawn) -> SampleReply:
    whole = merged(drawn)
    columns: dict[str, object] = {
        name: Array.from_numpy(column) for name, column in whole.columns.items()
    }
    if whole.rows is not None:
        columns["rows"] = {name: Array.from_numpy(rows) for name, rows in whole.rows.items()}
    return SampleReply(
        columns=columns,  # type: ignore[arg-type]
        size=drawn.size,
        updated=drawn.updated,
        stale=drawn.stale,
        **{name: Array.from_numpy(array) for name, array in whole.items.items()},
    )


def routes(gateway: Gateway) -> list[GatewayRoute]:
    """Return the routes of this module, the busiest first."""
    handlers = _Handlers(gateway)
    unknown, shape = ErrorCode.UNKNOWN_TABLE, ErrorCode.SCHEMA_MISMATCH
    priority, full = ErrorCode.BAD_PRIORITY, ErrorCode.STORAGE_FULL
    limited = (ErrorCode.NOTHING_TO_DRAW, ErrorCode.RATE_LIMITED, full)
    return [
        GatewayRoute(endpoint, handler, gateway, tag="rows", errors=(unknown, *errors))
        for endpoint, handler, errors in (
            (endpoints.SAMPLE, handlers.sample, (shape, priority, *limited)),
            (
                endpoints.INSERT,
                handlers.insert,
                (shape, priority, ErrorCode.STALE_SEQUENCE, ErrorCode.RATE_LIMITED, full),
            ),
            (endpoints.MIXED_SAMPLE, handlers.sample_mixed, (shape, priority, *limited)),
            (endpoints.UPDATE_PRIORITIES, handlers.update_priorities, (priority, full)),
            (endpoints.DELETE_ROWS, handlers.delete_rows, (full,)),
            (endpoints.SCAN, handlers.scan, (shape,)),
        )
    ]
