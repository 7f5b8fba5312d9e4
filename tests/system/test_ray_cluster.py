"""A cluster on several real nodes of Ray on this machine, with real kills."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from agent_client.errors import ForbiddenError
from agent_client.replay_client import ReplayClient
from agent_client.writer import RowWriter
from replay_server.cluster.launch import launch
from replay_server.settings import ClusterSettings
from replay_server.token_file import add_token
from replay_wire.roles import Role
from tests.certificates import Certificate

ray = pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray leaves processes and files open
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # of its settings to come
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]

WITHIN_S = 180.0  # a machine that has much else to do needs a minute to start an actor again
CAPACITY = 300_000


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Three nodes."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    made.extra = [made.add_node(num_cpus=2) for _ in range(2)]
    yield made
    ray.shutdown()
    made.shutdown()


def start(nodes: Any, data: Path | None, **options: Any) -> Any:
    settings = {"shards": 3, "port": 0, **options}
    return launch(
        ClusterSettings(
            address=nodes.address, data_dir=data, allow_unauthenticated=True, **settings
        )
    )


def states(url: str) -> dict[int, str]:
    shards = httpx.get(f"{url}/v1/info").json()["shards"]
    return {shard["number"]: shard["state"] for shard in shards}


def until(is_so: Callable[[], bool], within_s: float = WITHIN_S) -> float:
    """Return the seconds until it was so."""
    started = time.monotonic()
    while not is_so():
        assert time.monotonic() - started < within_s, "it never came"
        time.sleep(0.02)
    return time.monotonic() - started


def placed(cluster: Any) -> dict[int, Any]:
    return dict(cluster._supervisor._placed)


def kill(actor: Any) -> None:
    os.kill(ray.get(actor.pid.remote()), signal.SIGKILL)


def rows(value: int, count: int = 10) -> dict[str, np.ndarray]:
    return {"x": np.full(count, value)}


def test_shards_are_spread_and_a_killed_one_is_back_with_its_data(
    nodes: Any, tmp_path: Path
) -> None:
    with start(nodes, tmp_path) as cluster, ReplayClient(cluster.url) as client:
        assert len({each.node for each in placed(cluster).values()}) == 3
        client.create_table("t", {"capacity": CAPACITY})
        for _ in range(9):
            client.insert("t", {"x": np.zeros((10, 20))})
        stop = threading.Event()
        writer = RowWriter(client, "t", writer_id="w")

        def write() -> None:
            while not stop.wait(0.002):
                writer.append({"x": np.zeros(20)})

        thread = threading.Thread(target=write)
        thread.start()
        try:
            until(lambda: client.describe_table("t")["stats"]["size"] > 100)
            kill(placed(cluster)[1].actor)
            gap_s = draw_until_it_is_back(client, cluster.url)
        finally:
            stop.set()
            thread.join()
        writer.close()

        assert gap_s < 5.0  # it is 1 s on a machine with nothing else to do; a wait for it is 60 s
        assert client.describe_table("t")["stats"]["inserted_total"] == 90 + writer.rows_appended


def draw_until_it_is_back(client: ReplayClient, url: str) -> float:
    """Draw while shard 1 goes down and comes back; return the longest time between two draws."""
    gap_s, last_s, started_s, was_down = 0.0, time.monotonic(), time.monotonic(), False
    while not (was_down and states(url) == {0: "serving", 1: "serving", 2: "serving"}):
        assert time.monotonic() - started_s < WITHIN_S, states(url)
        client.sample("t", 32)
        gap_s, last_s = max(gap_s, time.monotonic() - last_s), time.monotonic()
        was_down = was_down or states(url)[1] == "down"
    return gap_s


def test_lost_disk_is_replaced_and_a_found_one_goes_on_elsewhere(
    nodes: Any, tmp_path: Path
) -> None:
    with start(nodes, tmp_path, shards=6) as cluster, ReplayClient(cluster.url) as client:
        client.create_table("t", {"capacity": CAPACITY})
        for value in range(12):
            client.insert("t", rows(value))
        node = nodes.extra[0]
        lost, found = sorted(n for n, p in placed(cluster).items() if p.node == node.node_id)
        shutil.rmtree(tmp_path / f"shard-{lost:04d}")  # as goes with a node's own disk

        nodes.remove_node(node)

        expected = ({0, 1, 2, 3, 4, 5} - {lost}) | {6}
        until(lambda: states(cluster.url) == dict.fromkeys(sorted(expected), "serving"))
        assert placed(cluster)[found].node != node.node_id
        assert client.describe_table("t")["stats"]["size"] == 100


def test_killed_gateway_is_back_and_another_answers_meanwhile(nodes: Any) -> None:
    with start(nodes, None, gateways=2) as cluster:
        first, second = cluster.urls

        kill(cluster._supervisor._gateways[1])

        assert len(states(first)) == 3

        def answers() -> bool:
            try:
                url = ray.get(cluster._supervisor._gateways[1].url.remote())
            except ray.exceptions.ActorUnavailableError:  # being started again
                return False
            return url != second and len(states(url)) == 3

        until(answers)


def test_cluster_without_disks_grows_and_drains(nodes: Any) -> None:
    with start(nodes, None) as cluster, ReplayClient(cluster.url) as client:
        client.create_table("t", {"capacity": 300})
        client.insert("t", rows(1, 90))

        cluster.grow(1)
        until(lambda: states(cluster.url).get(3) == "serving")
        cluster.drain(0)
        until(lambda: states(cluster.url)[0] == "draining")
        client.insert("t", rows(2, 70))
        assert 0 in states(cluster.url)
        for _ in range(5):
            client.insert("t", rows(3, 60))

        until(lambda: 0 not in states(cluster.url))
        kill(placed(cluster)[1].actor)
        until(lambda: set(states(cluster.url)) == {2, 3, 4})


def test_cluster_started_again_has_its_rows(nodes: Any, tmp_path: Path) -> None:
    with start(nodes, tmp_path) as cluster, ReplayClient(cluster.url) as client:
        client.create_table("t", {"capacity": CAPACITY})
        for value in range(9):
            client.insert("t", rows(value))

    with start(nodes, tmp_path) as cluster, ReplayClient(cluster.url) as client:
        assert client.describe_table("t")["stats"]["size"] == 90
        assert len({each.node for each in placed(cluster).values()}) == 3


def test_tokens_and_tls_hold_from_end_to_end(nodes: Any, tmp_path: Path) -> None:
    certificate = Certificate(tmp_path, hosts=(nodes.head_node.node_ip_address,))
    tokens = {role: add_token(tmp_path / "tokens", role.value, role) for role in Role}
    settings = ClusterSettings(
        address=nodes.address,
        shards=2,
        port=0,
        tokens=tmp_path / "tokens",
        tls_cert=certificate.chain,
        tls_key=certificate.key,
        tls_ca=certificate.authority,
    )

    def client(role: Role, direct: bool) -> ReplayClient:
        return ReplayClient(
            cluster.url, token=tokens[role], tls_ca=certificate.authority, direct=direct
        )

    with launch(settings, tokens[Role.ADMIN]) as cluster:
        assert cluster.url.startswith("https://")
        with client(Role.ADMIN, False) as admin, client(Role.LEARNER, True) as learner:
            admin.create_table("t", {"capacity": CAPACITY})
            for value in range(4):
                admin.insert("t", rows(value))
            assert learner.sample("t", 32).size == 40
            with pytest.raises(ForbiddenError):
                learner.insert("t", rows(1))
            cluster.drain(0)  # which asks the gateway for the tables
            until(lambda: admin.info().shards[0].state == "draining")
            for _ in range(CAPACITY // 100_000):
                admin.insert("t", rows(2, 100_000))
            until(lambda: 0 not in {shard.number for shard in admin.info().shards})


def test_command_serves_grows_and_ends_with_0(nodes: Any, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "replay_server", "cluster", "--address", nodes.address]
    with subprocess.Popen(
        [*command, "--shards", "2", "--port", "0", "--data-dir", str(tmp_path),
         "--allow-unauthenticated"],
        stdout=subprocess.PIPE, text=True,
    ) as serving:  # fmt: skip
        assert serving.stdout is not None
        line = serving.stdout.readline()
        assert line.startswith("replay-server ready on ")
        url = line.split()[-1]

        grown = subprocess.run([*command, "--grow", "1"], timeout=WITHIN_S)
        refused = subprocess.run(
            [*command, "--drain", "77"], timeout=WITHIN_S, stderr=subprocess.PIPE, text=True
        )

        assert grown.returncode == 0
        assert (refused.returncode, "no shard 77" in refused.stderr) == (1, True)
        until(lambda: set(states(url)) == {0, 1, 2})
        serving.terminate()
        assert serving.wait(WITHIN_S) == 0
        assert serving.stdout.read() == ""
