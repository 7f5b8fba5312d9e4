"""Who belongs to the cluster: follows the directory, and lets shards in that come or come back.

A shard is asked for rows once it has every table of the others, and has deleted what others did in
its stead while it was away (`replay_wire.sharding.inserting`). All of it happens as requests come:
a gateway that nobody asks does nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import Final

from replay_server.cluster.courier import Courier
from replay_server.cluster.shards import ShardDirectory
from replay_wire import endpoints
from replay_wire.messages import Problem, ShardEntry
from replay_wire.sharding.asks import Ask, Lost, RefusalError
from replay_wire.sharding.cluster import Cluster
from replay_wire.sharding.inserting import retract_doubles

__all__ = ["Membership"]

logger = logging.getLogger(__name__)

_PROBE_S: Final = 0.25
_LONGEST_PROBE_S: Final = 2.0
_FIRST_S: Final = 2.0


class Membership:
    """Keeps a cluster's members as the directory and their answers say."""

    def __init__(
        self,
        directory: ShardDirectory,
        cluster: Cluster,
        courier: Courier,
        authorization: bytes | None,
    ) -> None:
        """Follow a directory; `authorization` is of an admin, where shards ask for one."""
        self._directory = directory
        self._cluster = cluster
        self._courier = courier
        self._authorization = authorization
        self._version = -1
        self._is_new = True
        self._welcomes: dict[int, asyncio.Task[None]] = {}
        self._next_s: dict[int, float] = {}
        self._pause_s: dict[int, float] = {}

    @property
    def shards(self) -> list[ShardEntry]:
        """The shards; those that do not answer are down, whatever the directory says."""
        live = self._cluster.members.live
        return [
            ShardEntry(
                number=shard.number,
                url=shard.url,
                state=shard.state if shard.number in live else "down",
            )
            for shard in self._directory.current()
        ]

    async def follow(self) -> None:
        """Take note of what has changed; wait for shards only at first, or where there are none."""
        members = self._cluster.members
        if self._directory.version != self._version:
            self._take_over()
        now_s = time.monotonic()
        for shard in members.suspected:
            if shard not in self._welcomes and self._next_s.get(shard, 0.0) <= now_s:
                task = asyncio.ensure_future(self._welcome(shard))
                self._welcomes[shard] = task
                task.add_done_callback(partial(self._welcomed, shard))
        if self._welcomes and (self._is_new or not members.live):
            how = asyncio.ALL_COMPLETED if self._is_new else asyncio.FIRST_COMPLETED
            await asyncio.wait(list(self._welcomes.values()), timeout=_FIRST_S, return_when=how)
            self._is_new = False

    def _welcomed(self, shard: int, _: asyncio.Task[None]) -> None:
        self._welcomes.pop(shard, None)

    def close(self) -> None:
        """Let go of what is under way."""
        for task in tuple(self._welcomes.values()):
            task.cancel()
        self._courier.close()

    def _take_over(self) -> None:
        self._version, shards = self._directory.version, self._directory.current()
        self._courier.replace({shard.number: shard.url for shard in shards})
        self._cluster.members.replace(
            {shard.number: shard.state for shard in shards}, trusted=False
        )
        self._next_s.clear()
        self._pause_s.clear()

    async def _welcome(self, shard: int) -> None:
        """Let a shard in if it is there."""
        try:
            if await self._courier.lives(shard) and await self._join(shard):
                self._cluster.members.trust(shard)
                self._pause_s.pop(shard, None)
                return
        except RefusalError as error:
            logger.warning("shard %d is not let in: %s", shard, error)
        pause_s = self._pause_s.get(shard, _PROBE_S)
        self._pause_s[shard] = min(2 * pause_s, _LONGEST_PROBE_S)
        self._next_s[shard] = time.monotonic() + pause_s

    async def _join(self, shard: int) -> bool:
        """Give a shard the tables of the others, and have it take back what they did for it."""
        members = self._cluster.members
        asked = [shard, *(other for other in members.every if other != shard)]
        outcomes = await self._courier.ask_all(
            [Ask(each, endpoints.LIST_TABLES) for each in asked], self._authorization
        )
        own, *others = outcomes
        if isinstance(own, Problem):
            raise RefusalError(own)
        if isinstance(own, Lost):
            return False
        names = {document.name for document in own.tables}
        for other in others:
            for document in () if isinstance(other, Lost | Problem) else other.tables:
                if document.name not in names and "cluster_capacity" in document.spec:
                    names.add(document.name)
                    made = await self._courier.ask(
                        Ask(shard, endpoints.CREATE_TABLE, document.name, document.spec),
                        self._authorization,
                    )
                    if isinstance(made, Problem):
                        raise RefusalError(made)
        for document in own.tables:
            plan = retract_doubles(self._cluster, document.name, shard)
            deleted = await self._courier.run(plan, self._authorization)
            if deleted:
                logger.info("shard %d: %d rows that others had, too", shard, deleted)
        return True
