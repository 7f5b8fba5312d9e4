"""The endpoint that Prometheus reads."""

from __future__ import annotations

import asyncio

from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from starlette.types import Scope, Send

from replay_server.api.bodies import send_body
from replay_server.api.headers import RequestHeaders
from replay_server.api.routes import Call, WireRoute
from replay_server.metrics import ServerMetrics
from replay_server.service import ReplayService
from replay_wire import endpoints

__all__ = ["routes"]


class _Families:
    """Families that were collected, as the encoders of the library take them."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


class MetricsRoute(WireRoute):
    """A route whose handler answers with families, in the form that Prometheus asks for."""

    async def answer(
        self, scope: Scope, send: Send, headers: RequestHeaders, status: int, reply: _Families
    ) -> None:
        """Send the families as text, which is made beside the event loop."""
        encode, content_type = choose_encoder((headers.accept or b"").decode("latin-1"))
        text = await asyncio.to_thread(encode, reply)
        await send_body(send, headers, status, [text], content_type)


def routes(service: ReplayService, metrics: ServerMetrics) -> list[WireRoute]:
    """Return the routes of this module."""

    async def read_metrics(call: Call) -> tuple[int, object]:
        """Tell Prometheus how the server and its tables do.

        Text in the form of Prometheus, or OpenMetrics where `Accept` asks for it.
        docs/monitoring.md tells what each family means.
        """
        return 200, _Families(metrics.collect())

    return [MetricsRoute(endpoints.METRICS, read_metrics, service, tag="server", errors=())]
