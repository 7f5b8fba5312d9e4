"""Parquet: a row of the file for each row of a table; steps in the form of RLDS.

A value with a shape is a tensor of Arrow's (`arrow.fixed_shape_tensor`, elsewhere a list of fixed
length), parts of a nested observation are fields of a struct. Steps have a `discount` in addition,
as RLDS asks for: 0 where the next step is terminal, else 1. Beside them stand `replay.key`,
`replay.priority` and, for steps, `replay.stream`; the file's metadata tell the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from replay_server.datasets.blocks import (
    KEY,
    PRIORITY,
    STREAM,
    Block,
    ColumnForm,
    Description,
    column_form,
    looks_like_steps,
    spec_of,
)
from replay_server.datasets.errors import DatasetError, MissingExtraError
from replay_server.datasets.progress import Progress
from replay_server.datasets.spool import FOLLOWING, Spool

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:
    raise MissingExtraError("parquet") from error

__all__ = ["ParquetDataset", "write_parquet"]

_TABLE: Final = b"replay.table"
_DISCOUNT: Final = "discount"
_GROUP_VALUES: Final = 1 << 20  # Parquet takes some 50 bytes for each while it writes or reads
_BESIDE: Final = {
    KEY: ColumnForm(np.dtype("<i8"), ()),
    PRIORITY: ColumnForm(np.dtype("<f8"), ()),
    STREAM: ColumnForm(np.dtype("<i8"), ()),
    _DISCOUNT: ColumnForm(np.dtype("<f4"), ()),
}


def write_parquet(spool: Spool, out: Path, progress: Progress) -> None:
    """Write the rows of a spool, whose steps are linked, into a file."""
    description = spool.description
    beside = [KEY, PRIORITY, *((STREAM, _DISCOUNT) if description.has_steps else ())]
    forms = {**description.columns, **{name: _BESIDE[name] for name in beside}}
    tree = _tree({name: form for name, form in forms.items() if form.nbytes})
    schema = pa.schema(
        [_field(name, form) for name, form in tree.items()],
        metadata={_TABLE: description.json().encode()},
    )
    values_a_row = sum(prod(form.shape) for form in forms.values())
    per_group = max(_GROUP_VALUES // values_a_row, 1)
    step = min(description.block_rows, per_group)
    with (
        pq.ParquetWriter(out, schema, compression="zstd") as writer,
        progress("writing", spool.rows) as advance,
    ):
        for first in range(0, spool.rows, per_group):
            batches = []
            for start in range(first, min(first + per_group, spool.rows), step):
                stop = min(start + step, first + per_group, spool.rows)
                values = {name: _values(spool, name, start, stop) for name in forms}
                arrays = [_array(form, name, values) for name, form in tree.items()]
                batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
                advance(stop - start)
            writer.write_table(pa.Table.from_batches(batches, schema), per_group)


def _values(spool: Spool, name: str, start: int, stop: int) -> NDArray[Any]:
    """Return the rows [start, stop) of a column, or of what stands beside them."""
    if name == _DISCOUNT and spool.description.has_steps:
        following = spool.file(FOLLOWING).read(start, stop)
        ends = np.zeros(stop - start, np.bool_)
        ends[following >= 0] = spool.file("is_terminal").take(following[following >= 0])
        return np.where(ends, 0, 1).astype(np.float32)
    return spool.file(name).read(start, stop)


class ParquetDataset:
    """A Parquet file: one of ours, or any whose values are numbers and lists of one length."""

    def __init__(self, path: Path, identity: str) -> None:
        """Look at it. Raises DatasetError where its rows can't be those of a table."""
        self.notes: list[str] = []
        self._path = path
        try:
            with pq.ParquetFile(path) as file:
                told = (file.schema_arrow.metadata or {}).get(_TABLE)
                rows = file.metadata.num_rows
                batch = next(file.iter_batches(1), None) if told is None else None
        except (pa.ArrowException, OSError) as error:
            raise DatasetError(f"{path} can't be read as Parquet: {error}") from error
        if told is not None:
            self.description = Description.of_json(told, path)
            return
        if batch is None:
            raise DatasetError(f"{path} holds no rows")
        columns = {
            name: column_form(name, values)
            for name, values in _columns(batch).items()
            if name not in (KEY, PRIORITY, STREAM)
        }
        if looks_like_steps(columns) and _DISCOUNT in columns:
            del columns[_DISCOUNT]
            self.notes.append("discount is left out: a table of steps reckons with its own")
        self.description = Description(identity, path.stem, spec_of(columns, rows), rows)

    def blocks(self, start: int) -> Iterator[Block]:
        """Give its rows from row `start` on. Memory: a group of rows, and a block."""
        forms, rows = self.description.columns, self.description.block_rows
        with pq.ParquetFile(self._path, pre_buffer=False) as file:
            for number in range(file.metadata.num_row_groups):
                group_rows = file.metadata.row_group(number).num_rows
                if start >= group_rows:
                    start -= group_rows
                    continue
                for batch in file.iter_batches(rows, row_groups=[number]):
                    kept = batch.slice(min(start, len(batch)))
                    start -= len(batch) - len(kept)
                    if len(kept):
                        yield self._block(_columns(kept), len(kept), forms)

    def _block(
        self, found: dict[str, NDArray[Any]], rows: int, forms: Mapping[str, ColumnForm]
    ) -> Block:
        columns = {}
        for name, form in forms.items():
            if form.nbytes and name not in found:
                raise DatasetError(f"{self._path} has no column {name!r}")
            values = found[name] if form.nbytes else np.empty((rows, *form.shape), form.dtype)
            if (values.dtype, values.shape[1:]) != (form.dtype, form.shape):
                raise DatasetError(f"column {name!r} of {self._path} has rows of several shapes")
            columns[name] = values
        return Block(columns, found.get(PRIORITY), found.get(STREAM))


_Tree = dict[str, Any]
"""NAME -> form, or a tree of parts."""


def _tree(forms: Mapping[str, ColumnForm]) -> _Tree:
    """Return columns as a tree of their parts; one whose name begins with another's stays whole."""
    tree: _Tree = {}
    for name, form in forms.items():
        parts = name.split("/")
        is_whole = any("/".join(parts[:n]) in forms for n in range(1, len(parts)))
        at = tree
        for part in [] if is_whole else parts[:-1]:
            at = at.setdefault(part, {})
        at[name if is_whole else parts[-1]] = form
    return tree


def _field(name: str, form: ColumnForm | _Tree) -> pa.Field:
    if isinstance(form, dict):
        kind = pa.struct([_field(part, below) for part, below in form.items()])
    else:
        kind = pa.from_numpy_dtype(form.dtype)
        kind = pa.fixed_shape_tensor(kind, form.shape) if form.shape else kind
    return pa.field(name, kind, nullable=False)


def _array(form: ColumnForm | _Tree, name: str, values: Mapping[str, NDArray[Any]]) -> pa.Array:
    """Return the array of a column, or of all that lie below it."""
    if isinstance(form, dict):
        parts = [_array(below, f"{name}/{part}", values) for part, below in form.items()]
        fields = [_field(part, below) for part, below in form.items()]
        return pa.StructArray.from_arrays(parts, fields=fields)
    flat = pa.array(values[name].reshape(-1))
    if not form.shape:
        return flat
    lists = pa.FixedSizeListArray.from_arrays(flat, prod(form.shape))
    kind = pa.fixed_shape_tensor(pa.from_numpy_dtype(form.dtype), form.shape)
    return pa.ExtensionArray.from_storage(kind, lists)


def _columns(batch: pa.RecordBatch) -> dict[str, NDArray[Any]]:
    """Return the columns of a batch, parts of structs by their whole name."""
    found: dict[str, NDArray[Any]] = {}
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        found.update(_leaves(name, array))
    return found


def _leaves(name: str, array: pa.Array) -> Iterator[tuple[str, NDArray[Any]]]:
    if pa.types.is_struct(array.type):
        for field, part in zip(array.type, array.flatten(), strict=True):
            yield from _leaves(f"{name}/{field.name}", part)
    else:
        yield name, _numbers(name, array)


def _numbers(name: str, array: pa.Array) -> NDArray[Any]:
    """Return an array of numbers [n, ...] of an array of numbers, tensors or lists.

    Raises:
        DatasetError: it is of something else, has nulls, or lists of several lengths.
    """
    kind = array.type
    if array.null_count:
        raise DatasetError(f"column {name!r} has rows without a value")
    if isinstance(kind, pa.FixedShapeTensorType):
        flat = _numbers(name, array.storage.flatten())
        return flat.reshape(len(array), *kind.shape)
    if pa.types.is_fixed_size_list(kind):
        inner = _numbers(name, array.flatten())
        return inner.reshape(len(array), kind.list_size, *inner.shape[1:])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner, lengths = _numbers(name, array.flatten()), np.diff(array.offsets.to_numpy())
        if len(set(lengths.tolist())) > 1:
            raise DatasetError(f"column {name!r} has lists of several lengths")
        return inner.reshape(len(array), int(lengths[0]) if len(lengths) else 0, *inner.shape[1:])
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return np.asarray(array.to_numpy(zero_copy_only=False))
    raise DatasetError(f"column {name!r} is of {kind}, which no table can hold")
