"""Draws of steps against a real server: both layouts, mixed draws, and tables changed live."""

import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from agent_client import Batch, Draw, InvalidRequestError, Prefetcher, RateLimitedError
from agent_client.batches.draws import read_indexed, read_mixed
from agent_client.replay_client import ReplayClient
from agent_client.tensors import TensorBatch
from replay_wire.errors import WireFormatError

EPISODE_ROWS = 7
WHOLE = {
    "observation/place": {"dtype": "<f4", "shape": [2]},
    "observation/camera": {"dtype": "|u1", "shape": [3, 3]},
    "action": {"dtype": "<i8", "shape": []},
    "reward": {"dtype": "<f4", "shape": []},
    "is_first": {"dtype": "|b1", "shape": []},
    "is_last": {"dtype": "|b1", "shape": []},
    "is_terminal": {"dtype": "|b1", "shape": []},
}


@pytest.fixture
def client(server_url: str) -> Iterator[ReplayClient]:
    with ReplayClient(server_url) as client:
        yield client


def make_steps(client: ReplayClient, items: dict[str, Any], *, episodes: int = 3) -> str:
    """Make a table of steps with some episodes; observations count up over all of them."""
    table = f"draws-{uuid.uuid4().hex}"
    client.create_table(
        table,
        {"capacity": 100, "columns": WHOLE, "items": items, "sampler": {"kind": "uniform"}},
    )
    count = episodes * EPISODE_ROWS
    place = np.arange(count)
    client.insert(
        table,
        {
            "observation/place": np.stack((place, -place), axis=1).astype(np.float32),
            "observation/camera": np.broadcast_to(
                place[:, None, None].astype(np.uint8), (count, 3, 3)
            ),
            "action": place,
            "reward": place.astype(np.float32),
            "is_first": place % EPISODE_ROWS == 0,
            "is_last": place % EPISODE_ROWS == EPISODE_ROWS - 1,
            "is_terminal": place % EPISODE_ROWS == EPISODE_ROWS - 1,
        },
    )
    return table


TRANSITIONS = {"kind": "transition", "n_step": 2, "discount": 0.5, "frame_stack": 3}
PLAIN_TRANSITIONS = {"kind": "transition"}
SEQUENCES = {"kind": "sequence", "length": 4}


def both_layouts(
    client: ReplayClient, items: dict[str, Any], **arguments: Any
) -> tuple[Batch, Batch]:
    """Draw the same items twice: fifo draws are the oldest items, whichever way they are sent."""
    table = make_steps(client, items)
    client.change_table(table, sampler={"kind": "fifo"})
    stacked = client.sample(table, 6, **arguments)
    return stacked, client.sample(table, 6, layout="indexed", **arguments)


@pytest.mark.parametrize("batches", [1, 2])
@pytest.mark.parametrize(
    "items",
    [
        pytest.param(TRANSITIONS, id="frame_stack"),
        pytest.param(PLAIN_TRANSITIONS, id="no_frame_stack"),
        pytest.param(SEQUENCES, id="sequence"),
    ],
)
def test_the_indexed_layout_stacked_is_the_stacked_layout(
    client: ReplayClient, items: dict[str, Any], batches: int
) -> None:
    stacked, indexed = both_layouts(client, items, batches=batches)

    assert stacked.rows is None
    assert stacked.stacked() is stacked
    assert indexed.rows is not None
    again = indexed.stacked()
    assert again.rows is None
    assert again.keys.tolist() == stacked.keys.tolist()
    assert set(again.columns) == set(stacked.columns)
    for name, values in stacked.columns.items():
        assert again.columns[name].dtype == values.dtype
        np.testing.assert_array_equal(again.columns[name], values)


def test_each_distinct_row_comes_once_in_the_indexed_layout(client: ReplayClient) -> None:
    _, indexed = both_layouts(client, TRANSITIONS)

    assert indexed.rows is not None
    places = indexed.rows["observation/place"][:, 0].tolist()
    assert places == sorted(set(places))
    assert indexed.columns["observation_index"].shape == (6, 3)
    assert not any(name.startswith("observation/") for name in indexed.columns)


def test_arrays_of_the_indexed_layout_are_the_callers_own(client: ReplayClient) -> None:
    _, indexed = both_layouts(client, TRANSITIONS)

    assert indexed.rows is not None
    indexed.rows["observation/camera"][:] = 0
    indexed.columns["reward"][:] = 1
    assert indexed.columns["reward"].flags.aligned


def test_columns_without_observations_leave_no_rows(client: ReplayClient) -> None:
    table = make_steps(client, TRANSITIONS)

    batch = client.sample(table, 4, layout="indexed", columns=["reward"])

    assert batch.rows == {}
    assert set(batch.stacked().columns) == {"reward"}


@pytest.mark.parametrize("items", [TRANSITIONS, SEQUENCES], ids=["transition", "sequence"])
def test_tensors_are_stacked_as_arrays_are(client: ReplayClient, items: dict[str, Any]) -> None:
    stacked, indexed = both_layouts(client, items)

    tensors = TensorBatch.from_batch(indexed, "cpu").stacked()

    assert tensors.rows is None
    assert tensors.stacked() is tensors
    for name, values in stacked.columns.items():
        np.testing.assert_array_equal(tensors.columns[name].numpy(), values)


def test_a_prefetcher_draws_in_the_indexed_layout(client: ReplayClient) -> None:
    table = make_steps(client, TRANSITIONS)

    with Prefetcher(client, table, 5, layout="indexed") as batches:
        batch = batches.next_tensors()

    assert batch.rows is not None
    assert batch.stacked().columns["observation/place"].shape == (5, 3, 2)


def test_a_mixed_draw_gives_each_part_its_batch(client: ReplayClient) -> None:
    steps, plain = make_steps(client, TRANSITIONS), f"rows-{uuid.uuid4().hex}"
    client.create_table(plain, {"capacity": 10})
    client.insert(plain, {"rows": np.arange(10)})  # a table of rows may well name a column so

    first, second, third = client.sample_mixed(
        [
            Draw(table=steps, batch_size=3, layout="indexed"),
            Draw(table=plain, batch_size=5, beta=0.0, update=([0, 99], [2.0, 2.0])),
            Draw(table=steps, batch_size=2, batches=2, columns=["action"]),
        ]
    )

    assert first.rows is not None
    assert first.stacked().columns["observation/camera"].shape == (3, 3, 3, 3)
    assert second.columns["rows"].tolist() == second.keys.tolist()
    assert (second.updated, second.stale) == (1, 1)
    assert second.weights.tolist() == [1.0] * 5
    assert {name: values.shape for name, values in third.columns.items()} == {"action": (2, 2)}


def test_a_mixed_draw_is_made_of_all_parts_or_none(client: ReplayClient) -> None:
    full, empty = make_steps(client, TRANSITIONS), make_steps(client, TRANSITIONS, episodes=0)

    with pytest.raises(RateLimitedError):
        client.sample_mixed([Draw(table=full, batch_size=3), Draw(table=empty, batch_size=3)])

    assert client.describe_table(full)["stats"]["sampled_total"] == 0


def test_a_change_is_merged_into_what_stands(client: ReplayClient) -> None:
    table = f"changed-{uuid.uuid4().hex}"
    client.create_table(table, {"capacity": 10})

    client.change_table(table, sampler={"alpha": 0.9})
    document = client.change_table(
        table, rate_limiter={"kind": "min_size", "min_size": 3}, max_times_sampled=2
    )

    spec = document["spec"]
    assert spec["sampler"]["alpha"] == 0.9
    assert spec["sampler"]["beta"] == 0.4
    assert spec["rate_limiter"]["min_size"] == 3
    assert spec["max_times_sampled"] == 2
    assert client.describe_table(table)["spec"] == spec


def test_a_change_that_could_never_work_changes_nothing(client: ReplayClient) -> None:
    table = f"changed-{uuid.uuid4().hex}"
    before = client.create_table(table, {"capacity": 10})["spec"]

    with pytest.raises(InvalidRequestError):
        client.change_table(table, rate_limiter={"kind": "min_size", "min_size": 11})

    assert client.describe_table(table)["spec"] == before


@pytest.mark.parametrize(
    "body", [b"", b"\xc0", b"\x80", b"\x81\xa5parts\x90"], ids=["empty", "nil", "map", "no_parts"]
)
def test_bytes_that_are_no_reply_are_refused(body: bytes) -> None:
    with pytest.raises(WireFormatError):
        read_indexed(body)
    with pytest.raises(WireFormatError):
        read_mixed(body, ["stacked"])
