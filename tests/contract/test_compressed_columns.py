"""Section 3 of docs/protocol.md: columns that are compressed, and tables that have them."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.contract.peer import SMALL_MEMORY_BYTES, Peer, TablePeer, array, values_of
from tests.contract.steps import StepPeer, episode

COMPRESSIONS = ["lz4", "zstd"]
DTYPES = ["|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8"]
SHAPES: list[list[int]] = [[], [3], [0], [2, 0, 3], [40, 5]]


def packed(columns: dict[str, Any], compression: str) -> dict[str, Any]:
    return {name: {**column, "compression": compression} for name, column in columns.items()}


def some_rows(count: int, seed: int) -> dict[str, dict[str, Any]]:
    """Columns of every dtype and shape; of half the rows the bytes are random, or all alike."""
    rng = np.random.default_rng(seed)
    columns = {}
    for number, (dtype, shape) in enumerate(itertools.product(DTYPES, SHAPES)):
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        data = rng.integers(0, 2 if dtype == "|b1" else 256, (count, size), np.uint8)
        data[::2] = data[:1]
        columns[f"c{number}"] = {"dtype": dtype, "shape": [count, *shape], "data": data.tobytes()}
    return columns


def types_of(columns: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        name: {"dtype": column["dtype"], "shape": column["shape"][1:]}
        for name, column in columns.items()
    }


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_rows_of_every_dtype_and_shape_come_back_bit_by_bit(table: TablePeer, compression: str):
    columns = some_rows(60, seed=1)
    table.make(columns=packed(types_of(columns), compression), capacity=200)

    for _ in range(5):  # around the end of the ring, and past the training of dictionaries
        table.post("insert", {"columns": columns})
    scanned = table.scan(limit=60, after=239).document["columns"]

    for name, column in columns.items():
        assert scanned[name]["data"] == column["data"], (name, column["dtype"], column["shape"])
        assert scanned[name]["shape"] == column["shape"]


@pytest.mark.parametrize("remover", ["lifo", "uniform", "min_heap", "max_heap"])
def test_only_tables_whose_remover_is_fifo_compress(table: TablePeer, remover: str):
    columns = {"x": {"dtype": "<i8", "shape": [], "compression": "lz4"}}

    answer = table.put(columns=columns, remover={"kind": remover})

    assert (answer.status, answer.code) == (422, "invalid_request")
    assert answer.document["field"] == "columns.x.compression"


@pytest.mark.parametrize("compression", ["gzip", "", "LZ4", True])
def test_no_other_compression_is_taken(table: TablePeer, compression: Any):
    columns = {"x": {"dtype": "<i8", "shape": [], "compression": compression}}

    answer = table.put(columns=columns)

    assert (answer.status, answer.document["field"]) == (422, "columns.x.compression")


def test_a_spec_tells_the_compression_and_one_without_it_is_another(table: TablePeer):
    columns = {"x": {"dtype": "<i8", "shape": [], "compression": "zstd"}}
    table.make(columns=columns)

    assert table.peer.get(table.path).document["spec"]["columns"] == columns
    assert table.put(columns=columns).status == 200
    assert table.put().status == 200
    assert table.put(columns={"x": {"dtype": "<i8", "shape": []}}).code == "table_exists"


ITEMS: list[dict[str, Any]] = [
    {"kind": "transition", "n_step": 2, "frame_stack": 3},
    {"kind": "sequence", "length": 4},
]


def answers(steps: StepPeer, layout: str) -> list[Any]:
    """What a table of steps answers to a program of inserts, draws and deletes."""
    told: list[Any] = []
    for number in range(8):
        xs = range(10 * number, 10 * number + 10)
        keys = steps.store(episode(xs, [float(x) for x in xs], end="terminal"))
        drawn = steps.sample(6, layout=layout, batches=2).document
        told.append({name: value for name, value in drawn.items() if name != "stats"})
        told.append(steps.delete(keys[8:]).document)
    told.append(steps.scan().document)
    return told


@pytest.mark.parametrize("layout", ["stacked", "indexed"])
@pytest.mark.parametrize("items", ITEMS, ids=["transition", "sequence"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_compressed_steps_are_drawn_as_others_are(
    peer: Peer, steps: StepPeer, compression: str, items: dict[str, Any], layout: str
):
    columns = {
        "observation": {"dtype": "<f4", "shape": [2]},
        "action": {"dtype": "<i8", "shape": []},
        "reward": {"dtype": "<f8", "shape": []},
        **{name: {"dtype": "|b1", "shape": []} for name in ("is_first", "is_last", "is_terminal")},
    }
    plain = StepPeer(peer, f"{steps.name}-plain")
    try:
        plain.make(columns=columns, items=items, seed=1, capacity=30)
        steps.make(columns=packed(columns, compression), items=items, seed=1, capacity=30)

        assert answers(steps, layout) == answers(plain, layout)
    finally:
        peer.send("DELETE", plain.path)


def test_a_queue_of_compressed_rows_hands_out_each_row_once(table: TablePeer):
    columns = {"x": {"dtype": "<i8", "shape": [], "compression": "zstd"}}
    table.make(columns=columns, rate_limiter={"kind": "queue", "size": 10})

    drawn = []
    for number in range(20):
        table.fill([number, -number])
        drawn += [table.sample(1).column("x").item() for _ in range(2)]

    assert drawn == [x for number in range(20) for x in (number, -number)]


ROW = 1000


def test_a_full_table_takes_no_more_bytes(table: TablePeer):
    columns = {"v": {"dtype": "|u1", "shape": [ROW], "compression": "lz4"}}
    table.make(columns=columns)
    empty = table.stats()["bytes"]
    noise = np.random.default_rng(4).integers(0, 256, (50, ROW), np.uint8)

    for _ in range(20):
        table.post("insert", {"columns": {"v": array("|u1", noise)}})

    assert 100 * ROW <= table.stats()["bytes"] - empty < 250 * ROW


@pytest.fixture
def small(small_server_url: str) -> Iterator[TablePeer]:
    """A table of compressed rows of 1,000 bytes on a server with little memory."""
    with Peer(small_server_url) as peer:
        for other in peer.get("/v1/tables").document["tables"]:
            peer.send("DELETE", f"/v1/tables/{other['name']}")
        columns = {"v": {"dtype": "|u1", "shape": [ROW], "compression": "lz4"}}
        table = TablePeer(peer, "t").make(capacity=5000, columns=columns)
        yield table
        peer.send("DELETE", table.path)


def test_bytes_grow_with_what_comes_in_and_go_with_it(small: TablePeer):
    before = small.stats()["bytes"]
    noise = np.random.default_rng(1).integers(0, 256, (1, ROW), np.uint8)
    alike = np.zeros((8, ROW), np.uint8)

    small.post("insert", {"columns": {"v": array("|u1", noise)}})
    with_noise = small.stats()["bytes"]
    for _ in range(10):
        small.post("insert", {"columns": {"v": array("|u1", alike)}})
    with_both = small.stats()["bytes"]
    small.post("reset", {})

    assert before + ROW <= with_noise <= before + 1.1 * ROW
    assert with_noise < with_both < with_noise + 80 * ROW / 10
    assert small.stats()["bytes"] == before


def test_at_the_limit_rows_are_refused_and_those_before_are_readable(small: TablePeer):
    rng = np.random.default_rng(2)
    stored, sequence = {}, 0
    while True:
        noise = rng.integers(0, 256, (8, ROW), np.uint8)
        sequence += 1
        writer = {"id": "w", "sequence": sequence}
        answer = small.post("insert", {"columns": {"v": array("|u1", noise)}, "writer": writer})
        if answer.status != 200:
            break
        stored.update(zip(answer.array("keys").tolist(), noise, strict=True))

    assert (answer.status, answer.code) == (507, "storage_full")
    assert 0.5 * SMALL_MEMORY_BYTES < len(stored) * ROW < SMALL_MEMORY_BYTES
    scanned: dict[int, np.ndarray] = {}
    while len(scanned) < len(stored):
        page = small.scan(after=max(scanned, default=-1), limit=100).document
        keys = values_of(page["keys"]).tolist()
        scanned.update(zip(keys, values_of(page["columns"]["v"]), strict=True))
    np.testing.assert_equal(scanned, stored)
    small.delete(list(stored)[:400])
    again = small.post("insert", {"columns": {"v": array("|u1", noise)}, "writer": writer})
    assert again.document["duplicate"] is False


def test_rows_that_no_memory_could_unpack_are_refused_at_put(small: TablePeer):
    columns = {"v": {"dtype": "<f8", "shape": [2**53 - 1] * 31, "compression": "zstd"}}

    answer = TablePeer(small.peer, "other").put(capacity=1, columns=columns)

    assert (answer.status, answer.code) == (413, "too_large")
