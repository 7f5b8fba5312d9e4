"""Endpoints of the gateway itself and of the cluster as a whole: info, health, metrics."""

from __future__ import annotations

from typing import Any

from starlette.types import Scope, Send

from replay_server import __version__
from replay_server.api.bodies import send_body
from replay_server.api.headers import RequestHeaders
from replay_server.api.routes import Call
from replay_server.cluster.handling import Gateway, GatewayRoute, good
from replay_wire import endpoints
from replay_wire.endpoints import PROTOCOL_VERSION
from replay_wire.messages import HealthReply, InfoReply, Limits
from replay_wire.sharding.cluster import unavailable

__all__ = ["routes"]

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_STATES = ("serving", "draining", "down")


class _MetricsRoute(GatewayRoute):
    """A route that answers with text."""

    async def answer(
        self, scope: Scope, send: Send, headers: RequestHeaders, status: int, reply: Any
    ) -> None:
        """Send the text."""
        if not isinstance(reply, str):
            await super().answer(scope, send, headers, status, reply)
            return
        await send_body(send, headers, status, [reply.encode()], _TEXT)


class _Handlers:
    """The endpoints of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def info(self, call: Call) -> tuple[int, object]:
        """Tell the versions, what requests may ask for, and the shards."""
        replies = good(await self._gateway.ask_live(call, endpoints.INFO))
        every = [reply.limits for reply in replies]
        limits = {
            name: min(getattr(each, name) for each in every) for name in Limits.__struct_fields__
        }
        limits["memory_limit_bytes"] = sum(each.memory_limit_bytes for each in every)
        return 200, InfoReply(
            version=__version__,
            protocol=PROTOCOL_VERSION,
            limits=Limits(**limits),
            shards=self._gateway.membership.shards,
        )

    async def healthz(self, call: Call) -> tuple[int, object]:
        """Tell that the gateway lives."""
        return 200, HealthReply(status="ok")

    async def readyz(self, call: Call) -> tuple[int, object]:
        """Tell that at least one shard takes inserts; 503 while none does."""
        await self._gateway.membership.follow()
        if not self._gateway.cluster.members.serving:
            raise unavailable("no shard of the cluster takes inserts now")
        return 200, HealthReply(status="ok")

    async def metrics(self, call: Call) -> tuple[int, object]:
        """Tell how many shards there are; each tells of itself at its own `/metrics`."""
        await self._gateway.ask_live(call, endpoints.HEALTHZ)
        shards = self._gateway.membership.shards
        lines = [
            "# HELP replay_cluster_shards Shards by state, as the gateway sees them.",
            "# TYPE replay_cluster_shards gauge",
            *(
                f'replay_cluster_shards{{state="{state}"}} '
                f"{sum(shard.state == state for shard in shards)}"
                for state in _STATES
            ),
        ]
        return 200, "\n".join(lines) + "\n"


def routes(gateway: Gateway) -> list[GatewayRoute]:
    """Return the routes of this module."""
    handlers = _Handlers(gateway)
    return [
        GatewayRoute(endpoints.INFO, handlers.info, gateway, tag="server"),
        GatewayRoute(endpoints.HEALTHZ, handlers.healthz, gateway, tag="server"),
        GatewayRoute(endpoints.READYZ, handlers.readyz, gateway, tag="server"),
        _MetricsRoute(endpoints.METRICS, handlers.metrics, gateway, tag="server"),
    ]
