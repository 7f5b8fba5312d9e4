"""The Ray actor that is one gateway: uvicorn on a thread, and the registry's news on another.

A gateway holds nothing, so Ray may start it again anywhere and as many of them as wanted. It is
plain uvicorn and not Ray Serve: a request would pass Serve's proxy and be copied into another
process before the gateway copies it once more.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any, Final, cast

import uvicorn

from replay_server.cluster.gateway import create_gateway_app
from replay_server.cluster.registry import NAMESPACE, REGISTRY_NAME
from replay_server.cluster.shards import ShardDirectory
from replay_server.connections import Connection, LimitedConfig
from replay_server.listening import listen, url_of
from replay_server.metrics.request_counts import RequestCounts
from replay_server.settings import ClusterSettings, ServerSettings, raise_file_limit
from replay_server.tls import client_context, server_context

__all__ = ["GatewayActor"]

_NEWS_WAIT_S: Final = 30.0
_STOP_WITHIN_S: Final = 30
_TICKS_A_LOOK: Final = 5


class GatewayActor:
    """Serves the protocol for the shards that a registry tells of."""

    def __init__(self, settings: ClusterSettings, port: int, token: str | None) -> None:
        """Listen and serve.

        Args:
            settings: where to listen, and by which certificate.
            port: to listen on; 0 takes a free one.
            token: an admin's, where the shards ask for tokens.
        """
        import ray

        self._ray = ray
        self._registry = ray.get_actor(REGISTRY_NAME, NAMESPACE)
        self._directory = ShardDirectory()
        self._is_informed = threading.Event()
        host, tls = settings.host, None
        if settings.tls_cert is not None and settings.tls_key is not None:
            tls = server_context(settings.tls_cert, settings.tls_key)
        listener = listen(host or ray.util.get_node_ip_address(), port, None)
        shown = host if host not in (None, "0.0.0.0", "::") else ray.util.get_node_ip_address()
        self._url = url_of(listener, cast("str", shown), tls is not None)
        limits, requests = ServerSettings().limits, RequestCounts()
        raise_file_limit(limits.max_connections)
        self._server = _Server(
            LimitedConfig(
                create_gateway_app(
                    self._directory, token=token, ssl_context=client_context(settings.tls_ca)
                ),
                limits,
                requests,
                access_log=False,
                log_config=None,
                server_header=False,
                ws="none",
                timeout_graceful_shutdown=_STOP_WITHIN_S,
                ssl_context_factory=None if tls is None else lambda *_: tls,
            )
        )
        requests.connections = self._server.server_state.connections
        self._thread = threading.Thread(target=self._serve, args=(listener,), daemon=True)
        self._thread.start()
        threading.Thread(target=self._follow, daemon=True).start()

    async def url(self) -> str:
        """Return where it serves, once it knows the shards."""
        await asyncio.to_thread(self._is_informed.wait)
        return self._url

    async def pid(self) -> int:
        """Return the id of this process on its node."""
        return os.getpid()

    async def wait_until_over(self) -> None:
        """Never return: whoever waits for it learns of the actor's end at once."""
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Answer the requests under way, and serve no more."""
        self._server.should_exit = True
        await asyncio.to_thread(self._thread.join, _STOP_WITHIN_S + 5)

    def _serve(self, listener: Any) -> None:
        try:
            self._server.run(sockets=[listener])
        finally:
            if not self._server.should_exit:
                os._exit(1)  # so that Ray starts another

    def _follow(self) -> None:
        version = -1
        while True:
            try:
                news = self._registry.shards.remote(version, _NEWS_WAIT_S)
                version, shards = news.future().result()
            except self._ray.exceptions.RayError:
                os._exit(1)  # the cluster is over
            self._directory.replace(shards)
            self._is_informed.set()


class _Server(uvicorn.Server):
    """Cuts connections that are late, as a replay server does."""

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_A_LOOK == 0:
            now = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                cast("Connection", connection).cut_if_late(now)
        return await super().on_tick(counter)
