"""The gateway before real shards: the protocol, for the cluster as a whole."""

import threading

import numpy as np
import pytest

from agent_client.batches.draws import Draw
from agent_client.errors import (
    InvalidRequestError,
    NothingToDrawError,
    RateLimitedError,
    ServerUnavailableError,
    TableExistsError,
    UnknownTableError,
)
from agent_client.replay_client import ReplayClient
from agent_client.writer import RowWriter
from replay_server.cluster import Shard
from replay_wire import endpoints
from replay_wire.messages import ScanRequest
from replay_wire.sharding.shard_keys import MAX_SHARDS
from tests.cluster_process import ClusterUnderTest

SPEC = {"capacity": 4000, "sampler": {"kind": "prioritized", "alpha": 1.0}}


def columns(first: int, count: int = 10) -> dict[str, np.ndarray]:
    numbers = np.arange(first, first + count)
    return {"number": numbers, "frame": np.repeat(numbers[:, None], 8, 1).astype(np.float32)}


def fill(client: ReplayClient, inserts: int = 40) -> dict[int, int]:
    """Insert rows and return key -> number."""
    known: dict[int, int] = {}
    for insert in range(inserts):
        rows = columns(10 * insert)
        known |= zip(client.insert("t", rows).keys.tolist(), rows["number"].tolist(), strict=True)
    return known


def test_rows_are_spread_and_drawn_with_what_belongs_to_them(cluster: ClusterUnderTest):
    with ReplayClient(cluster.url, direct=False) as client:
        client.create_table("t", SPEC)
        known = fill(client)

        batch = client.sample("t", 256, beta=1.0)

        assert len(known) == 400
        assert {key % MAX_SHARDS for key in known} == {0, 1, 2, 3}
        assert [known[key] for key in batch.keys.tolist()] == batch.columns["number"].tolist()
        assert (batch.columns["frame"] == batch.columns["number"][:, None]).all()
        assert batch.probabilities == pytest.approx(1 / 400)
        assert batch.weights == pytest.approx(1.0)
        assert batch.size == 400
        assert client.describe_table("t")["stats"]["sampled_total"] == 256


def test_a_table_is_described_as_one(cluster: ClusterUnderTest):
    with ReplayClient(cluster.url, direct=False) as client:
        made = client.create_table("t", SPEC)
        fill(client)
        document = client.describe_table("t")

        assert made["spec"]["capacity"] == document["spec"]["capacity"] == 4000
        assert "cluster_capacity" not in document["spec"]
        assert document["stats"]["inserted_total"] == document["stats"]["size"] == 400
        assert document["spec"]["columns"]["frame"] == {"dtype": "<f4", "shape": [8]}
        assert [each["name"] for each in client.list_tables()] == ["t"]
        client.create_table("t", SPEC)
        with pytest.raises(TableExistsError):
            client.create_table("t", {**SPEC, "capacity": 5000})


def test_an_insert_is_told_to_fit_a_shard_and_writers_cut_their_rows_by_that(
    cluster: ClusterUnderTest,
):
    with ReplayClient(cluster.url, direct=False) as client:
        made = client.create_table("t", {"capacity": 402})
        with pytest.raises(InvalidRequestError):
            client.insert("t", {"number": np.arange(102)})
        with RowWriter(client, "t", batch_rows=4000) as writer:
            for number in range(350):
                writer.append({"number": number})

        assert made["largest_insert"] == client.describe_table("t")["largest_insert"] == 101
        assert client.list_tables()[0]["largest_insert"] == 101
        assert writer.rows_acknowledged == 350


def test_updates_go_to_the_shards_of_their_keys(cluster: ClusterUnderTest):
    with ReplayClient(cluster.url, direct=False) as client:
        client.create_table("t", SPEC)
        keys = np.array(list(fill(client)))
        result = client.update_priorities("t", [*keys, 1 << 50], [*np.zeros(399), 5.0, 1.0])

        assert (result.updated, result.stale) == (400, 1)
        along = client.sample("t", 64, update=(keys[:1], [5.0]))
        batch = client.sample("t", 64)
        assert (along.updated, along.stale) == (1, 0)
        assert set(batch.keys.tolist()) == {int(keys[0]), int(keys[399])}
        assert batch.probabilities == pytest.approx(0.5)


def test_the_highest_priority_is_that_of_the_cluster(cluster: ClusterUnderTest):
    with ReplayClient(cluster.url, direct=False) as client:
        client.create_table("t", SPEC)
        keys = np.array(list(fill(client)))
        client.update_priorities("t", keys[:1], [9.0])
        new = [client.insert("t", columns(0, 1)).keys[0] for _ in range(8)]

        scan = client.scan("t", limit=10, order="priority")
        assert len({key % MAX_SHARDS for key in new}) == 4
        assert scan.priorities[:9].tolist() == [9.0] * 9
        client.reset_table("t")
        client.insert("t", columns(0, 1))
        assert client.scan("t").priorities.tolist() == [1.0]


def test_what_a_cluster_does_not_draw_by_is_refused(cluster: ClusterUnderTest):
    with ReplayClient(cluster.url, direct=False) as client:
        for sampler in ({"kind": "fifo"}, {"kind": "uniform", "replacement": False}):
            with pytest.raises(InvalidRequestError) as refused:
                client.create_table("t", {"capacity": 10, "sampler": sampler})
            assert refused.value.field is not None
            assert refused.value.field.startswith("sampler.")
        with pytest.raises(InvalidRequestError):
            client.create_table("t", {"capacity": 10, "rate_limiter": {"kind": "queue", "size": 3}})
        client.create_table("t", SPEC)
        with pytest.raises(InvalidRequestError):
            client.change_table("t", sampler={"kind": "lifo"})


def test_min_size_holds_for_the_cluster(cluster: ClusterUnderTest):
    with ReplayClient(cluster.url, direct=False) as client:
        client.create_table("t", {**SPEC, "rate_limiter": {"kind": "min_size", "min_size": 95}})
        fill(client, 9)
        with pytest.raises(RateLimitedError, match="5 more inserts"):
            client.sample("t", 4)
        client.insert("t", columns(0))

        assert client.sample("t", 4).size == 100


def test_the_ratio_holds_for_the_cluster(cluster: ClusterUnderTest):
    limiter = {
        "kind": "sample_to_insert_ratio",
        "samples_per_insert": 2.0,
        "min_size": 20,
        "error_buffer": 20.0,
    }
    with ReplayClient(cluster.url, direct=False) as client:
        client.create_table("t", {**SPEC, "rate_limiter": limiter})
        inserted = drawn = 0
        for _ in range(30):
            try:
                client.insert("t", columns(0, 3))
                inserted += 3
            except RateLimitedError:
                break
        for _ in range(30):
            try:
                client.sample("t", 4)
                drawn += 4
            except RateLimitedError:
                break

        assert inserted == 30
        assert drawn == 40
        with pytest.raises(InvalidRequestError):
            client.sample("t", 41)


def test_who_waits_for_the_limiter_gets_what_comes(cluster: ClusterUnderTest):
    with ReplayClient(cluster.url, direct=False) as client:
        client.create_table("t", SPEC)
        later = threading.Timer(0.3, lambda: client.insert("t", columns(0)))
        later.start()

        assert client.sample("t", 4, timeout_s=10.0).size == 10


def test_nothing_to_draw_is_told_as_by_one_table(cluster: ClusterUnderTest):
    with ReplayClient(cluster.url, direct=False) as client:
        client.create_table("t", SPEC)
        with pytest.raises(RateLimitedError):
            client.sample("t", 4)
        client.insert("t", columns(0), priorities=np.zeros(10))
        with pytest.raises(NothingToDrawError):
            client.sample("t", 4)
        with pytest.raises(UnknownTableError):
            client.sample("nowhere", 4)


def test_scans_go_over_all_shards_in_the_order_of_keys(cluster: ClusterUnderTest):
    with ReplayClient(cluster.url, direct=False) as client:
        client.create_table("t", SPEC)
        known = fill(client)
        found, after, more = [], -1, True
        while more:
            part = client.scan("t", after=after, limit=33)
            found += zip(part.keys.tolist(), part.columns["number"].tolist(), strict=True)
            after, more = found[-1][0], part.more

        assert found == sorted(known.items())
        assert client.delete("t", [key for key, _ in found[:50]]).deleted == 50
        assert client.describe_table("t")["stats"]["size"] == 350


def test_mixed_draws_and_several_batches(cluster: ClusterUnderTest):
    with ReplayClient(cluster.url, direct=False) as client:
        for name in ("t", "u"):
            client.create_table(name, SPEC)
        known = fill(client)
        client.insert("u", columns(1000))

        mine, other = client.sample_mixed(
            [Draw(table="t", batch_size=8, batches=3), Draw(table="u", batch_size=5)]
        )

        assert mine.keys.shape == (3, 8)
        assert mine.columns["frame"].shape == (3, 8, 8)
        assert [known[key] for key in mine.keys.ravel().tolist()] == mine.columns[
            "number"
        ].ravel().tolist()
        assert (other.columns["number"] >= 1000).all()


def steps(count: int, first: int) -> dict[str, np.ndarray]:
    ends = np.zeros(count, np.bool_)
    ends[-1] = True
    starts = np.zeros(count, np.bool_)
    starts[0] = True
    return {
        "observation": (first + np.arange(count)).astype(np.float32)[:, None],
        "action": np.zeros(count, np.int64),
        "reward": np.ones(count, np.float32),
        "is_first": starts,
        "is_last": ends,
        "is_terminal": ends,
    }


def test_streams_stay_together_and_indexed_draws_are_those_of_one_table(cluster: ClusterUnderTest):
    items = {"kind": "transition", "n_step": 2, "frame_stack": 2}
    with ReplayClient(cluster.url, direct=False) as client:
        client.create_table("s", {"capacity": 4000, "items": items})
        for writer in range(12):
            rows = steps(20, 100 * writer)
            for part in (slice(0, 7), slice(7, 20)):
                keys = client.insert(
                    "s",
                    {name: column[part] for name, column in rows.items()},
                    writer=(f"w{writer}", part.start),
                ).keys
                assert len({key % MAX_SHARDS for key in keys}) == 1
        batch = client.sample("s", 128, layout="indexed").stacked()
        observation, following = batch.columns["observation"], batch.columns["next_observation"]

        assert client.describe_table("s")["stats"]["size"] == 12 * 19
        assert len({int(key) % MAX_SHARDS for key in batch.keys}) > 1
        scan = client._channel.call(endpoints.SCAN, table="s", message=ScanRequest())
        keys, previous = scan.keys.to_numpy().tolist(), scan.previous.to_numpy().tolist()
        numbers = (scan.columns["observation"].to_numpy()[:, 0] % 100).tolist()
        of_key = dict(zip(keys, numbers, strict=True))
        assert numbers == [0 if key < 0 else of_key[key] + 1 for key in previous]
        step = (observation[:, 1, 0] % 100).astype(int)
        assert (following[:, 1, 0] == observation[:, 1, 0] + np.minimum(2, 19 - step)).all()
        assert (observation[:, 0, 0] == observation[:, 1, 0] - (step > 0)).all()


def test_parameters_are_those_of_one_server(cluster: ClusterUnderTest):
    with ReplayClient(cluster.url, direct=False) as client:
        assert [client.put_parameters(f"p{n}", b"x" * n) for n in range(1, 9)] == [1] * 8
        assert client.put_parameters("p3", b"new") == 2
        found = client.get_parameters("p3")

        assert found is not None
        assert found == (2, b"new")
        assert client.get_parameters("p3", newer_than=2) is None
        assert [entry.version for entry in client.list_parameters()] == [1, 1, 2, 1, 1, 1, 1, 1]
        client.delete_parameters("p3")
        assert len(client.list_parameters()) == 7


def test_a_checkpoint_is_one_of_all_shards(durable_cluster: ClusterUnderTest):
    with ReplayClient(durable_cluster.url, direct=False) as client:
        client.create_table("t", SPEC)
        known = fill(client)
        written = client.write_checkpoint("monday")
        client.delete("t", list(known)[:100])
        listed = client.list_checkpoints()
        client.restore_checkpoint("monday")

        assert (written.name, written.rows, written.tables) == ("monday", 400, 1)
        assert [each.rows for each in listed] == [400]
        assert client.scan("t").keys.tolist() == sorted(known)
        client.delete_checkpoint("monday")
        assert client.list_checkpoints() == []


def test_control_of_tables_takes_all_shards(mortal_cluster: ClusterUnderTest):
    cluster = mortal_cluster
    with ReplayClient(cluster.url, direct=False) as client:
        client.create_table("t", SPEC)
        fill(client, 4)
        cluster.kill(2)
        client.sample("t", 64)
        with pytest.raises(ServerUnavailableError, match="number 2"):
            client.without_retries().reset_table("t")

        assert client.describe_table("t")["stats"]["rows"] >= 10


def test_info_lists_the_shards(cluster: ClusterUnderTest):
    with ReplayClient(cluster.url, direct=False) as client:
        info = client.info()
        cluster.drain(1)
        states = [shard.state for shard in client.info().shards]
        cluster.tell(Shard(1, cluster.processes[1].url))

        assert [shard.number for shard in info.shards] == [0, 1, 2, 3]
        assert [shard.url for shard in info.shards] == [p.url for p in cluster.processes.values()]
        assert states == ["serving", "draining", "serving", "serving"]
