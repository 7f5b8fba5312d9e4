"""How a data directory is opened: what it holds is recovered, and what is nobody's goes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from replay_server.durability.errors import DataDirectoryError
from replay_server.durability.files import Files
from replay_server.durability.index_writer import remove_before
from replay_server.durability.journal import segment_path
from replay_server.durability.journal_reader import (
    FoundJournal,
    FoundSegment,
    read_journal,
    read_segment,
)
from replay_server.durability.keeper import Build
from replay_server.durability.kept_table import KeptTable
from replay_server.durability.layout import Layout
from replay_server.durability.recovery import Recovered, Recovery
from replay_server.errors import StorageFullError

__all__ = ["Opening"]


class Opening:
    """Opens a directory."""

    def __init__(self, layout: Layout, files: Files, build: Build, *, power: bool) -> None:
        """Open a directory of this layout, whose tables `build` makes."""
        self._layout = layout
        self._files = files
        self._build = build
        self._power = power
        self._last: FoundSegment | None = None

    def run(self) -> tuple[Recovered, int, int]:
        """Return what the directory holds, the journal's last segment and the records in it.

        Raises:
            DataDirectoryError: something is missing or damaged.
        """
        folder, first = self._layout.journal, self._layout.current
        if first is None:
            self._remove_unused_journal()
            return Recovered(), 0, 0
        journal = read_journal(folder, first)
        if journal.unbegun is not None:
            self._files.remove(journal.unbegun)
        recovery = Recovery(self._layout.tables, self._files, self._build, synced=self._power)
        recovered = recovery.run(journal)
        last = self._last = journal.segments[-1]
        last.seal(self._files)
        if self._power and not journal.is_on_disk:
            self._sync(journal, recovered)
        return recovered, first + len(journal.segments) - 1, len(last.payloads)

    def tell_of_next(self) -> None:
        """Let the last segment that was found say that another one follows, which has been begun.

        Should it fail, that one still tells how many records this has; that it is there is untold.
        """
        if self._last is not None:
            with suppress(StorageFullError, OSError):
                self._last.tell_of_next(self._files)
            self._last = None

    def remove_strangers(self, tables: Sequence[KeptTable]) -> None:
        """Remove what was left of tables that went, or that never came to be."""
        known = {kept.arrays.folder for kept in tables}
        for kept in tables:
            kept.arrays.remove_strangers()
        for path in self._layout.tables.iterdir():
            if path not in known:
                self._files.remove_folder(path)
        if self._layout.current is not None:
            remove_before(self._layout, self._files, self._layout.current)

    def _sync(self, journal: FoundJournal, recovered: Recovered) -> None:
        """Bring to the disk what a process had that promised less."""
        for segment in journal.segments:
            self._files.sync_file(segment.path)
        for kept in recovered.tables:
            kept.arrays.sync()
        self._layout.sync()

    def _remove_unused_journal(self) -> None:
        """Remove the journal of a start that did not come to its first request.

        Raises:
            DataDirectoryError: it came further, so that CURRENT should be there.
        """
        path = segment_path(self._layout.journal, 1)
        for each in self._layout.journal.iterdir():
            if each != path or len(read_segment(each, 1).payloads) > 1:
                raise DataDirectoryError(
                    self._layout.root / "CURRENT", "it is missing; restore a copy"
                )
            self._files.remove(each)
