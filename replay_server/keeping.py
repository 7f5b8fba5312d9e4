"""Who keeps the tables of a server, by its settings."""

from __future__ import annotations

from collections.abc import Iterable

from replay_server.durability.data_directory import DataDirectory
from replay_server.durability.errors import DataDirectoryError
from replay_server.durability.files import Files
from replay_server.durability.keeper import Build, Description, Keeper, MemoryKeeper, StandingTable
from replay_server.durability.layout import Layout
from replay_server.memory.arrays import Allocate
from replay_server.memory.changes import Changes
from replay_server.memory.table import Table
from replay_server.settings import ServerSettings
from replay_server.table_factory import build_table
from replay_wire.complaints import convert
from replay_wire.specs import TableSpec

__all__ = ["builder", "open_keeper"]


def open_keeper(
    settings: ServerSettings, files: Files | None = None
) -> tuple[Keeper, Iterable[StandingTable]]:
    """Return the keeper that settings ask for, and the tables that stand already.

    Raises:
        DataDirectoryError: the data directory is in use, of another format or damaged, or holds
            tables that the durability asked for would not keep.
    """
    build = builder(settings.limits.max_writers_per_table)
    if settings.data_dir is None:
        return MemoryKeeper(build), ()
    files = files or Files()
    layout = Layout(settings.data_dir, files)
    try:
        if settings.durability_kept == "memory":
            if layout.current is not None and any(layout.tables.iterdir()):
                raise DataDirectoryError(
                    layout.tables,
                    "it holds live tables, which --durability memory would not keep; start with "
                    "--durability process or power, or give another --data-dir",
                )
            return MemoryKeeper(build), ()
        directory = DataDirectory(layout, build, files, power=settings.durability_kept == "power")
    except BaseException:
        layout.close()
        raise
    return directory, directory.tables


def builder(writer_limit: int) -> Build:
    """Return what makes the table of a description, as `ReplayService` writes it."""

    def build(description: Description, allocate: Allocate, changes: Changes) -> Table:
        spec = convert(description["now"], TableSpec)
        return build_table(spec, writer_limit, allocate, changes)

    return build
