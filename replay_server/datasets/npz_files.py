"""NumPy's own format: a zip of arrays, one a column, that `numpy.load` reads.

Arrays are written and read piece by piece. Beside the columns stand `replay.key`,
`replay.priority`, for steps `replay.stream`, and `replay.table`, a text that tells the table.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from replay_server.datasets.blocks import (
    KEY,
    PRIORITY,
    STREAM,
    Block,
    ColumnForm,
    Description,
    column_form,
    spec_of,
)
from replay_server.datasets.errors import DatasetError
from replay_server.datasets.progress import Progress
from replay_server.datasets.spool import Spool

__all__ = ["NpzDataset", "write_npz"]

_TABLE: Final = "replay.table"
_SUFFIX: Final = ".npy"
_BESIDE: Final = (KEY, PRIORITY, STREAM, _TABLE)


def write_npz(spool: Spool, out: Path, progress: Progress) -> None:
    """Write the rows of a spool into a file."""
    beside = (KEY, PRIORITY, *((STREAM,) if spool.description.has_steps else ()))
    names = [*spool.description.columns, *beside]
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive,
        progress("writing", len(names) * spool.rows) as advance,
    ):
        with archive.open(_TABLE + _SUFFIX, "w") as member:
            npy.write_array(member, np.array(spool.description.json()), allow_pickle=False)
        for name in names:
            file = spool.file(name)
            header = {
                "descr": npy.dtype_to_descr(file.form.dtype),
                "fortran_order": False,
                "shape": (spool.rows, *file.form.shape),
            }
            with archive.open(name + _SUFFIX, "w", force_zip64=True) as member:
                npy.write_array_header_1_0(member, header)
                for start, stop in spool.ranges():
                    member.write(file.read(start, stop).tobytes())
                    advance(stop - start)


class NpzDataset:
    """An npz file: one of ours, or any whose arrays have the same number of rows."""

    def __init__(self, path: Path, identity: str) -> None:
        """Look at the heads of its arrays. Raises DatasetError where they are no rows."""
        self.notes: list[str] = []
        self._path = path
        forms: dict[str, ColumnForm] = {}
        lengths: dict[str, int] = {}
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                name = member.removesuffix(_SUFFIX)
                if name != _TABLE:
                    with archive.open(member) as file:
                        lengths[name], forms[name] = _head(file, name)
            told = None
            if _TABLE + _SUFFIX in archive.namelist():
                with archive.open(_TABLE + _SUFFIX) as file:
                    told = str(npy.read_array(file, allow_pickle=False))
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise DatasetError(f"the arrays of {path} are not of one length: {shown:.300}")
        rows = max(lengths.values(), default=0)
        columns = {
            name: ColumnForm(form.dtype.newbyteorder("<"), form.shape)
            for name, form in forms.items()
            if name not in _BESIDE
        }
        if not columns:
            raise DatasetError(f"{path} holds no arrays")
        self._beside = [name for name in forms if name in _BESIDE]
        self.description = (
            Description(identity, path.stem, spec_of(columns, rows), rows)
            if told is None
            else Description.of_json(told, path)
        )

    def blocks(self, start: int) -> Iterator[Block]:
        """Give its rows from row `start` on."""
        description = self.description
        names = [*description.columns, *self._beside]
        with ExitStack() as stack:
            archive = stack.enter_context(zipfile.ZipFile(self._path))
            files = {name: stack.enter_context(archive.open(name + _SUFFIX)) for name in names}
            forms = {name: _head(file, name)[1] for name, file in files.items()}
            for name, file in files.items():
                file.seek(start * forms[name].nbytes, 1)
            for first in range(start, description.rows, description.block_rows):
                rows = min(description.block_rows, description.rows - first)
                read = {name: _values(files[name], forms[name], rows, name) for name in names}
                yield Block(
                    {name: read[name] for name in description.columns},
                    read.get(PRIORITY),
                    read.get(STREAM),
                )


def _head(file: IO[bytes], name: str) -> tuple[int, ColumnForm]:
    """Return how many values an array has, and of what form. Raises DatasetError if no table can.

    The form's dtype is as it is stored, in either byte order.
    """
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, is_fortran, dtype = read(file)
    except ValueError as error:
        raise DatasetError(f"array {name!r} can't be read: {error}") from error
    if not shape:
        raise DatasetError(f"array {name!r} has no axis of rows")
    if is_fortran and len(shape) > 1:
        raise DatasetError(f"array {name!r} is in Fortran order; save numpy.ascontiguousarray's")
    column_form(name, np.empty(0, dtype))
    return shape[0], ColumnForm(dtype, shape[1:])


def _values(file: IO[bytes], form: ColumnForm, rows: int, name: str) -> NDArray[Any]:
    data = file.read(rows * form.nbytes)
    if len(data) != rows * form.nbytes:
        raise DatasetError(f"array {name!r} ends too early")
    values = np.frombuffer(data, form.dtype) if data else np.empty(0, form.dtype)
    values = values.reshape(rows, *form.shape)
    return values.astype(form.dtype.newbyteorder("<"), copy=False)
