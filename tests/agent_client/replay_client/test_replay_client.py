"""The client against scripted servers, and against a real one."""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest

from agent_client import (
    BadPriorityError,
    ColumnMismatchError,
    InvalidRequestError,
    NothingToDrawError,
    RateLimitedError,
    ReplayClient,
    SchemaMismatchError,
    ServerUnreachableError,
    StaleSequenceError,
    TableExistsError,
    UnknownTableError,
)
from replay_wire.arrays import Array
from replay_wire.messages import InsertReply, UpdateReply
from tests.agent_client.scripted_server import (
    Peer,
    ScriptedServer,
    drop,
    problem_response,
    replay_response,
)

COLUMNS = {
    "observation": {"dtype": "<f4", "shape": [2]},
    "action": {"dtype": "<i8", "shape": []},
    "done": {"dtype": "|b1", "shape": []},
}
UPDATED = replay_response(UpdateReply(updated=1, stale=0))
INSERTED = replay_response(InsertReply(keys=Array.from_numpy(np.array([7])), duplicate=False))


# --- waiting for a server


def test_waiting_for_a_server_ends_when_it_is_ready() -> None:
    starting = problem_response("unavailable", 503)
    ready = replay_response({"status": "ok"})

    def start(peer: Peer) -> None:
        for response in (starting, starting, ready):
            peer.read_request()
            peer.send(response)

    with ScriptedServer([drop, start]) as server, ReplayClient(server.url) as client:
        client.wait_until_ready(10.0)

        assert {request.target for request in server.requests} == {"/readyz"}
        assert len(server.requests) == 4


def test_waiting_for_a_server_that_does_not_come_ends_in_time() -> None:
    with ScriptedServer([drop]) as server:
        url = server.url
    started_at = time.monotonic()

    with ReplayClient(url) as client, pytest.raises(ServerUnreachableError):
        client.wait_until_ready(0.1)

    assert time.monotonic() - started_at < 5


def test_waiting_for_a_server_that_stays_silent_ends_in_time() -> None:
    def stay_silent(peer: Peer) -> None:
        peer.read_request()
        peer.wait_closed()

    started_at = time.monotonic()
    with (
        ScriptedServer([stay_silent]) as server,
        ReplayClient(server.url) as client,
        pytest.raises(ServerUnreachableError),
    ):
        client.wait_until_ready(0.1)

    assert time.monotonic() - started_at < 5


# --- a real server


@pytest.fixture
def client(server_url: str) -> Iterator[ReplayClient]:
    with ReplayClient(server_url) as client:
        yield client


@pytest.fixture
def table(client: ReplayClient) -> Iterator[str]:
    name = f"client-{uuid.uuid4().hex[:8]}"
    client.create_table(name, {"capacity": 8, "columns": COLUMNS})
    yield name
    if any(document["name"] == name for document in client.list_tables()):
        client.delete_table(name)


def three_rows() -> dict[str, Any]:
    return {
        "observation": np.array([[0, 1], [2, 3], [4, 5]], np.float32),
        "action": [10, 11, 12],
        "done": [False, False, True],
    }


def test_rows_come_back_as_they_were_inserted(client: ReplayClient, table: str) -> None:
    result = client.insert(table, three_rows(), priorities=[1, 2, 3])

    rows = client.scan(table)

    assert result.keys.tolist() == rows.keys.tolist() == [0, 1, 2]
    assert not result.duplicate
    assert rows.priorities.tolist() == [1.0, 2.0, 3.0]
    assert rows.columns["observation"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert rows.columns["action"].tolist() == [10, 11, 12]
    assert rows.columns["done"].tolist() == [False, False, True]
    assert not rows.more


def test_a_scan_goes_on_after_a_key_and_by_priority(client: ReplayClient, table: str) -> None:
    client.insert(table, three_rows(), priorities=[1.0, 3.0, 2.0])

    rest = client.scan(table, after=0, limit=1, columns=["action"])
    highest = client.scan(table, order="priority", limit=2)

    assert (rest.keys.tolist(), rest.more, list(rest.columns)) == ([1], True, ["action"])
    assert highest.keys.tolist() == [1, 2]


def test_a_draw_gives_writable_aligned_arrays_of_the_documented_dtypes(
    client: ReplayClient, table: str
) -> None:
    client.insert(table, three_rows(), priorities=[0.0, 1.0, 0.0])

    batch = client.sample(table, 4, beta=0.5)

    assert batch.keys.tolist() == [1, 1, 1, 1]
    assert batch.probabilities.tolist() == [1.0] * 4
    assert batch.weights.tolist() == [1.0] * 4
    assert batch.times_sampled.tolist() == [1, 2, 3, 4] or batch.times_sampled.max() == 4
    assert batch.ages.tolist() == [1] * 4
    assert batch.columns["observation"].tolist() == [[2.0, 3.0]] * 4
    assert batch.size == 3
    dtypes = {
        name: getattr(batch, name).dtype.str
        for name in ("keys", "probabilities", "weights", "priorities", "times_sampled", "ages")
    }
    assert list(dtypes.values()) == ["<i8", "<f8", "<f4", "<f8", "<i4", "<i8"]
    arrays: list[np.ndarray[Any, Any]] = [batch.keys, batch.weights, *batch.columns.values()]
    for array in arrays:
        assert array.flags.writeable
        assert array.ctypes.data % 64 == 0


def test_several_batches_and_chosen_columns_come_in_one_answer(
    client: ReplayClient, table: str
) -> None:
    client.insert(table, three_rows())

    batch = client.sample(table, 4, batches=3, columns=["observation"])

    assert batch.keys.shape == (3, 4)
    assert {name: column.shape for name, column in batch.columns.items()} == {
        "observation": (3, 4, 2)
    }


def test_an_update_that_rides_along_holds_at_the_draw(client: ReplayClient, table: str) -> None:
    client.insert(table, three_rows())

    batch = client.sample(table, 4, update=(np.array([0, 1, 99]), [0.0, 0.0, 5.0]))

    assert batch.keys.tolist() == [2, 2, 2, 2]
    assert (batch.updated, batch.stale) == (2, 1)


def test_updates_and_deletes_count_what_is_gone(client: ReplayClient, table: str) -> None:
    client.insert(table, three_rows())

    updated = client.update_priorities(table, [0, 1, 50], [1.0, 2.0, 3.0])
    deleted = client.delete(table, [0, 50])

    assert (updated.updated, updated.stale) == (2, 1)
    assert (deleted.deleted, deleted.stale) == (1, 1)


def test_an_insert_sent_again_happens_once(client: ReplayClient, table: str) -> None:
    first = client.insert(table, three_rows(), writer=("me", 5))
    again = client.insert(table, three_rows(), writer=("me", 5))

    assert again.duplicate
    assert again.keys.tolist() == first.keys.tolist()
    assert client.describe_table(table)["stats"]["rows"] == 3
    with pytest.raises(StaleSequenceError) as raised:
        client.insert(table, three_rows(), writer=("me", 4))
    assert raised.value.last == 5


def test_lists_take_the_dtype_of_the_table_and_arrays_must_have_it(
    client: ReplayClient, table: str
) -> None:
    client.insert(table, {"observation": [[0.5, 1]], "action": [1], "done": [True]})

    with pytest.raises(SchemaMismatchError) as raised:
        client.insert(table, {**three_rows(), "observation": np.zeros((3, 2))})
    assert raised.value.column == "observation"


@pytest.mark.parametrize(
    ("column", "values"),
    [
        pytest.param("action", [0.5, 1, 2], id="float_for_integer"),
        pytest.param("action", [2**63, 1, 2], id="integer_too_large"),
        pytest.param("done", [0, 1, 0], id="integer_for_bool"),
        pytest.param("observation", [[True, False]] * 3, id="bool_for_float"),
    ],
)
def test_lists_that_mean_something_else_than_the_table_are_refused(
    client: ReplayClient, table: str, column: str, values: Any
) -> None:
    with pytest.raises(ColumnMismatchError) as raised:
        client.insert(table, {**three_rows(), column: values})
    assert raised.value.column == column


def test_lists_follow_a_table_that_was_made_anew(client: ReplayClient, table: str) -> None:
    client.insert(table, three_rows())
    client.delete_table(table)
    client.create_table(
        table, {"capacity": 8, "columns": {"action": {"dtype": "|u1", "shape": []}}}
    )

    client.insert(table, {"action": [1, 2]})

    assert client.scan(table).columns["action"].dtype == np.uint8


def test_a_table_is_made_listed_reset_and_dropped(client: ReplayClient, table: str) -> None:
    client.insert(table, three_rows())

    same = client.create_table(table, {"capacity": 8, "columns": COLUMNS})
    assert same["stats"]["rows"] == 3
    assert table in [document["name"] for document in client.list_tables()]
    client.reset_table(table)
    assert client.describe_table(table)["stats"]["rows"] == 0
    client.delete_table(table)
    with pytest.raises(UnknownTableError):
        client.describe_table(table)


def test_refusals_have_classes(client: ReplayClient, table: str) -> None:
    with pytest.raises(TableExistsError):
        client.create_table(table, {"capacity": 9})
    with pytest.raises(InvalidRequestError) as raised:
        client.create_table("another", {"capacity": 9, "capcity": 9})
    assert raised.value.field == "capcity"
    with pytest.raises(BadPriorityError):
        client.insert(table, three_rows(), priorities=[1.0, float("nan"), 1.0])
    with pytest.raises(RateLimitedError) as limited:
        client.sample(table, 1)
    assert limited.value.retry_after_s is not None
    client.insert(table, three_rows(), priorities=[0, 0, 0])
    with pytest.raises(NothingToDrawError):
        client.sample(table, 1)


def test_info_tells_version_and_limits(client: ReplayClient) -> None:
    info = client.info()

    assert info.protocol == 1
    assert info.limits.max_body_bytes > 0


def test_an_httpx_client_of_the_caller_does_the_sending(server_url: str, table: str) -> None:
    seen = []
    hooks = {"request": [lambda request: seen.append(request.url.path)]}
    with httpx.Client(base_url=server_url, event_hooks=hooks) as http:
        with ReplayClient(http) as client:
            client.insert(table, three_rows())
            batch = client.sample(table, 4)

        assert batch.columns["observation"].shape == (4, 2)
        assert seen == [
            f"/v1/tables/{table}",
            f"/v1/tables/{table}/insert",
            f"/v1/tables/{table}/sample",
        ]
        assert not http.is_closed


def test_threads_share_a_client(client: ReplayClient, table: str) -> None:
    client.insert(table, three_rows())

    def draw(_: int) -> bool:
        batch = client.sample(table, 16)
        return bool((batch.columns["action"] == batch.keys + 10).all())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(draw, range(200)))
