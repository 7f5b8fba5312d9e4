"""Writers and real servers: networks that break anywhere, and servers that are killed."""

import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from agent_client import (
    ReplayClient,
    RowWriter,
    StepWriter,
    UnknownTableError,
    WriterClosedError,
    WriterFailedError,
)
from agent_client.writer import delivery
from tests.agent_client.breaking_proxy import BreakingProxy
from tests.agent_client.writer.numbers import COLUMNS, append_range, numbers_in
from tests.server_process import ServerProcess

TOTAL = 20_000
SPEC = {"capacity": TOTAL, "columns": COLUMNS}


@pytest.fixture
def direct(server_url: str) -> Iterator[ReplayClient]:
    with ReplayClient(server_url) as client:
        yield client


@pytest.fixture
def table(direct: ReplayClient) -> Iterator[str]:
    name = f"writer-{uuid.uuid4().hex[:8]}"
    direct.create_table(name, SPEC)
    yield name
    direct.delete_table(name)


@pytest.fixture
def short_pauses() -> Iterator[None]:
    """Let attempts follow one another at once: a network that breaks is no server that rests."""
    with mock.patch.object(delivery, "pause_after", return_value=0.001):
        yield


# --- networks


def test_connections_cut_at_random_moments_lose_nothing_and_double_nothing(
    server_url: str, direct: ReplayClient, table: str
) -> None:
    generator = np.random.default_rng(0)
    with (
        BreakingProxy(server_url) as proxy,
        ReplayClient(proxy.url) as client,
        RowWriter(client, table, batch_rows=50) as writer,
    ):
        next_cut = 0
        for number in range(TOTAL):
            writer.append({"number": number})
            if number == next_cut:
                proxy.cut()
                next_cut += int(generator.integers(1, 600))

    assert numbers_in(direct, table) == list(range(TOTAL))


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("seed", range(3))
def test_connections_cut_at_random_bytes_lose_nothing_and_double_nothing(
    server_url: str, direct: ReplayClient, table: str, seed: int
) -> None:
    with (
        BreakingProxy(server_url, seed=seed, mean_bytes=1500) as proxy,
        ReplayClient(proxy.url) as client,
        RowWriter(client, table, max_buffered_rows=64, writer_id=f"actor-{seed}") as writer,
    ):
        append_range(writer, 3000)
        writer.flush()

    assert proxy.cuts > 10
    assert numbers_in(direct, table) == list(range(3000))


@pytest.mark.usefixtures("short_pauses")
def test_steps_of_many_environments_keep_their_order_over_a_network_that_breaks(
    server_url: str, direct: ReplayClient
) -> None:
    table = f"steps-{uuid.uuid4().hex[:8]}"
    flag = {"dtype": "|b1", "shape": []}
    columns = {
        "observation": {"dtype": "<i8", "shape": []},
        "action": {"dtype": "<i8", "shape": []},
        "reward": {"dtype": "<f4", "shape": []},
        **dict.fromkeys(("is_first", "is_last", "is_terminal"), flag),
    }
    direct.create_table(
        table, {"capacity": 100_000, "columns": columns, "items": {"kind": "transition"}}
    )
    environments, steps, never = 4, 500, np.zeros(4, np.bool_)
    places = np.arange(environments)
    with (
        BreakingProxy(server_url, seed=7, mean_bytes=3000) as proxy,
        ReplayClient(proxy.url) as client,
        RowWriter(client, table, max_buffered_rows=64) as rows,
    ):
        writer = StepWriter(rows, environments)
        writer.begin(1000 * places)
        for step in range(1, steps + 1):
            writer.append(places, 1000 * places + step, np.ones(4), never, never)

    stored = direct.scan(table, limit=100_000).columns
    stats = direct.describe_table(table)["stats"]
    direct.delete_table(table)
    assert proxy.cuts > 10
    for place in range(environments):
        mine = stored["observation"][stored["action"] == place]
        assert mine.tolist() == [1000 * place + step for step in range(steps)]
    assert stats["size"] == environments * (steps - 1)  # an item for each step with a next one


def test_rows_wait_for_a_server_that_is_away_for_a_while(
    server_url: str, direct: ReplayClient, table: str
) -> None:
    with (
        BreakingProxy(server_url) as proxy,
        ReplayClient(proxy.url) as client,
        RowWriter(client, table, batch_rows=10) as writer,
    ):
        append_range(writer, 100)
        writer.flush()
        proxy.is_out = True
        proxy.cut()
        append_range(writer, 100, 300)
        threading.Timer(0.5, setattr, (proxy, "is_out", False)).start()
        started_at = time.monotonic()
        writer.flush()
        assert time.monotonic() - started_at > 0.3

    assert numbers_in(direct, table) == list(range(300))


# --- servers that are killed


def killed_and_started_again(server: ServerProcess, *options: str) -> ServerProcess:
    """Kill a server; return one at the same address."""
    server.kill()
    port = server.url.rpartition(":")[2]
    return ServerProcess("--port", port, *options)


def test_a_server_that_kept_nothing_comes_back_without_the_table_and_the_writer_says_so() -> None:
    server = ServerProcess("--port", "0")
    with ReplayClient(server.url) as client:
        client.create_table("t", SPEC)
        writer = RowWriter(client, "t")
        append_range(writer, 10)
        writer.flush()
        server = killed_and_started_again(server)
        append_range(writer, 10, 15)
        with pytest.raises(WriterFailedError) as raised:
            writer.flush()
        with pytest.raises(WriterClosedError):
            writer.close()
    server.stop()

    assert isinstance(raised.value.__cause__, UnknownTableError)
    assert (raised.value.unsent.first, raised.value.unsent.count) == (10, 5)


def test_a_writer_that_may_make_the_table_fills_a_new_one_with_all_that_came_since() -> None:
    server = ServerProcess("--port", "0")
    with ReplayClient(server.url) as client:
        with RowWriter(client, "t", batch_rows=20, create=SPEC) as writer:
            append_range(writer, 1000)
            writer.flush()
            killer = threading.Thread(
                target=lambda: kept.append(killed_and_started_again(server)), daemon=True
            )
            kept: list[ServerProcess] = []
            killer.start()
            append_range(writer, 1000, 4000)
            killer.join()
            append_range(writer, 4000, 4100)
        stored = numbers_in(client, "t")
    kept[0].stop()

    # What was acknowledged before went with the server; from then on all is there, once.
    assert stored == list(range(stored[0], 4100))
    assert stored[0] >= 1000


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_server_killed_again_and_again_that_keeps_its_tables_has_each_row_once(
    tmp_path: Path, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    options = ("--data-dir", str(tmp_path / "data"), "--durability", "process")
    server = ServerProcess("--port", "0", *options)
    over = threading.Event()
    appended = [0, 0]

    def act(actor: int) -> None:
        lengths = np.random.default_rng([seed, actor])
        with ReplayClient(server_url, attempts=200) as client:  # a new writer asks at once
            while not over.is_set():  # now and then an actor ends, and another goes on for it
                with RowWriter(
                    client, "t", batch_rows=5, max_buffered_rows=200, writer_id=f"actor-{actor}"
                ) as writer:
                    for _ in range(lengths.integers(200, 2000)):
                        writer.append({"number": 2 * appended[actor] + actor})
                        appended[actor] += 1

    server_url = server.url
    with ReplayClient(server_url) as client:
        client.create_table("t", {**SPEC, "capacity": 1_000_000})
        actors = [threading.Thread(target=act, args=(actor,)) for actor in range(2)]
        for actor in actors:
            actor.start()
        for _ in range(3):
            over.wait(generator.uniform(0.05, 0.6))  # kills come at no moment in particular
            server = killed_and_started_again(server, *options)
        over.set()
        for actor in actors:
            actor.join(60)
        stored = numbers_in(client, "t")
    server.stop()

    for actor in range(2):
        mine = [number // 2 for number in stored if number % 2 == actor]
        assert mine == list(range(appended[actor]))
