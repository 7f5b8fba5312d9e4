"""The doorkeeper: shows a request's token to a shard before a byte of its body is read.

A gateway knows no tokens; the shards decide, and are asked with the token of whoever asks. But by
then the gateway has a body in its memory, and bodies of strangers would leave no room for others.
"""

from __future__ import annotations

import time
from typing import Final

from replay_server.cluster.courier import Courier
from replay_server.cluster.membership import Membership
from replay_wire import endpoints
from replay_wire.messages import Problem
from replay_wire.sharding.asks import Ask, Lost, RefusalError
from replay_wire.sharding.cluster import Cluster, unavailable

__all__ = ["Doorkeeper"]

_KNOWN_S: Final = 10.0


class Doorkeeper:
    """Lets requests in whose token a shard has taken within the last ten seconds, or takes now."""

    def __init__(self, cluster: Cluster, courier: Courier, membership: Membership) -> None:
        """Know no token yet."""
        self._cluster = cluster
        self._courier = courier
        self._membership = membership
        self._until_s: dict[bytes | None, float] = {}

    async def check(self, authorization: bytes | None) -> None:
        """Return if the shards know this header; None is none.

        Raises:
            RefusalError: they don't, or none of them answers.
        """
        now_s = time.monotonic()
        if self._until_s.get(authorization, 0.0) > now_s:
            return
        await self._membership.follow()
        members = self._cluster.members
        for shard in members.live:
            outcome = await self._courier.ask(Ask(shard, endpoints.INFO), authorization)
            if isinstance(outcome, Lost):
                members.suspect(shard)
                continue
            self._until_s = {each: end for each, end in self._until_s.items() if end > now_s}
            if isinstance(outcome, Problem):
                raise RefusalError(outcome)
            self._until_s[authorization] = now_s + _KNOWN_S
            return
        raise unavailable("none of the cluster's shards answers")
