"""A file into a table: blocks of rows as one writer, whose sequence is how many rows are in.

So the server knows where to go on: asked first with sequence 0 and no rows, it tells the last one.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from replay_server.datasets.blocks import Block, Dataset
from replay_server.datasets.errors import DatasetError
from replay_server.datasets.progress import Progress
from replay_server.datasets.remote_table import RefusedError, RemoteTable
from replay_wire.messages import TableDocument

__all__ = ["import_rows", "open_dataset"]

_MAGIC: Final = {
    b"PK\x03\x04": ("replay_server.datasets.npz_files", "NpzDataset"),
    b"PK\x05\x06": ("replay_server.datasets.npz_files", "NpzDataset"),  # of nothing
    b"PAR1": ("replay_server.datasets.parquet_files", "ParquetDataset"),
}
_MINARI: Final = ("replay_server.datasets.minari_rows", "MinariDataset")
_HASHED_BYTES: Final = 1 << 20


def open_dataset(source: Path) -> Dataset:
    """Return what a file, or the folder of a Minari data set, holds.

    Raises:
        DatasetError: it is of no known format, or can't be read.
    """
    if source.is_dir():
        data = source / "data" if (source / "data").is_dir() else source
        if not (data / "metadata.json").is_file():
            raise DatasetError(f"{source} is a folder, but none of a Minari data set")
        whole = data / "main_data.hdf5"  # other forms of Minari's have many files
        return _open(_MINARI, data, _identity(whole if whole.is_file() else data / "metadata.json"))
    try:
        with source.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise DatasetError(f"{source} can't be read: {error.strerror}") from error
    if magic not in _MAGIC:
        raise DatasetError(f"{source} is neither Parquet, npz, nor a Minari data set")
    return _open(_MAGIC[magic], source, _identity(source))


def import_rows(
    table: RemoteTable,
    dataset: Dataset,
    progress: Progress,
    *,
    writer: str | None = None,
    capacity: int | None = None,
) -> tuple[int, int]:
    """Insert what is not in yet, and return how many rows that was and how many were in.

    Args:
        table: where to; made where it is not there.
        dataset: what.
        progress: hears how far it is.
        writer: id to insert under; None takes one of the file's content.
        capacity: of a table that is made; None is that of the file's.

    Raises:
        DatasetError: the file can't be read.
        RemoteError: the server can't be reached, or says no.
    """
    description = dataset.description
    spec = description.spec if capacity is None else {**description.spec, "capacity": capacity}
    document = table.describe() or table.make(spec)
    has_steps = document.spec["items"]["kind"] != "row"
    writer = writer or f"import-{description.identity[:32]}"
    most_rows = _most_rows(document)
    done = _rows_in(table, dataset, writer, has_steps)
    before = done
    with progress("importing", description.rows) as advance:
        advance(done)
        for block in _cut(dataset.blocks(done), most_rows):
            done += block.rows
            table.insert(_for(block, has_steps), writer, done)
            advance(block.rows)
    return done - before, before


def _rows_in(table: RemoteTable, dataset: Dataset, writer: str, has_steps: bool) -> int:
    """Return how many rows of a file a writer has brought in."""
    none = next((block.part(0, 0) for block in dataset.blocks(0)), None)
    if none is None:
        return 0
    try:
        table.insert(_for(none, has_steps), writer, 0)
    except RefusedError as error:
        if error.code != "stale_sequence":
            raise
        return int(error.facts["last"])
    return 0


def _for(block: Block, has_steps: bool) -> Block:
    """Return a block for a table of steps, or of rows, which knows no streams."""
    return block if has_steps else replace(block, streams=None)


def _cut(blocks: Iterator[Block], most_rows: int) -> Iterator[Block]:
    for block in blocks:
        for start in range(0, block.rows, most_rows):
            yield block.part(start, min(start + most_rows, block.rows))


def _most_rows(document: TableDocument) -> int:
    """Return how many rows a table can take at once."""
    limiter = document.spec["rate_limiter"]
    rows = document.largest_insert or document.spec["capacity"]
    most = [rows, limiter.get("size", rows)]
    if limiter["kind"] == "sample_to_insert_ratio":
        # Half of what could ever pass: for all of it draws would have to go to their very bound.
        most.append(int(limiter["error_buffer"] / limiter["samples_per_insert"]))
    return max(int(min(most)), 1)


def _open(place: tuple[str, str], source: Path, identity: str) -> Dataset:
    module, name = place
    dataset: Dataset = getattr(importlib.import_module(module), name)(source, identity)
    return dataset


def _identity(path: Path) -> str:
    """Return what tells a file's content from others': its size, its beginning and its end."""
    size = path.stat().st_size
    hashed: Any = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        hashed.update(file.read(_HASHED_BYTES))
        file.seek(max(size - _HASHED_BYTES, 0))
        hashed.update(file.read())
    return str(hashed.hexdigest())
