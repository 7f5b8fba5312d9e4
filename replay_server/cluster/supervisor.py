"""Keeps a cluster as large as it shall be: who runs where, who is gone, who takes its place.

Ray starts actors, notices their death and starts them again; what it can't know is decided here.
A shard is bound to the node that has its data. When that node is gone, it goes on where its data
directory is found, on a disk that nodes share, say; else it is lost, and a new, empty one with a
new number takes its place.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import ray
from ray.exceptions import ActorDiedError, ActorUnschedulableError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from replay_server.cluster.gateway_actor import GatewayActor
from replay_server.cluster.registry import NAMESPACE, REGISTRY_NAME, Registry
from replay_server.cluster.retirement import Retirement
from replay_server.cluster.shard_actor import (
    ShardActor,
    shard_folder,
    shards_on_disk,
    used_numbers,
)
from replay_server.cluster.shards import Shard
from replay_server.settings import ClusterSettings
from replay_server.tls import client_context

__all__ = ["Supervisor"]

logger = logging.getLogger(__name__)

_LOOK_S: Final = 0.5
_AGAIN_S: Final = 0.2


@dataclass(eq=False)
class _Placed:
    """A shard that runs, or that Ray is about to start again, on a node."""

    number: int
    node: str
    actor: Any
    url: str = ""
    is_up: bool = False
    is_gone: bool = False
    retirement: Retirement | None = None

    @property
    def shard(self) -> Shard:
        serving = "serving" if self.retirement is None else "draining"
        return Shard(self.number, self.url, serving if self.is_up else "down")  # type: ignore[arg-type]


class Supervisor:
    """Places shards and gateways on Ray's nodes, and tells the registry of them."""

    def __init__(self, settings: ClusterSettings, token: str | None) -> None:
        """Prepare; Ray is connected."""
        self._settings = settings
        self._token = token
        self._wanted = settings.shards
        self._data = None if settings.data_dir is None else str(settings.data_dir.absolute())
        self._placed: dict[int, _Placed] = {}
        self._next_number = 0
        self._nodes: set[str] = set()
        self._gateways: list[Any] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._registry: Any = None

    async def start(self) -> list[str]:
        """Start everything; return the gateways' URLs once all serve.

        Raises:
            ray.exceptions.RayActorError: a shard or a gateway can't be started, or a cluster runs
                on this Ray already.
        """
        here = ray.get_runtime_context().get_node_id()
        self._registry = (
            ray.remote(Registry)
            .options(
                name=REGISTRY_NAME,
                namespace=NAMESPACE,
                num_cpus=0,
                scheduling_strategy=_bound_to(here),
            )
            .remote()
        )
        await self._look_at_nodes()
        self._fill()
        await asyncio.gather(*(_begin(placed) for placed in self._placed.values()))
        await self._publish()
        for index in range(self._settings.gateways):
            port = self._settings.port + index if self._settings.port else 0
            self._gateways.append(
                ray.remote(GatewayActor)
                .options(
                    num_cpus=0,
                    max_restarts=-1,
                    scheduling_strategy="SPREAD" if index else _bound_to(here),
                )
                .remote(self._settings, port, self._token)
            )
        urls = await asyncio.gather(*(gateway.url.remote() for gateway in self._gateways))
        return list(urls)

    async def run(self, urls: list[str]) -> None:
        """Do what is to be done, for ever."""
        while True:
            for kind, number in await self._registry.wishes.remote(_LOOK_S):
                if kind == "grow":
                    self._wanted += number
                elif number in self._placed and self._placed[number].retirement is None:
                    self._wanted -= 1
                    self._placed[number].retirement = Retirement(
                        urls, self._token, client_context(self._settings.tls_ca)
                    )
                    await self._publish()
            await self._look_at_nodes()
            self._fill()
            for placed in tuple(self._placed.values()):
                if placed.retirement is not None and await placed.retirement.is_due():
                    await self._retire(placed)

    async def stop(self) -> None:
        """End gateways, then shards, each after what it has under way."""
        for task in self._tasks:
            task.cancel()
        for actors in (self._gateways, [placed.actor for placed in self._placed.values()]):
            stops = [actor.stop.remote() for actor in actors]
            await asyncio.gather(*stops, return_exceptions=True)

    async def _watch(self, placed: _Placed) -> None:
        """Tell of a shard's deaths and returns until it is gone for good."""
        while self._placed.get(placed.number) is placed:
            try:
                await _begin(placed)
                await self._publish()
                await placed.actor.wait_until_over.remote()
            except RayError as error:
                if placed.is_up:
                    logger.warning("shard %d is down", placed.number)
                    placed.is_up = False
                    await self._publish()
                elif isinstance(error, ActorDiedError | ActorUnschedulableError):
                    placed.is_gone = True
                    return
                await asyncio.sleep(_AGAIN_S)

    async def _lose(self, placed: _Placed) -> None:
        """A shard will not come back where it was: it goes on elsewhere, or is given up."""
        del self._placed[placed.number]
        ray.kill(placed.actor)
        found = await self._on_disk(shards_on_disk)
        holders = [node for node, numbers in found.items() if placed.number in numbers]
        if holders:
            logger.warning("shard %d goes on on the data that was found", placed.number)
            self._place(placed.number, self._emptiest(*holders))
        else:
            logger.error("shard %d is lost with its node or its memory", placed.number)
        await self._publish()

    async def _look_at_nodes(self) -> None:
        """Take in the data of nodes that are new, and give up those that are gone."""
        alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        new, self._nodes = alive - self._nodes, alive
        for placed in tuple(self._placed.values()):
            if placed.is_gone or placed.node not in alive:
                await self._lose(placed)
        if not new or self._data is None:
            return
        for numbers in (await self._on_disk(used_numbers)).values():
            self._next_number = max([self._next_number, *(number + 1 for number in numbers)])
        found = await self._on_disk(shards_on_disk)
        for number in sorted({number for numbers in found.values() for number in numbers}):
            if number not in self._placed:
                holders = [node for node, numbers in found.items() if number in numbers]
                self._place(number, self._emptiest(*holders))
        self._wanted = max(self._wanted, sum(p.retirement is None for p in self._placed.values()))

    async def _on_disk(self, look: Any) -> dict[str, list[int]]:
        if self._data is None:
            return {}
        remote = ray.remote(look)
        found = {
            node: remote.options(num_cpus=0, scheduling_strategy=_bound_to(node)).remote(self._data)
            for node in sorted(self._nodes)
        }
        numbers = await asyncio.gather(*found.values(), return_exceptions=True)
        return {
            node: each
            for node, each in zip(found, numbers, strict=True)
            if not isinstance(each, BaseException)
        }

    def _fill(self) -> None:
        """Place as many new shards as are missing, each on a node that has the fewest."""
        missing = self._wanted - sum(p.retirement is None for p in self._placed.values())
        for _ in range(missing):
            self._place(self._next_number, self._emptiest())

    def _emptiest(self, *among: str) -> str:
        load = Counter(placed.node for placed in self._placed.values())
        return min(among or sorted(self._nodes), key=lambda node: load[node])

    def _place(self, number: int, node: str) -> None:
        self._next_number = max(self._next_number, number + 1)
        folder = None if self._data is None else shard_folder(self._data, number)
        actor = (
            ray.remote(ShardActor)
            .options(
                num_cpus=self._settings.cpus_per_shard,
                # Without a disk it would come back empty, and issue its keys again.
                max_restarts=0 if folder is None else -1,
                scheduling_strategy=_bound_to(node),
            )
            .remote(number, self._settings.shard_options, folder)
        )
        self._placed[number] = placed = _Placed(number, node, actor)
        task = asyncio.ensure_future(self._watch(placed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _retire(self, placed: _Placed) -> None:
        del self._placed[placed.number]
        await self._publish()
        folder = None if self._data is None else shard_folder(self._data, placed.number)
        await asyncio.gather(placed.actor.stop.remote(folder), return_exceptions=True)
        ray.kill(placed.actor)
        logger.info("shard %d is drained and gone", placed.number)

    async def _publish(self) -> None:
        shards = tuple(placed.shard for placed in self._placed.values() if placed.url)
        await self._registry.publish.remote(shards)


def _bound_to(node: str) -> NodeAffinitySchedulingStrategy:
    return NodeAffinitySchedulingStrategy(node_id=node, soft=False)


async def _begin(placed: _Placed) -> None:
    placed.url = await placed.actor.url.remote()
    placed.is_up = True
