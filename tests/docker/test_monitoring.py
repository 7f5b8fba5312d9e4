"""The compose profile `monitoring`, brought up for real: Prometheus reads the server.

Grafana is not started: what it is given is checked by tests/replay_server/test_monitoring.py. The
image of Prometheus that docker-compose.yml names has to be there, or a registry that has it.
"""

import time
from collections.abc import Iterator

import pytest

from tests.contract.peer import Peer, TablePeer
from tests.docker.test_images import (  # noqa: F401 - a fixture
    HEALTHY_WITHIN_S,
    Project,
    docker,
    inspect,
    project,
    wait_for_health,
)
from tests.replay_server.test_monitoring import COMPOSE, QUERIES, filled_in

pytestmark = pytest.mark.docker

OF_A_DATA_DIRECTORY = "replay_journal_"
OF_REFUSALS = "replay_refused_connections_total"


@pytest.fixture(scope="module")
def prometheus(project: Project) -> Iterator[str]:  # noqa: F811 - the fixture
    """The container of a Prometheus that reads the project's server."""
    image = COMPOSE["services"]["prometheus"]["image"]
    known = docker("image", "inspect", image, check=False).returncode == 0
    if not known and docker("pull", image, check=False).returncode != 0:
        pytest.skip(f"{image} is not to be had")
    project.compose(
        "--profile", "monitoring", "up", "--detach", "--no-build", "server", "prometheus"
    )
    container = project.container("prometheus")
    wait_for_health(container)
    yield container
    project.compose("--profile", "monitoring", "down", "--volumes", "--timeout", "60")


def asked(container: str, query: str) -> list[str]:
    """The lines of an answer to a query."""
    command = ("promtool", "query", "instant", "http://127.0.0.1:9090", query)
    return docker("exec", container, *command).stdout.splitlines()


def test_every_query_of_the_dashboard_has_an_answer(
    prometheus: str,
    project: Project,  # noqa: F811 - the fixture
) -> None:
    with Peer(project.url) as peer:
        limiter = {"kind": "sample_to_insert_ratio", "samples_per_insert": 1.0, "min_size": 1,
                   "error_buffer": 50.0}  # fmt: skip
        table = TablePeer(peer, "t").make(rate_limiter=limiter)
        TablePeer(peer, "queue").make(rate_limiter={"kind": "queue", "size": 3})
        peer.send("PUT", "/v1/parameters/weights", b"1")
        table.fill([1, 2, 3])
        unanswered = {query for _, query in QUERIES}
        unanswered -= {q for q in unanswered if OF_A_DATA_DIRECTORY in q or OF_REFUSALS in q}
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while unanswered and time.monotonic() < deadline:
            assert table.sample(1, update=None).status == 200
            assert table.insert([1]).status == 200
            table.sample(1000)
            unanswered = {query for query in unanswered if not asked(prometheus, filled_in(query))}
            time.sleep(1)

    assert unanswered == set()


def test_prometheus_may_do_no_more_than_it_needs(prometheus: str) -> None:
    told = inspect(prometheus)

    assert told["HostConfig"]["ReadonlyRootfs"]
    assert told["HostConfig"]["CapDrop"] == ["ALL"]
    assert not told["HostConfig"]["PortBindings"]
    assert told["State"]["Health"]["Status"] == "healthy"
