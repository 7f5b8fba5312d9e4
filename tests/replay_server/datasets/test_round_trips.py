"""What goes into a file comes out of it: any dtype, any shape, any order of steps."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import minari
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from replay_server.datasets.importing import open_dataset
from replay_server.datasets.minari_episodes import write_minari
from replay_server.datasets.npz_files import write_npz
from replay_server.datasets.parquet_files import write_parquet
from replay_server.datasets.spool import Spool
from replay_wire.arrays import DTYPES
from tests.replay_server.datasets.tables import (
    Columns,
    assert_same,
    quiet,
    read,
    spool_of,
    steps_of,
)

Write = Callable[[Spool, Path, Any], Any]
FILES = pytest.mark.parametrize("write", [write_npz, write_parquet])
ANY = pytest.mark.parametrize("write", [write_npz, write_parquet, write_minari])
NAMES = ["a", "b", "b/c", "observation/camera", "observation/state", "x/y/z", "discount"]


def through(spool: Spool, write: Write, start: int = 0) -> tuple[Columns, Any, Any]:
    """Write a spool into a file and read that."""
    out = spool.folder.with_name("out")
    write(spool, out, quiet)
    return read(open_dataset(out), start)


@st.composite
def rows(draw: st.DrawFn) -> tuple[Columns, np.ndarray]:
    count = draw(st.integers(1, 8))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    columns = {
        name: draw(
            hnp.arrays(
                DTYPES[draw(st.sampled_from(sorted(DTYPES)))],
                (count, *draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))),
            )
        )
        for name in names
    }
    return columns, draw(hnp.arrays("<f8", count, elements=st.floats(0, 1e9)))


@FILES
@given(rows(), st.integers(0, 8))
@settings(max_examples=60)
def test_rows_of_any_columns_come_back(write: Write, table: tuple[Columns, Any], start: int):
    columns, priorities = table
    start = min(start, len(priorities) - 1)
    keys = range(len(priorities))
    with (
        tempfile.TemporaryDirectory() as folder,
        spool_of(Path(folder, "s"), columns, keys, priorities) as spool,
    ):
        found, told, streams = through(spool, write, start)

    assert_same(found, columns, start)
    assert told.tolist() == priorities[start:].tolist()
    assert streams is None


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[list[list[int]], list[int]]:
    streams = draw(st.lists(st.lists(st.integers(2, 6), min_size=1, max_size=3), min_size=1,
                            max_size=4))  # fmt: skip
    turns = [number for number, lengths in enumerate(streams) for _ in range(sum(lengths))]
    return streams, draw(st.permutations(turns))


@ANY
@given(table=interleaved())
@settings(max_examples=25)
def test_steps_come_back_in_their_order_each_in_its_stream(write: Write, table: Any):
    columns, previous = steps_of(*table)
    columns["extra"] = np.arange(len(previous), dtype="<i2")
    priorities = np.arange(len(previous)) / 8
    with tempfile.TemporaryDirectory() as folder:
        keys = range(len(previous))
        with spool_of(Path(folder, "s"), columns, keys, priorities, previous) as spool:
            found, told, streams = through(spool, write)

    if write is write_minari:  # an episode's last row has neither in Minari
        for name in ("action", "reward"):
            columns[name] = np.where(columns["is_last"], 0, columns[name])
    assert_same(found, columns)
    assert told.tolist() == priorities.tolist()
    last: dict[int, int] = {}
    for key, (stream, before, is_last) in enumerate(
        zip(streams.tolist(), previous, columns["is_last"], strict=True)
    ):
        assert last.pop(stream, -1) == before
        if not is_last:
            last[stream] = key
    assert max(streams) < len(table[0])


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_minari_keeps_every_dtype_of_nested_observations_and_actions(tmp_path: Path, dtype: str):
    columns, previous = steps_of([[3, 4]], [0] * 7)
    values = np.arange(7 * 6).reshape(7, 2, 3).astype(dtype)
    del columns["observation"], columns["action"]
    columns = {"observation/a": values, "observation/b/c": values[:, 0, 0].copy(),
               "action/left": values[:, 0].copy(), "action/right": values[:, 1, 1].copy(),
               **columns, "info/x": values}  # fmt: skip
    columns = {name: np.ascontiguousarray(array) for name, array in columns.items()}
    with spool_of(tmp_path / "s", columns, range(7), np.ones(7), previous) as spool:
        found, _, _ = through(spool, write_minari)

    for name in ("action/left", "action/right", "reward"):
        columns[name][columns["is_last"]] = 0
    assert_same(found, columns)


def test_images_are_not_made_jpegs(tmp_path: Path):
    columns, previous = steps_of([[3]], [0] * 3)
    columns["observation"] = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), np.uint8)
    with spool_of(tmp_path / "s", columns, range(3), np.ones(3), previous) as spool:
        found, _, _ = through(spool, write_minari)

    assert (found["observation"] == columns["observation"]).all()


def test_a_long_episode_is_written_in_pieces_and_read_whole(tmp_path: Path):
    columns, previous = steps_of([[5, 9]], [0] * 14)
    columns["observation"] = np.zeros((14, 1 << 20), "u1")  # of which a block holds three
    columns["observation"][:, 7] = np.arange(14)
    with spool_of(tmp_path / "s", columns, range(14), np.ones(14), previous) as spool:
        assert spool.description.block_rows == 3
        found, _, _ = through(spool, write_minari)

    assert found["observation"][:, 7].tolist() == list(range(14))
    dataset = minari.MinariDataset(tmp_path / "out" / "data")
    assert [len(episode) for episode in dataset.iterate_episodes()] == [4, 8]
    assert dataset.total_steps == 12
    assert [m["total_steps"] for m in dataset.storage.get_episode_metadata([0, 1])] == [4, 8]
