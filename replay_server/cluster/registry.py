"""The Ray actor by which a cluster's parts know of each other.

The supervisor publishes the shards, gateways wait for news of them, and whoever wants the cluster
larger or smaller leaves a wish. A change is a message away: nothing is asked for again and again.
"""

from __future__ import annotations

import asyncio
from typing import Final, Literal, TypeAlias

from replay_server.cluster.shards import Shard

__all__ = ["NAMESPACE", "REGISTRY_NAME", "Registry", "Wish"]

NAMESPACE: Final = "replay-server"
REGISTRY_NAME: Final = "replay-cluster"

Wish: TypeAlias = tuple[Literal["grow", "drain"], int]


class Registry:
    """The shards of a cluster as of now, and what is wished of it."""

    def __init__(self) -> None:
        self._shards: tuple[Shard, ...] = ()
        self._version = 0
        self._wishes: list[Wish] = []
        self._news = asyncio.Condition()

    async def publish(self, shards: tuple[Shard, ...]) -> None:
        """Let these be the shards."""
        async with self._news:
            self._shards = shards
            self._version += 1
            self._news.notify_all()

    async def shards(self, after: int, wait_s: float) -> tuple[int, tuple[Shard, ...]]:
        """Return version and shards once the version is above `after`, or the time is over."""
        async with self._news:
            try:
                async with asyncio.timeout(wait_s):
                    await self._news.wait_for(lambda: self._version > after)
            except TimeoutError:
                pass
            return self._version, self._shards

    async def wish(self, wish: Wish) -> None:
        """Leave a wish to the supervisor.

        Raises:
            ValueError: there is no such shard to drain.
        """
        kind, number = wish
        if kind == "drain" and number not in {shard.number for shard in self._shards}:
            known = ", ".join(str(shard.number) for shard in self._shards)
            raise ValueError(f"there is no shard {number}; there are {known or 'none'}")
        async with self._news:
            self._wishes.append(wish)
            self._news.notify_all()

    async def wishes(self, wait_s: float) -> list[Wish]:
        """Return the wishes that nobody has taken yet, once there are some or the time is over."""
        async with self._news:
            try:
                async with asyncio.timeout(wait_s):
                    await self._news.wait_for(lambda: bool(self._wishes))
            except TimeoutError:
                pass
            taken, self._wishes = self._wishes, []
            return taken
