"""Datasets over a table: every row once whatever the number of workers; draws."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from agent_client import ReplayClient, UnknownTableError
from agent_client.integrations import torch_datasets
from agent_client.integrations.torch_datasets import TableDraws, TableRows


@pytest.fixture
def client(server_url: str) -> Iterator[ReplayClient]:
    with ReplayClient(server_url) as client:
        yield client


def fill(client: ReplayClient, table: str, rows: int, capacity: int = 10_000) -> None:
    client.ensure_table(table, {"capacity": capacity})
    number = np.arange(rows)
    client.insert(table, {"number": number, "pair": number[:, None] + np.array([0.0, 0.5])})


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more workers than processors
@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("batch_size", [None, 7, 5000])
def test_every_row_comes_once(
    client: ReplayClient, server_url: str, table: str, workers: int, batch_size: int | None
) -> None:
    fill(client, table, 3000, capacity=5500)
    fill(client, table, 4000, capacity=5500)  # the first 1500 are gone
    dataset = TableRows(server_url, table, batch_size=batch_size)

    collated = 100 if batch_size is None else None
    loader = DataLoader(dataset, batch_size=collated, num_workers=workers)
    batches = [batch["number"].reshape(-1) for batch in loader]

    numbers = torch.cat(batches).sort().values
    expected = torch.cat([torch.arange(1500, 3000), torch.arange(4000)]).sort().values
    assert torch.equal(numbers, expected)
    assert max(map(len, batches)) <= (batch_size or 100)


def test_rows_far_apart_are_found(client: ReplayClient, server_url: str, table: str) -> None:
    fill(client, table, 9000)
    client.delete(table, np.arange(10, 8990))

    numbers = [
        int(number)
        for batch in DataLoader(TableRows(server_url, table), batch_size=4, num_workers=2)
        for number in batch["number"]
    ]

    assert sorted(numbers) == [*range(10), *range(8990, 9000)]


def test_an_answer_that_is_cut_short_loses_no_row(
    client: ReplayClient, server_url: str, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(client, table, 100)
    scan = ReplayClient.scan
    monkeypatch.setattr(torch_datasets, "_STRIPE", 40)
    monkeypatch.setattr(  # as a server that sends fewer rows than it was asked for
        ReplayClient, "scan", lambda *a, limit, **o: scan(*a, limit=min(limit, 9), **o)
    )

    numbers = [int(row["number"]) for row in TableRows(server_url, table)]

    assert numbers == list(range(100))


def test_only_the_columns_that_are_asked_for_come(
    client: ReplayClient, server_url: str, table: str
) -> None:
    fill(client, table, 3)

    rows = list(TableRows(server_url, table, columns=["pair"]))
    draw = next(iter(TableDraws(server_url, table, 2, columns=["pair"])))

    assert [row.keys() for row in rows] == [{"pair"}] * 3
    assert rows[2]["pair"].tolist() == [2.0, 2.5]
    assert draw.keys() == {"keys", "weights", "pair"}


@pytest.mark.parametrize("workers", [0, 2])
def test_so_many_batches_are_drawn_by_all_workers_together(
    client: ReplayClient, server_url: str, table: str, workers: int
) -> None:
    fill(client, table, 50)
    dataset = TableDraws(server_url, table, 16, batches=5)

    batches = list(DataLoader(dataset, batch_size=None, num_workers=workers))

    assert len(batches) == 5
    assert client.describe_table(table)["stats"]["sampled_total"] == 5 * 16
    for batch in batches:
        assert torch.equal(batch["pair"][:, 0], batch["number"].double())
        assert batch["weights"].tolist() == [1.0] * 16


def test_draws_go_on_for_ever(client: ReplayClient, server_url: str, table: str) -> None:
    fill(client, table, 5)

    assert len(list(islice(TableDraws(server_url, table, 2), 20))) == 20


def test_workers_that_are_spawned_make_clients_of_their_own(
    client: ReplayClient, server_url: str, table: str
) -> None:
    fill(client, table, 2000)
    loader = DataLoader(
        TableRows(server_url, table, batch_size=500),
        batch_size=None,
        num_workers=1,
        multiprocessing_context="spawn",
    )

    assert sum(len(batch["number"]) for batch in loader) == 2000


def test_what_cannot_be_read_is_told(client: ReplayClient, server_url: str, table: str) -> None:
    with pytest.raises(UnknownTableError):
        next(iter(TableRows(server_url, table)))
    with pytest.raises(ValueError, match="at least 1"):
        TableRows(server_url, table, batch_size=0)
    with pytest.raises(ValueError, match="at least 1"):
        TableDraws(server_url, table, 0)
    client.create_table(table, {"capacity": 5})
    client.insert(table, {"keys": np.arange(3)})
    with pytest.raises(ValueError, match="called keys"):
        next(iter(TableDraws(server_url, table, 1)))
