"""Clusters of real shards in processes of their own, behind a gateway on a thread."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_client.replay_client import ReplayClient
from tests.cluster_process import ClusterUnderTest


@pytest.fixture(scope="session")
def standing_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterUnderTest]:
    """Four shards that tests share."""
    with ClusterUnderTest(4) as made:
        yield made


@pytest.fixture
def cluster(standing_cluster: ClusterUnderTest) -> Iterator[ClusterUnderTest]:
    """Four shards without a table, which the test leaves as they are."""
    yield standing_cluster
    with ReplayClient(standing_cluster.url) as client:
        for document in client.list_tables():
            client.delete_table(document["name"])


@pytest.fixture
def mortal_cluster() -> Iterator[ClusterUnderTest]:
    """Four empty shards without a disk."""
    with ClusterUnderTest(4) as made:
        yield made


@pytest.fixture
def durable_cluster(tmp_path: Path) -> Iterator[ClusterUnderTest]:
    """Three empty shards, each with a data directory."""
    with ClusterUnderTest(3, data=tmp_path) as made:
        yield made
