"""Endpoints of checkpoints: one of each shard under the same name make up one of the cluster."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import reduce

from replay_server.api.routes import Call
from replay_server.cluster.handling import Gateway, GatewayRoute, good
from replay_server.errors import UnknownCheckpointError
from replay_wire import endpoints
from replay_wire.errors import ErrorCode
from replay_wire.messages import (
    CheckpointList,
    CheckpointReply,
    CheckpointRequest,
    EmptyReply,
)
from replay_wire.sharding.cluster import Homes
from replay_wire.specs import check_resource_name

__all__ = ["routes"]


class _Handlers:
    """The endpoints of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def write_checkpoint(self, call: Call) -> tuple[int, object]:
        """Write a checkpoint of each shard, each of its own instant; needs all shards."""
        name = call.message.message.name or f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
        check_resource_name(name, "name")
        found = await self._gateway.ask_every(
            call, endpoints.WRITE_CHECKPOINT, message=CheckpointRequest(name=name)
        )
        return 201, reduce(_joined, good(found))

    async def list_checkpoints(self, call: Call) -> tuple[int, object]:
        """Tell every checkpoint that all shards have whole, by name."""
        lists = good(await self._gateway.ask_live(call, endpoints.LIST_CHECKPOINTS))
        by_shard = [{each.name: each for each in reply.checkpoints} for reply in lists]
        names = set.intersection(*(set(each) for each in by_shard))
        return 200, CheckpointList(
            checkpoints=[reduce(_joined, (c[name] for c in by_shard)) for name in sorted(names)]
        )

    async def restore_checkpoint(self, call: Call) -> tuple[int, object]:
        """Replace all tables by those of a checkpoint that every shard has; needs all shards."""
        name = call.names["name"]
        gateway = self._gateway
        gateway.check_whole()
        for reply in good(await gateway.ask_every(call, endpoints.LIST_CHECKPOINTS)):
            if name not in {each.name for each in reply.checkpoints}:
                raise UnknownCheckpointError(name)
        good(await gateway.ask_every(call, endpoints.RESTORE_CHECKPOINT, name))
        gateway.cluster.views.clear()
        gateway.cluster.homes = Homes()
        return 200, EmptyReply()

    async def delete_checkpoint(self, call: Call) -> tuple[int, object]:
        """Delete a checkpoint of all shards."""
        found = await self._gateway.ask_every(call, endpoints.DELETE_CHECKPOINT, call.names["name"])
        good(found, missing=ErrorCode.UNKNOWN_CHECKPOINT)
        return 204, None


def _joined(one: CheckpointReply, other: CheckpointReply) -> CheckpointReply:
    return CheckpointReply(
        name=one.name,
        tables=max(one.tables, other.tables),
        rows=one.rows + other.rows,
        bytes=one.bytes + other.bytes,
    )


def routes(gateway: Gateway) -> list[GatewayRoute]:
    """Return the routes of this module."""
    handlers = _Handlers(gateway)
    unknown, full = ErrorCode.UNKNOWN_CHECKPOINT, ErrorCode.STORAGE_FULL
    none = ErrorCode.INVALID_REQUEST
    return [
        GatewayRoute(endpoint, handler, gateway, tag="checkpoints", errors=(none, *errors))
        for endpoint, handler, errors in (
            (endpoints.WRITE_CHECKPOINT, handlers.write_checkpoint, (full,)),
            (endpoints.LIST_CHECKPOINTS, handlers.list_checkpoints, ()),
            (endpoints.RESTORE_CHECKPOINT, handlers.restore_checkpoint, (unknown, full)),
            (endpoints.DELETE_CHECKPOINT, handlers.delete_checkpoint, (unknown,)),
        )
    ]
