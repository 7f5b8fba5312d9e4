"""What a gateway tells those who watch: the page, and what goes on in all shards together."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from agent_client.replay_client import ReplayClient
from tests.cluster_process import ClusterUnderTest

RATIO = {
    "kind": "sample_to_insert_ratio",
    "samples_per_insert": 2.0,
    "min_size": 10,
    "error_buffer": 100.0,
}
WITHIN_S = 20.0


@pytest.fixture
def client(cluster: ClusterUnderTest) -> Iterator[ReplayClient]:
    with ReplayClient(cluster.url, direct=False) as made:
        yield made


def fill(client: ReplayClient, rows: int) -> None:
    for number in range(rows // 10):
        client.insert("t", {"x": np.arange(10)}, writer=(f"w{number}", 1))


def told(cluster: ClusterUnderTest) -> dict[str, Any]:
    (table,) = httpx.get(f"{cluster.url}/v1/activity").json()["tables"]
    return dict(table)


def looked(
    cluster: ClusterUnderTest, until: Callable[[dict[str, Any]], bool], act: Callable[[], object]
) -> dict[str, Any]:
    """Look as a page does, and act in between, until `until` holds."""
    deadline = time.monotonic() + WITHIN_S
    while not until(found := told(cluster)):
        assert time.monotonic() < deadline, found
        act()
    return found


def test_counters_are_sums_and_rates_come_of_looks(cluster: ClusterUnderTest, client: ReplayClient):
    client.create_table("t", {"capacity": 4000})
    fill(client, 200)
    client.sample("t", 64)

    found = looked(cluster, lambda table: table["sampled_total"] == 64, lambda: None)
    assert [found[name] for name in ("capacity", "size", "rows", "inserted_total")] == [
        4000, 200, 200, 200,
    ]  # fmt: skip
    assert (found["items"], found["sampler"]) == ("row", "prioritized")
    assert found["rate_limiter"] == {"kind": "min_size", "min_size": 1}
    busy = looked(
        cluster, lambda t: (t["draws"]["per_second"] or 0) > 0, lambda: client.sample("t", 8)
    )
    assert busy["sampled_total"] > 64


def test_memory_and_durability_are_those_of_all_shards(cluster: ClusterUnderTest):
    told_of = [httpx.get(f"{each.url}/v1/activity").json() for each in cluster.processes.values()]

    activity = httpx.get(f"{cluster.url}/v1/activity").json()

    assert activity["memory"]["limit"] == sum(each["memory"]["limit"] for each in told_of)
    assert activity["memory"]["resident"] > told_of[0]["memory"]["resident"]
    assert activity["durability"] == {"survives": "memory", "lag_seconds": None}


def test_a_closer_look_joins_priorities_ages_and_writers(
    cluster: ClusterUnderTest, client: ReplayClient
):
    client.create_table("t", {"capacity": 4000})
    fill(client, 200)
    keys = client.scan("t", limit=200).keys
    client.update_priorities("t", keys, np.repeat([0.0, 1.0, 100.0], [20, 80, 100]))
    client.sample("t", 64)

    look = httpx.get(f"{cluster.url}/v1/tables/t/activity").json()

    priorities = look["priorities"]
    assert (priorities["zeros"], priorities["looked_at"]) == (20, 200)
    assert sum(priorities["counts"]) == 180
    assert priorities["counts"][0] == 80
    assert look["ages"]["looked_at"] == sum(look["ages"]["counts"]) == 64
    assert look["ages"]["edges"][-1] > 50  # of rows of the cluster, of which a shard has a quarter
    assert look["age_quantiles"]["0.5"] > 0
    assert look["writers_total"] == 20
    assert {writer["id"] for writer in look["writers"]} == {f"w{n}" for n in range(20)}
    assert look["table"]["size"] == 200
    assert httpx.get(f"{cluster.url}/v1/tables/none/activity").json()["code"] == "unknown_table"


def test_the_limiter_of_the_cluster_has_a_place(cluster: ClusterUnderTest, client: ReplayClient):
    client.create_table("t", {"capacity": 4000, "rate_limiter": RATIO})
    fill(client, 30)

    found = looked(cluster, lambda table: table["inserted_total"] == 30, lambda: None)

    # 30 rows allow 60 draws; draws wait below 2 * 10 - 100 and inserts above 2 * 10 + 100
    assert found["limiter_position"] == pytest.approx((60 + 80) / 200)


def test_the_page_is_there(cluster: ClusterUnderTest):
    page = httpx.get(f"{cluster.url}/")

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert httpx.get(f"{cluster.url}/assets/main.js").status_code == 200
