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
        self._limits: dict[str, Limits] = {}
        self._turn = 0

    async def info(self, call: Call) -> tuple[int, object]:
        """Tell the versions, what requests may ask for, and the shards."""
        every = await self._every_limits(call)
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

    async def _every_limits(self, call: Call) -> list[Limits]:
        """Return the limits of all shards that are there.

        Those of a server never change. So of shards that are known one alone is asked, whether it
        knows the token: every client that goes straight to the shards asks for this each second.
        """
        gateway = self._gateway
        while True:
            await gateway.membership.follow()
            urls = {s.number: s.url for s in gateway.membership.shards if s.state != "down"}
            if not urls:
                raise unavailable("none of the cluster's shards answers")
            self._limits = {url: self._limits[url] for url in urls.values() if url in self._limits}
            asked = [shard for shard, url in urls.items() if url not in self._limits]
            if not asked:
                self._turn += 1
                asked = [list(urls)[self._turn % len(urls)]]
            found = await gateway.ask_some(call, asked, endpoints.INFO)
            for (shard, _), reply in zip(found, good(found), strict=True):
                self._limits[urls[shard]] = reply.limits
            if found:
                return list(self._limits.values())

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
        await self._every_limits(call)  # a shard says whether the token will do
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
