"""Several gateways to one cluster, of which one dies: another answers."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from agent_client.errors import ReplayClientError
from agent_client.replay_client import ReplayClient
from agent_client.writer import RowWriter
from tests.cluster_process import ClusterUnderTest, GatewayProcess

NAME = "gateways.test"
ADDRESSES = ("127.0.0.1", "127.0.0.2")


@pytest.fixture
def gateways(
    cluster: ClusterUnderTest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[GatewayProcess]]:
    """Two gateways on one port of two addresses, which one name has."""
    first = GatewayProcess(cluster.directory, ADDRESSES[0])
    second = GatewayProcess(cluster.directory, ADDRESSES[1], first.port)
    known = socket.getaddrinfo

    def resolve(host: Any, *arguments: Any, **options: Any) -> list[Any]:
        hosts = ADDRESSES if host == NAME else (host,)
        return [found for each in hosts for found in known(each, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield [first, second]
    for gateway in (first, second):
        gateway.kill()


def numbers(client: ReplayClient) -> list[int]:
    found: list[int] = []
    after, more = -1, True
    while more:
        part = client.scan("t", after=after, limit=5000)
        found += part.columns["number"].tolist()
        after, more = int(part.keys[-1]), part.more
    return sorted(found)


def test_clients_of_a_gateway_that_dies_go_on_through_another(gateways: list[GatewayProcess]):
    with ReplayClient(f"http://{NAME}:{gateways[0].port}", direct=False) as client:
        client.create_table("t", {"capacity": 100_000})
        client.insert("t", {"number": np.arange(100)})
        keys = client.sample("t", 8).keys

        gateways[0].kill()

        assert client.update_priorities("t", keys, np.full(8, 2.0)).updated == 8
        assert client.sample("t", 64).size == 100
        assert client.describe_table("t")["stats"]["max_priority"] == 2.0


def test_what_is_written_while_a_gateway_dies_is_there_once(gateways: list[GatewayProcess]):
    written = 4000
    with ReplayClient(f"http://{NAME}:{gateways[0].port}", direct=False) as client:
        client.create_table("t", {"capacity": 100_000})
        writer = RowWriter(client, "t", batch_rows=8)
        half = threading.Event()

        def write() -> None:
            for number in range(written):
                writer.append({"number": number})
                if number == written // 2:
                    half.set()

        thread = threading.Thread(target=write)
        thread.start()
        assert half.wait(30)
        gateways[0].kill()
        thread.join()
        writer.close()

        assert numbers(client) == list(range(written))


def test_clients_that_know_the_shards_go_on_without_any_gateway(gateways: list[GatewayProcess]):
    with ReplayClient(f"http://{NAME}:{gateways[0].port}") as client:
        client.create_table("t", {"capacity": 100_000})
        client.insert("t", {"number": np.arange(100)}, writer=("w", 1))
        client.sample("t", 8)
        for gateway in gateways:
            gateway.kill()

        keys = client.insert("t", {"number": np.arange(100)}, writer=("w", 2)).keys
        assert client.sample("t", 64).size == 200
        assert client.update_priorities("t", keys, np.ones(100)).updated == 100
        with pytest.raises(ReplayClientError):
            client.without_retries().describe_table("t")
