"""Shards in this process, for tests of plans: nothing between a plan and the services."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from replay_server.api.app import create_app
from replay_server.api.error_replies import problem_of
from replay_server.service import ReplayService
from replay_server.settings import ServerSettings
from replay_wire import endpoints
from replay_wire.arrays import Array
from replay_wire.complaints import convert
from replay_wire.messages import InsertRequest, PriorityUpdate
from replay_wire.sharding.asks import Ask, Lost, Outcome, Plan
from replay_wire.sharding.cluster import Cluster
from replay_wire.sharding.members import Members
from replay_wire.specs import TableSpec

Result = TypeVar("Result")


class ShardsInMemory:
    """Some shards, and one who asks them.

    Attributes:
        services: by number; one that is None has died.
        cluster: what is known of them.
        asked: every ask, in order.
    """

    def __init__(self, count: int, seed: int = 0) -> None:
        self.services: dict[int, ReplayService | None] = {
            number: create_app(ServerSettings()).state.service for number in range(count)
        }
        self.cluster = self.another(seed)
        self.asked: list[Ask] = []
        self.loop = asyncio.new_event_loop()

    def another(self, seed: int = 1) -> Cluster:
        """Return what someone else knows of them, nothing yet."""
        members = Members(dict.fromkeys(self.services, "serving"))
        return Cluster(members, generator=np.random.default_rng(seed))

    def create(self, name: str, spec: Mapping[str, Any]) -> None:
        capacity = -(-spec["capacity"] // len(self.services))
        share = {**spec, "capacity": capacity, "cluster_capacity": spec["capacity"]}
        for service in self.services.values():
            assert service is not None
            service.tables.declare(name, convert(share, TableSpec))

    def fill(self, name: str, shard: int, priorities: np.ndarray) -> np.ndarray:
        """Store numbered rows of these priorities on a shard; return their local keys."""
        service = self.service(shard)
        request = InsertRequest(
            columns={"number": Array.from_numpy(np.arange(len(priorities)))},
            priorities=Array.from_numpy(priorities),
        )
        keys = self.loop.run_until_complete(service.rows.insert(name, request)).keys
        return keys.to_numpy()

    def update(self, name: str, shard: int, keys: np.ndarray, priorities: np.ndarray) -> None:
        """Change priorities behind the back of whoever draws."""
        update = PriorityUpdate(
            keys=Array.from_numpy(keys), priorities=Array.from_numpy(priorities)
        )
        service = self.service(shard)
        self.loop.run_until_complete(service.rows.update_priorities(name, update))

    def service(self, shard: int) -> ReplayService:
        service = self.services[shard]
        assert service is not None
        return service

    def run(self, plan: Plan[Result], before: Callable[[], None] = lambda: None) -> Result:
        """Carry a plan out; `before` is called before each step of it."""
        try:
            step = next(plan)
            while True:
                before()
                asks = () if isinstance(step, int | float) else step
                step = plan.send([self._answer(ask) for ask in asks])
        except StopIteration as done:
            result: Result = done.value
            return result

    def _answer(self, ask: Ask) -> Outcome:
        self.asked.append(ask)
        service = self.services[ask.shard]
        if service is None:
            return Lost("dead", may_have_happened=True)
        try:
            return self.loop.run_until_complete(self._handle(service, ask))
        except Exception as error:  # noqa: BLE001 - as any server does
            return problem_of(error)

    async def _handle(self, service: ReplayService, ask: Ask) -> Outcome:
        shares = service.shares
        if ask.endpoint is endpoints.SHARD_TABLE:
            return shares.table(ask.name)
        if ask.endpoint is endpoints.SHARD_DRAW:
            with service.traffic.account() as account:
                return await shares.draw(ask.name, ask.message, account)
        if ask.endpoint is endpoints.SHARD_INSERT:
            return await shares.insert(ask.name, ask.message)
        if ask.endpoint is endpoints.SHARD_WRITERS:
            return shares.writers(ask.name, ask.message)
        if ask.endpoint is endpoints.SHARD_RETRACT:
            return await shares.retract(ask.name, ask.message)
        if ask.endpoint is endpoints.DELETE_ROWS:
            return await service.rows.delete(ask.name, ask.message.keys)
        assert ask.endpoint is endpoints.SCAN
        return service.rows.scan(ask.name, ask.message)
