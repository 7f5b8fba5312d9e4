"""Checkpoints of a running service: written while it serves, restored while it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from replay_server.durability.checkpoints import CheckpointInfo, Checkpoints, Snapshot
from replay_server.durability.errors import DataDirectoryError
from replay_server.durability.keeper import Keeper, StandingTable
from replay_server.errors import (
    DamagedCheckpointError,
    NoDataDirectoryError,
    StorageFullError,
)
from replay_server.service import ReplayService

__all__ = ["Checkpointing", "finish", "restored"]


class Checkpointing:
    """Writes and restores checkpoints, one at a time."""

    def __init__(
        self, service: ReplayService, keeper: Keeper, checkpoints: Checkpoints | None
    ) -> None:
        """Keep them in `checkpoints`; None where the server has no data directory."""
        self._service = service
        self._keeper = keeper
        self._checkpoints = checkpoints
        self._lock = asyncio.Lock()

    async def write(self, name: str | None) -> CheckpointInfo:
        """Write the state of this instant; without a name, under the time.

        Raises:
            NoDataDirectoryError: there is nowhere to put it.
            StorageFullError: there is no room for it.
            UnavailableError: the server is shutting down or restoring.
        """
        checkpoints = self._there()
        async with self._lock:
            self._service.tables.check_open()
            name = name or datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
            snapshot = Snapshot.of(
                self._service.tables.standing, self._service.parameters.snapshot()
            )
            with _told_of_the_disk():
                return await asyncio.to_thread(checkpoints.write, name, snapshot)

    def listed(self) -> list[CheckpointInfo]:
        """Return what there is. Raises NoDataDirectoryError, StorageFullError."""
        with _told_of_the_disk():
            return self._there().listed()

    async def delete(self, name: str) -> None:
        """Remove one. Raises NoDataDirectoryError, UnknownCheckpointError, StorageFullError."""
        checkpoints = self._there()
        async with self._lock:
            with _told_of_the_disk():
                await asyncio.to_thread(checkpoints.delete, name)

    async def restore(self, name: str) -> None:
        """Replace all tables and parameters by those of a checkpoint; meanwhile nothing is served.

        Raises:
            NoDataDirectoryError, UnknownCheckpointError: there is none.
            DamagedCheckpointError: it can't be restored; nothing has changed.
            StorageFullError, TooLargeError: there is no room for it; nothing has changed.
        """
        checkpoints = self._there()
        async with self._lock:
            self._service.tables.check_open()
            with _told_of_the_disk():
                path = checkpoints.path_of(name)
            with self._service.tables.away("restoring a checkpoint"):
                try:
                    parameters = await asyncio.to_thread(checkpoints.parameters, path)
                    tables = await asyncio.to_thread(prepared, self._keeper, checkpoints, name)
                except DataDirectoryError as error:
                    raise DamagedCheckpointError(str(error)) from error
                try:
                    with _told_of_the_disk():
                        await asyncio.to_thread(checkpoints.begin_restoring, path)
                    await self._service.parameters.restore(parameters)
                except BaseException:
                    self._keeper.discard(tables)
                    checkpoints.end_restoring()
                    raise
                self._keeper.replace_all(tables)
                self._service.tables.take_over(tables)
                checkpoints.end_restoring()

    def _there(self) -> Checkpoints:
        if self._checkpoints is None:
            raise NoDataDirectoryError
        return self._checkpoints


@contextmanager
def _told_of_the_disk() -> Iterator[None]:
    """Tell of a disk that fails, or of files that can't be opened, as of one that is full."""
    try:
        yield
    except OSError as error:
        raise StorageFullError(str(error)) from error


def restored(keeper: Keeper, checkpoints: Checkpoints, name: str) -> Sequence[StandingTable]:
    """Let the tables of a checkpoint stand instead of all others, before anything is served.

    Its parameters are still to be restored, and that it is done to be noted: see `finish`.

    Raises:
        UnknownCheckpointError, DataDirectoryError, StorageFullError: they can't be.
    """
    tables = prepared(keeper, checkpoints, name)
    checkpoints.begin_restoring(checkpoints.path_of(name))
    keeper.replace_all(tables)
    return tables


def finish(service: ReplayService, checkpoints: Checkpoints) -> None:
    """Restore the parameters of the checkpoint whose tables were, if any, before serving.

    Raises:
        DataDirectoryError, StorageFullError, TooLargeError: they can't be.
    """
    name = checkpoints.unfinished
    if name is not None:
        items = checkpoints.parameters(checkpoints.path_of(name))
        asyncio.run(service.parameters.restore(items))
        checkpoints.end_restoring()


def prepared(keeper: Keeper, checkpoints: Checkpoints, name: str) -> list[StandingTable]:
    """Return the tables of a checkpoint, not yet kept; all or none."""
    tables: list[StandingTable] = []
    try:
        for memo, folder in checkpoints.read(checkpoints.path_of(name)):
            tables.append(keeper.prepare(memo, folder))
    except BaseException:
        keeper.discard(tables)
        raise
    return tables
