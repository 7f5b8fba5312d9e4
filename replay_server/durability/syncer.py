"""Syncs of the journal, many requests to one, for what survives the machine."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from replay_server.durability.journal import Journal
from replay_server.durability.kept_table import KeptTable
from replay_server.errors import StorageFullError

__all__ = ["Syncer"]

logger = logging.getLogger(__name__)

_LAG_S: Final = 0.5


class Syncer:
    """Knows up to which record the journal is on the disk.

    Attributes:
        failed: why a sync failed; after that nobody knows what is on the disk.
    """

    def __init__(self, journal: Journal) -> None:
        """Sync this journal."""
        self.failed: StorageFullError | None = None
        self._journal = journal
        self._synced = 0
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="syncer")
        self._running: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tables: Iterable[KeptTable] = ()
        self._behind_since_s: float | None = None

    @property
    def lag_s(self) -> float:
        """For how many seconds what was appended first has not been on the disk; 0 if all is."""
        return 0.0 if self._behind_since_s is None else time.monotonic() - self._behind_since_s

    async def wait(self) -> None:
        """Return when all records appended so far are on the disk.

        Raises:
            StorageFullError: the disk fails.
        """
        wanted = self._journal.appended
        while self._synced < wanted:
            if self.failed is not None:
                raise self.failed
            if self._running is None:
                self._running = asyncio.get_running_loop().create_task(self._run())
            await asyncio.shield(self._running)

    def sync_soon(self, tables: Iterable[KeptTable]) -> None:
        """See to it that what nobody waits for is on the disk within a second."""
        self._tables = tables
        if self._behind_since_s is None:
            self._behind_since_s = time.monotonic()
        if self._timer is None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # not served by a loop: whoever wants it synced says so
                return
            self._timer = loop.call_later(_LAG_S, self._sync_lagging)

    def sync_now(self, tables: Iterable[KeptTable]) -> None:
        """Return when all records appended so far are on the disk. Raises OSError."""
        began_s, appended = time.monotonic(), self._journal.appended
        self._sync()
        self._take_note(appended, [(kept, kept.table.freed) for kept in tables], began_s)

    def sync(self) -> None:
        """Do that from another thread, telling nobody. Raises OSError."""
        self._worker.submit(self._sync).result()

    def close_later(self, descriptor: int) -> None:
        """Close a segment's file once no sync of it is under way."""
        self._worker.submit(self._journal.close_segment, descriptor)

    def close(self) -> None:
        """Return when no sync is under way."""
        if self._timer is not None:
            self._timer.cancel()
        self._worker.shutdown()

    def _sync_lagging(self) -> None:
        self._timer = None
        if self._synced < self._journal.appended and self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        began_s, appended = time.monotonic(), self._journal.appended
        freed = [(kept, kept.table.freed) for kept in self._tables]
        try:
            await asyncio.get_running_loop().run_in_executor(self._worker, self._sync)
        except OSError:
            pass  # has been noted
        else:
            self._take_note(appended, freed, began_s)
        finally:
            self._running = None

    def _sync(self) -> None:
        try:
            self._journal.sync()
        except OSError as error:
            logger.critical("a sync failed, nothing more is taken in: %s", error)
            self.failed = StorageFullError(str(error))
            raise

    def _take_note(self, appended: int, freed: list[tuple[KeptTable, int]], began_s: float) -> None:
        self._synced = max(self._synced, appended)
        self._behind_since_s = None if self._synced == self._journal.appended else began_s
        for kept, count in freed:
            kept.freed_for_good = max(kept.freed_for_good, count)
