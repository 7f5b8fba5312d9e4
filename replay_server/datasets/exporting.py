"""A table into a file: its rows into a spool, and the spool into a format."""

from __future__ import annotations

import importlib
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

from replay_server.datasets.blocks import Description
from replay_server.datasets.errors import DatasetError
from replay_server.datasets.progress import Progress
from replay_server.datasets.remote_table import RemoteTable
from replay_server.datasets.spool import Spool
from replay_server.datasets.streams import link_steps

__all__ = ["FORMATS", "export_table", "format_of"]

FORMATS: Final = ("minari", "parquet", "npz")
_WRITERS: Final = {
    "minari": ("replay_server.datasets.minari_episodes", "write_minari"),
    "parquet": ("replay_server.datasets.parquet_files", "write_parquet"),
    "npz": ("replay_server.datasets.npz_files", "write_npz"),
}


class _Writer(Protocol):
    def __call__(self, spool: Spool, out: Path, progress: Progress) -> str | None: ...


def format_of(out: Path) -> str:
    """Return the format that a file's name asks for."""
    return {".parquet": "parquet", ".npz": "npz"}.get(out.suffix, "minari")


def export_table(
    table: RemoteTable, out: Path, form: str, progress: Progress, tell: Callable[[str], None]
) -> int:
    """Write the rows that a table holds now into a file, and return how many.

    What has been fetched stands in the folder `OUT.partial` until the file is whole; killed, the
    same call goes on from there. `tell` hears what is left out.

    Raises:
        DatasetError: there is such a file, no such table, or its rows have no such form.
        RemoteError: the server can't be reached, or says no.
    """
    if out.exists():
        raise DatasetError(f"{out} is there already")
    module, name = _WRITERS[form]
    write: _Writer = getattr(importlib.import_module(module), name)
    description = _description(table)
    if form == "minari" and not description.has_steps:
        raise DatasetError(
            f"table {table.name!r} holds rows, not steps of episodes, which is what Minari is of; "
            "export it as parquet or npz"
        )
    with Spool(out.with_name(f"{out.name}.partial"), description) as spool:
        _fetch(table, spool, progress)
        if description.has_steps:
            link_steps(spool)
        whole = spool.folder / "out"
        if whole.is_dir():
            shutil.rmtree(whole)
        whole.unlink(missing_ok=True)
        note = write(spool, whole, progress)
        whole.rename(out)
        spool.remove()
    if note:
        tell(note)
    return spool.rows


def _description(table: RemoteTable) -> Description:
    """Describe the table as it is now. Raises DatasetError where there is nothing to export."""
    document = table.describe()
    if document is None:
        raise DatasetError(f"there is no table {table.name!r}")
    spec: dict[str, Any] = document.spec
    if spec.get("columns") is None:
        raise DatasetError(f"table {table.name!r} has never had a row, so its columns aren't known")
    return Description(uuid.uuid4().hex, table.name, spec, document.stats.rows)


def _fetch(table: RemoteTable, spool: Spool, progress: Progress) -> None:
    """Scan on until there are as many rows as the table had at first, or no more."""
    if not spool.description.rows:
        return
    with progress("fetching", spool.description.rows) as advance:
        advance(spool.rows)
        while not spool.is_complete:
            left = spool.description.rows - spool.rows
            page = table.scan(spool.last_key, min(spool.description.block_rows, left))
            spool.append(page)
            advance(page.keys.shape[0])
