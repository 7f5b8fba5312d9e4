"""The client straight to the shards: as through the gateway, and without it."""

import os
import signal
import time
from collections.abc import Iterator

import numpy as np
import pytest

from agent_client.batches.draws import Draw
from agent_client.errors import (
    InvalidRequestError,
    RateLimitedError,
    ServerUnreachableError,
    StaleSequenceError,
    UnknownTableError,
)
from agent_client.prefetcher import Prefetcher
from agent_client.replay_client import ReplayClient
from agent_client.writer import RowWriter
from replay_wire.sharding.shard_keys import MAX_SHARDS
from tests.cluster_process import ClusterUnderTest

SPEC = {"capacity": 10_000, "sampler": {"kind": "prioritized", "alpha": 1.0}}


@pytest.fixture(scope="module")
def standing() -> Iterator[ClusterUnderTest]:
    with ClusterUnderTest(3) as made:
        yield made


@pytest.fixture
def client(standing: ClusterUnderTest) -> Iterator[ReplayClient]:
    with ReplayClient(standing.url) as client:
        client.create_table("t", SPEC)
        yield client
        client.delete_table("t")


def fill(client: ReplayClient, inserts: int = 30) -> dict[int, int]:
    known: dict[int, int] = {}
    for insert in range(inserts):
        numbers = np.arange(10 * insert, 10 * insert + 10)
        keys = client.insert("t", {"number": numbers}).keys
        known |= zip(keys.tolist(), numbers.tolist(), strict=True)
    return known


def test_rows_go_past_the_gateway(client: ReplayClient, standing: ClusterUnderTest):
    known = fill(client)
    keys = np.array(list(known))
    batch = client.sample("t", 128)
    mixed = client.sample_mixed([Draw(table="t", batch_size=16, batches=2)])[0]
    updated = client.update_priorities("t", [*keys[:10], 7], np.full(11, 3.0))
    requests = [ReplayClient(process.url, direct=False) for process in standing.processes.values()]
    sizes = [each.describe_table("t")["stats"]["size"] for each in requests]
    for each in requests:
        each.close()

    assert sizes == [100, 100, 100]
    assert [known[key] for key in batch.keys.tolist()] == batch.columns["number"].tolist()
    assert batch.probabilities == pytest.approx(1 / 300)
    assert batch.columns["number"].flags.writeable
    assert mixed.keys.shape == (2, 16)
    assert (updated.updated, updated.stale) == (10, 1)


def test_the_gateway_may_die_once_the_shards_are_known():
    with ClusterUnderTest(2) as cluster, ReplayClient(cluster.url) as client:
        client.create_table("t", SPEC)
        fill(client)
        client.sample("t", 4)
        cluster.gateway.stop()
        known = fill(client, 4)

        assert client.sample("t", 64).size == 340
        assert {key % MAX_SHARDS for key in known} == {0, 1}
        with pytest.raises(ServerUnreachableError):
            client.without_retries(0.2).describe_table("t")


def test_refusals_are_those_of_a_server(client: ReplayClient):
    with pytest.raises(RateLimitedError, match="1 more insert"):
        client.sample("t", 4)
    with pytest.raises(UnknownTableError):
        client.sample("nowhere", 4)
    with pytest.raises(UnknownTableError):
        client.insert("nowhere", {"number": np.arange(3)})
    client.insert("t", {"number": np.arange(3)}, writer=("w", 5))
    assert client.insert("t", {"number": np.arange(3)}, writer=("w", 5)).duplicate
    with pytest.raises(StaleSequenceError) as stale:
        client.insert("t", {"number": np.arange(3)}, writer=("w", 4))
    assert stale.value.last == 5
    with pytest.raises(InvalidRequestError):
        client.sample("t", 4, layout="indexed")


def test_writers_and_prefetchers_work_by_the_url_alone(client: ReplayClient):
    with RowWriter(client, "t") as writer:
        for number in range(500):
            writer.append({"number": number})
    with Prefetcher(client, "t", 32) as batches:
        for _ in range(10):
            batch = batches.next()
            batches.update_priorities(batch.keys, np.full(32, 2.0))

    assert sorted(client.scan("t").columns["number"].tolist()) == list(range(500))
    assert client.scan("t", order="priority", limit=1).priorities.tolist() == [2.0]


def test_a_shard_that_dies_is_left_out_and_taken_back(tmp_path_factory: pytest.TempPathFactory):
    data = tmp_path_factory.mktemp("shards")
    with ClusterUnderTest(3, data=data) as cluster, ReplayClient(cluster.url) as client:
        client.create_table("t", SPEC)
        fill(client)
        homes = {
            f"w{n}": int(client.insert("t", {"number": [n]}, writer=(f"w{n}", 1)).keys[0])
            for n in range(12)
        }
        lost = [writer for writer, key in homes.items() if key % MAX_SHARDS == 2]
        client.sample("t", 8)
        cluster.kill(2)
        begun_at = time.monotonic()
        batch = client.sample("t", 128)
        again = [client.insert("t", {"number": [0]}, writer=(writer, 1)) for writer in lost]
        took_s = time.monotonic() - begun_at
        cluster.restart(2)
        deadline = time.monotonic() + 20.0
        while 2 not in {int(key) % MAX_SHARDS for key in client.sample("t", 64).keys}:
            assert time.monotonic() < deadline
            time.sleep(0.05)

        assert took_s < 1.0
        assert 2 not in {int(key) % MAX_SHARDS for key in batch.keys}
        assert lost
        assert not any(each.duplicate for each in again)
        assert client.describe_table("t")["stats"]["size"] == 312


def test_a_shard_that_hangs_is_given_up_within_a_second():
    with ClusterUnderTest(3) as cluster, ReplayClient(cluster.url) as client:
        client.create_table("t", SPEC)
        fill(client)
        client.sample("t", 64)
        os.kill(cluster.processes[1].pid, signal.SIGSTOP)
        begun_at = time.monotonic()
        batch = client.sample("t", 64)
        took_s = time.monotonic() - begun_at
        os.kill(cluster.processes[1].pid, signal.SIGCONT)

        assert took_s < 1.5
        assert 1 not in {int(key) % MAX_SHARDS for key in batch.keys}


def test_shards_out_of_reach_are_asked_through_the_gateway(standing: ClusterUnderTest):
    """Their addresses are those of another network, say."""
    with ReplayClient(standing.url) as client:
        client.create_table("u", SPEC)
        path = client._direct_path
        assert path is not None
        path._open_channel = lambda url: client._channel.__class__(
            "http://127.0.0.1:9", token=None, patience=client._channel._patience
        )
        client.insert("u", {"number": np.arange(3)}, writer=("w", 1))

        assert client.sample("u", 8).size == 3
        client.delete_table("u")
