"""Start a cluster from Python, as `replay-server cluster` does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from replay_server.cluster.registry import NAMESPACE, REGISTRY_NAME
from replay_server.settings import ClusterSettings

if TYPE_CHECKING:
    from replay_server.cluster.supervisor import Supervisor

__all__ = [
    "ClusterStartError",
    "RayMissingError",
    "RunningCluster",
    "drain",
    "grow",
    "launch",
]

logger = logging.getLogger(__name__)

_NODES_WITHIN_S: Final = 300.0
_LOOK_S: Final = 0.2


class RayMissingError(ImportError):
    """Ray is not installed."""

    def __init__(self) -> None:
        super().__init__("a cluster runs on Ray: pip install 'replay-server[cluster]'")


class ClusterStartError(Exception):
    """A cluster can't be started, or there is none; the message says why."""


@dataclass
class RunningCluster:
    """A cluster that serves; `stop` it, or use it in a `with`.

    Attributes:
        urls: of its gateways; any of them will do.
    """

    urls: list[str]
    _supervisor: Supervisor
    _loop: asyncio.AbstractEventLoop
    _running: Any

    @property
    def url(self) -> str:
        """The URL of the first gateway, which runs on this node."""
        return self.urls[0]

    def grow(self, shards: int) -> None:
        """Add that many shards, which take inserts as soon as they are there."""
        _wish("grow", shards)

    def drain(self, number: int) -> None:
        """Let a shard take no more inserts, and go when its rows are old.

        Raises:
            ClusterStartError: there is no such shard.
        """
        _wish("drain", number)

    def wait(self, timeout_s: float | None = None) -> None:
        """Return when the cluster has failed, which it raises, or when the time is over."""
        with contextlib.suppress(TimeoutError):
            self._running.result(timeout_s)

    def stop(self) -> None:
        """End it: requests under way are answered, what is durable stays on disk."""
        self._running.cancel()
        asyncio.run_coroutine_threadsafe(self._supervisor.stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        import ray

        ray.shutdown()

    def __enter__(self) -> RunningCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def launch(settings: ClusterSettings, token: str | None = None) -> RunningCluster:
    """Start a cluster on Ray and return it once it serves.

    Shards whose data directories are found on the nodes go on under their numbers; there are at
    least as many shards as those. This process is the cluster's driver: when it ends, Ray ends
    the cluster.

    Args:
        settings: see there.
        token: an admin's, where shards ask for tokens.

    Raises:
        RayMissingError: Ray is not installed.
        ClusterStartError: no Ray is reached or it has too few nodes, a cluster runs there already,
            a shard can't start, or others could reach it without a token.
    """
    ray = _connected(settings.address)
    _wait_for_nodes(ray, settings.nodes)
    _check_who_can_reach(ray, settings)
    from replay_server.cluster.supervisor import Supervisor

    supervisor = Supervisor(settings, token)
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="replay-cluster", daemon=True).start()
    try:
        urls = asyncio.run_coroutine_threadsafe(supervisor.start(), loop).result()
    except (ray.exceptions.RayError, ValueError) as error:
        ray.shutdown()
        raise ClusterStartError(_reason(error)) from error
    running = asyncio.run_coroutine_threadsafe(supervisor.run(urls), loop)
    return RunningCluster(urls, supervisor, loop, running)


def grow(shards: int, address: str | None = None) -> None:
    """Add shards to the cluster that runs on a Ray; see `RunningCluster.grow`."""
    _connected(address)
    _wish("grow", shards)


def drain(number: int, address: str | None = None) -> None:
    """Drain a shard of the cluster that runs on a Ray; see `RunningCluster.drain`."""
    _connected(address)
    _wish("drain", number)


def _wish(kind: str, number: int) -> None:
    import ray

    try:
        registry = ray.get_actor(REGISTRY_NAME, namespace=NAMESPACE)
    except ValueError as error:
        raise ClusterStartError(
            "no cluster runs on this Ray; start one with replay-server cluster --shards N"
        ) from error
    try:
        ray.get(registry.wish.remote((kind, number)))
    except ray.exceptions.RayTaskError as error:
        raise ClusterStartError(str(error.cause)) from error


def _connected(address: str | None) -> Any:
    try:
        import ray
    except ImportError as error:
        raise RayMissingError from error
    if not ray.is_initialized():
        try:
            ray.init(address, namespace=NAMESPACE, logging_level=logging.WARNING)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ClusterStartError(
                f"no Ray at {address or 'hand'} ({error}); "
                "start it with `ray start --head`, or leave --address out"
            ) from error
    return ray


def _wait_for_nodes(ray: Any, wanted: int) -> None:
    deadline = time.monotonic() + _NODES_WITHIN_S
    while (found := sum(node["Alive"] for node in ray.nodes())) < wanted:
        if time.monotonic() > deadline:
            raise ClusterStartError(
                f"Ray has {found} of the {wanted} nodes that --nodes asks for after "
                f"{_NODES_WITHIN_S:g} s"
            )
        time.sleep(_LOOK_S)


def _check_who_can_reach(ray: Any, settings: ClusterSettings) -> None:
    from replay_server.listening import is_loopback

    if settings.tokens is not None or settings.allow_unauthenticated:
        return
    for node in ray.nodes():
        if node["Alive"] and not is_loopback(node["NodeManagerAddress"]):
            raise ClusterStartError(
                f"refusing to listen on {node['NodeManagerAddress']}, which others can reach, "
                "without asking who they are; give --tokens (and --token-file), or "
                "--allow-unauthenticated on a private network"
            )


def _reason(error: Exception) -> str:
    if "already" in str(error) and REGISTRY_NAME in str(error):
        return "a cluster runs on this Ray already; use --grow or --drain, or stop it"
    return " ".join(str(getattr(error, "cause", None) or error).split())[:600]
