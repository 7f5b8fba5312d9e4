"""How the parts of a cluster hear of each other, without Ray."""

import asyncio

import pytest

from replay_server.cluster.registry import Registry
from replay_server.cluster.shards import Shard


def test_whoever_waits_hears_of_a_change_at_once():
    async def wait_and_publish() -> tuple[int, tuple[Shard, ...]]:
        registry = Registry()
        waiting = asyncio.ensure_future(registry.shards(0, wait_s=60.0))
        await asyncio.sleep(0)
        await registry.publish((Shard(4, "http://there"),))
        return await asyncio.wait_for(waiting, 5.0)

    assert asyncio.run(wait_and_publish()) == (1, (Shard(4, "http://there"),))


def test_who_has_waited_long_enough_is_told_what_was_known():
    async def wait() -> tuple[int, tuple[Shard, ...]]:
        registry = Registry()
        await registry.publish((Shard(4, "http://there"),))
        return await registry.shards(1, wait_s=0.01)

    assert asyncio.run(wait()) == (1, (Shard(4, "http://there"),))


def test_a_wish_is_taken_once():
    async def wish() -> list[object]:
        registry = Registry()
        await registry.wish(("grow", 2))
        return [await registry.wishes(0.01), await registry.wishes(0.01)]

    assert asyncio.run(wish()) == [[("grow", 2)], []]


def test_a_shard_that_is_not_there_is_not_drained():
    async def wish() -> None:
        registry = Registry()
        await registry.publish((Shard(4, "http://there"),))
        await registry.wish(("drain", 5))

    with pytest.raises(ValueError, match="no shard 5; there are 4"):
        asyncio.run(wish())
