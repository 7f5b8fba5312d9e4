"""Shards that die, come back, join and leave, under a gateway and real clients."""

import os
import signal
import time

import numpy as np
import pytest

from agent_client.errors import ServerUnavailableError, StaleSequenceError
from agent_client.replay_client import ReplayClient
from replay_server.cluster import Shard
from replay_wire.sharding.shard_keys import MAX_SHARDS
from tests.cluster_process import ClusterUnderTest

SPEC = {"capacity": 100_000, "sampler": {"kind": "uniform"}}


def row(number: int) -> dict[str, np.ndarray]:
    return {"number": np.array([number])}


def numbers(client: ReplayClient) -> list[int]:
    found, after, more = [], -1, True
    while more:
        part = client.scan("t", after=after, limit=10_000)
        found += part.columns["number"].tolist() if len(part.keys) else []
        after, more = int(part.keys[-1]) if len(part.keys) else after, part.more
    return sorted(found)


def wait_until_back(client: ReplayClient, shards: int) -> None:
    deadline = time.monotonic() + 20.0
    while sum(shard.state == "serving" for shard in client.info().shards) < shards:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_draws_and_inserts_go_on_without_a_dead_shard(mortal_cluster: ClusterUnderTest):
    with ReplayClient(mortal_cluster.url, direct=False) as client:
        client.create_table("t", SPEC)
        for number in range(200):
            client.insert("t", row(number))
        mortal_cluster.kill(1)
        begun_at = time.monotonic()
        batch = client.sample("t", 64)
        for number in range(200, 220):
            client.insert("t", row(number), writer=(f"w{number}", 0))
        took_s = time.monotonic() - begun_at

        assert took_s < 3.0  # a second where nothing else runs; a test shares its machine
        assert {int(key) % MAX_SHARDS for key in batch.keys} == {0, 2, 3}
        assert batch.probabilities == pytest.approx(1 / 150)
        assert client.update_priorities("t", [1, 0], [1.0, 1.0]).stale == 1


def test_a_shard_that_hangs_is_given_up_within_a_second(mortal_cluster: ClusterUnderTest):

    with ReplayClient(mortal_cluster.url, direct=False) as client:
        client.create_table("t", SPEC)
        for number in range(80):
            client.insert("t", row(number))
        client.sample("t", 64)
        os.kill(mortal_cluster.processes[3].pid, signal.SIGSTOP)
        begun_at = time.monotonic()
        batch = client.sample("t", 64)
        took_s = time.monotonic() - begun_at
        os.kill(mortal_cluster.processes[3].pid, signal.SIGCONT)
        wait_until_back(client, 4)

        assert took_s < 3.5  # as above
        assert 3 not in {int(key) % MAX_SHARDS for key in batch.keys}
        assert client.sample("t", 64).size == 80


def test_inserts_are_done_once_though_their_shard_dies_and_comes_back(
    durable_cluster: ClusterUnderTest,
):
    """A writer whose answer was lost sends again: to another shard, while the first is away.

    The row lies on the first one's disk by then, and has to go when that is back.
    """
    cluster = durable_cluster
    with (
        ReplayClient(cluster.url, direct=False) as client,
        ReplayClient(cluster.url, direct=False) as second,
    ):
        client.create_table("t", SPEC)
        writers = [f"w{n}" for n in range(12)]
        homes = {
            writer: int(client.insert("t", row(n), writer=(writer, 1)).keys[0]) % MAX_SHARDS
            for n, writer in enumerate(writers)
        }
        mine = [n for n, writer in enumerate(writers) if homes[writer] == 0]
        others = [n for n, writer in enumerate(writers) if homes[writer] != 0]
        for n in mine:  # done and answered; the answers are lost, say
            client.insert("t", row(100 + n), writer=(writers[n], 2))
        cluster.kill(0)
        for n in mine:
            again = client.insert("t", row(100 + n), writer=(writers[n], 2))
            assert not again.duplicate
            assert int(again.keys[0]) % MAX_SHARDS != 0
        for n in range(12):
            second.insert("t", row(200 + n), writer=(writers[n], 3))
        while_away = numbers(client)
        cluster.restart(0)
        wait_until_back(client, 3)
        repeated = client.insert("t", row(0), writer=(writers[mine[0]], 3))

        assert len(mine) > 1
        assert while_away == sorted([*others, *(100 + n for n in mine), *range(200, 212)])
        assert numbers(client) == sorted([*range(12), *(100 + n for n in mine), *range(200, 212)])
        assert repeated.duplicate
        with pytest.raises(StaleSequenceError):
            client.insert("t", row(0), writer=(writers[mine[0]], 2))


def test_a_shard_that_joins_takes_inserts_at_once(mortal_cluster: ClusterUnderTest):
    with ReplayClient(mortal_cluster.url, direct=False) as client:
        client.create_table("t", SPEC)
        for number in range(40):
            client.insert("t", row(number))
        new = mortal_cluster.grow()
        wait_until_back(client, 5)
        keys = [int(client.insert("t", row(40 + n)).keys[0]) for n in range(10)]
        client.update_priorities("t", keys, np.ones(10))
        client.sample("t", 8)
        batch = client.sample("t", 250)

        assert sum(key % MAX_SHARDS == new for key in keys) == 2
        assert new in {int(key) % MAX_SHARDS for key in batch.keys}
        assert numbers(client) == list(range(50))


def test_a_shard_that_drains_is_drawn_from_and_takes_nothing(mortal_cluster: ClusterUnderTest):
    with ReplayClient(mortal_cluster.url, direct=False) as client:
        client.create_table("t", SPEC)
        writers = {}
        for n in range(40):
            writers[f"w{n}"] = int(client.insert("t", row(n), writer=(f"w{n}", 1)).keys[0])
        mortal_cluster.drain(2)
        settled = [w for w, key in writers.items() if key % MAX_SHARDS == 2]
        again = client.insert("t", row(0), writer=(settled[0], 1))
        new = [
            int(client.insert("t", row(40 + n), writer=(w, 2)).keys[0])
            for n, w in enumerate(writers)
        ]

        assert again.duplicate
        assert again.keys.tolist() == [writers[settled[0]]]
        assert 2 not in {key % MAX_SHARDS for key in new}
        assert 2 in {int(key) % MAX_SHARDS for key in client.sample("t", 128).keys}
        assert numbers(client) == list(range(80))


def test_without_any_shard_it_says_so(mortal_cluster: ClusterUnderTest):
    with ReplayClient(mortal_cluster.url, direct=False) as client:
        client.create_table("t", SPEC)
        shards = mortal_cluster.directory.current()
        mortal_cluster.directory.replace([Shard(s.number, s.url, "down") for s in shards])
        once = client.without_retries()
        for call in (
            lambda: once.sample("t", 4),
            lambda: once.insert("t", row(1)),
            lambda: once.insert("t", row(1), writer=("w", 1)),
            lambda: once.describe_table("t"),
            lambda: once.put_parameters("p", b""),
        ):
            with pytest.raises(ServerUnavailableError):
                call()
