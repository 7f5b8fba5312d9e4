"""Endpoints of checkpoints: write, list, restore, delete."""

from __future__ import annotations

from dataclasses import asdict

from replay_server.api.routes import Call, WireRoute
from replay_server.checkpointing import Checkpointing
from replay_server.service import ReplayService
from replay_wire import endpoints
from replay_wire.errors import ErrorCode
from replay_wire.messages import CheckpointList, CheckpointReply, EmptyReply
from replay_wire.specs import check_resource_name

__all__ = ["routes"]


class _Handlers:
    """The endpoints of one server's checkpoints."""

    def __init__(self, checkpointing: Checkpointing) -> None:
        self._checkpointing = checkpointing

    async def write_checkpoint(self, call: Call) -> tuple[int, object]:
        """Write the state of this instant to the data directory, replacing one of that name.

        Inserts and draws go on meanwhile; the answer comes when it is whole. Without `name` it is
        named by the time.
        """
        name = call.message.name
        if name is not None:
            check_resource_name(name, "name")
        return 201, CheckpointReply(**asdict(await self._checkpointing.write(name)))

    async def list_checkpoints(self, call: Call) -> tuple[int, object]:
        """Tell every whole checkpoint, by name."""
        found = self._checkpointing.listed()
        return 200, CheckpointList(checkpoints=[CheckpointReply(**asdict(info)) for info in found])

    async def restore_checkpoint(self, call: Call) -> tuple[int, object]:
        """Replace all tables, writers' sequences and parameters by those of a checkpoint.

        Keys and versions of parameters never go back. Until it is done other requests get 503.
        """
        await self._checkpointing.restore(call.names["name"])
        return 200, EmptyReply()

    async def delete_checkpoint(self, call: Call) -> tuple[int, object]:
        """Delete a checkpoint."""
        await self._checkpointing.delete(call.names["name"])
        return 204, None


def routes(service: ReplayService, checkpointing: Checkpointing) -> list[WireRoute]:
    """Return the routes of this module."""
    handlers = _Handlers(checkpointing)
    unknown, full = ErrorCode.UNKNOWN_CHECKPOINT, ErrorCode.STORAGE_FULL
    away, none = ErrorCode.UNAVAILABLE, ErrorCode.INVALID_REQUEST
    return [
        WireRoute(endpoint, handler, service, tag="checkpoints", errors=(none, *errors))
        for endpoint, handler, errors in (
            (endpoints.WRITE_CHECKPOINT, handlers.write_checkpoint, (full, away)),
            (endpoints.LIST_CHECKPOINTS, handlers.list_checkpoints, (full,)),
            (
                endpoints.RESTORE_CHECKPOINT,
                handlers.restore_checkpoint,
                (unknown, full, away),
            ),
            (endpoints.DELETE_CHECKPOINT, handlers.delete_checkpoint, (unknown, full)),
        )
    ]
