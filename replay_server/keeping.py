"""Who keeps the tables and the parameters of a server, by its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from replay_server.checkpointing import restored
from replay_server.durability.checkpoints import Checkpoints
from replay_server.durability.data_directory import DataDirectory
from replay_server.durability.errors import DataDirectoryError
from replay_server.durability.files import Files
from replay_server.durability.keeper import Build, Keeper, MemoryKeeper, StandingTable
from replay_server.durability.layout import Layout
from replay_server.durability.memo import Description
from replay_server.durability.parameter_files import ParameterFiles
from replay_server.durability.parameter_shelf import Shelf
from replay_server.memory.arrays import Allocate
from replay_server.memory.changes import Changes
from replay_server.memory.table import Table
from replay_server.settings import ServerSettings
from replay_server.table_factory import build_table
from replay_wire.complaints import convert
from replay_wire.specs import TableSpec

__all__ = ["Keeping", "builder", "open_keeping"]


@dataclass(frozen=True)
class Keeping:
    """Who keeps the tables and the parameters, and what was kept.

    Attributes:
        keeper: keeps them from now on.
        standing: the tables that stand already.
        checkpoints: those of the data directory; None where there is none.
        shelf: keeps the parameters; None where they are kept in memory.
    """

    keeper: Keeper
    standing: Sequence[StandingTable]
    checkpoints: Checkpoints | None
    shelf: Shelf | None = None


def open_keeping(settings: ServerSettings, files: Files | None = None) -> Keeping:
    """Return what the settings ask for, a checkpoint restored if they name one.

    Raises:
        DataDirectoryError: the data directory is in use, of another format or damaged, or holds
            tables that would be lost.
        UnknownCheckpointError, StorageFullError: the checkpoint can't be restored.
    """
    limits = settings.limits
    build = builder(limits.max_writers_per_table, limits.max_streams_per_table)
    if settings.data_dir is None:
        return Keeping(MemoryKeeper(build), (), None)
    files = files or Files()
    layout = Layout(settings.data_dir, files)
    try:
        checkpoints = Checkpoints(layout.checkpoints, files)
        keeper: Keeper
        standing: Sequence[StandingTable]
        shelf = None
        if settings.durability_kept == "memory":
            _refuse_what_is_live(layout)
            keeper, standing = MemoryKeeper(build, layout), ()
        else:
            power = settings.durability_kept == "power"
            is_new = layout.current is None
            shelf = ParameterFiles(layout.parameters, files, power=power, may_be_new=is_new)
            directory = DataDirectory(layout, build, files, power=power)
            keeper, standing = directory, directory.tables
        if settings.restore is not None:
            _check_discard(layout, standing, settings)
            standing = restored(keeper, checkpoints, settings.restore)
        elif checkpoints.unfinished is not None:  # the process died at it: once more, all of it
            standing = restored(keeper, checkpoints, checkpoints.unfinished)
    except BaseException as error:
        layout.close()
        if isinstance(error, OSError):
            path = Path(error.filename or settings.data_dir)
            raise DataDirectoryError(path, f"it can't be used ({error})") from error
        raise
    return Keeping(keeper, standing, checkpoints, shelf)


def _refuse_what_is_live(layout: Layout) -> None:
    if layout.current is not None and any(layout.tables.iterdir()):
        raise _would_not_keep(layout.tables, "live tables")
    if ParameterFiles.holds_any(layout.parameters):
        raise _would_not_keep(layout.parameters, "parameters")


def _would_not_keep(folder: Path, what: str) -> DataDirectoryError:
    return DataDirectoryError(
        folder,
        f"it holds {what}, which --durability memory would not keep; start with "
        "--durability process or power, or give another --data-dir",
    )


def _check_discard(
    layout: Layout, standing: Sequence[StandingTable], settings: ServerSettings
) -> None:
    if settings.discard_existing:
        return
    if ParameterFiles.holds_any(layout.parameters):
        raise DataDirectoryError(
            layout.parameters,
            f"it holds parameters, which --restore {settings.restore} would replace; "
            "add --discard-existing if they may go",
        )
    if standing:
        raise DataDirectoryError(
            layout.tables,
            f"it holds {len(standing)} live tables, which --restore {settings.restore} would "
            "replace; add --discard-existing if they may go",
        )


def builder(writer_limit: int, stream_limit: int = 65536) -> Build:
    """Return what makes the table of a description, as `ReplayService` writes it."""

    def build(description: Description, allocate: Allocate, changes: Changes) -> Table:
        spec = convert(description["now"], TableSpec)
        return build_table(spec, writer_limit, stream_limit, allocate, changes)

    return build
