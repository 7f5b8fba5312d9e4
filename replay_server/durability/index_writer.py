"""The thread that writes index files and removes what is not needed any more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from replay_server.durability.files import Files
from replay_server.durability.journal import segment_path
from replay_server.durability.layout import Layout
from replay_server.durability.table_files import TableFiles
from replay_server.errors import StorageFullError

__all__ = ["IndexWriter", "remove_before"]

logger = logging.getLogger(__name__)


class IndexWriter:
    """Writes index files one table after another, while requests go on.

    The files are those that a start reads. So nothing may get into them that is not in the journal:
    neither what a request takes back as it is refused, nor what its record does not tell yet.

    Attributes:
        has_given_up: whether the arrays are ahead of the journal for good, as the disk failed.
    """

    def __init__(
        self, layout: Layout, files: Files, at_rest: Lock, sync: Callable[[], None] | None
    ) -> None:
        """Write in a directory of this layout.

        Args:
            layout: of the directory.
            files: the file layer.
            at_rest: free while all that the arrays hold is in the journal.
            sync: brings the journal to the disk, where the index must not come there before it.
        """
        self.has_given_up = False
        self._layout = layout
        self._files = files
        self._at_rest = at_rest
        self._sync = sync
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="index-writer")
        self._writing: Future[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether index files are being written."""
        return self._writing is not None and not self._writing.done()

    def write(self, tables: Sequence[TableFiles], segment: int, *, synced: bool) -> None:
        """Write the index of tables, and let the journal begin with a segment when it is done."""
        self._writing = self._worker.submit(self._write, tables, segment, synced)

    def wait(self) -> None:
        """Return when no index files are being written."""
        if self._writing is not None:
            self._writing.result()

    def discard(self, files: TableFiles, settle: Callable[[], None] | None) -> None:
        """Remove a table's files after what is under way, and after `settle` has returned."""
        self._worker.submit(self._discard, files, settle)

    def release(
        self, files: TableFiles, segments: list[str], settle: Callable[[], None] | None
    ) -> None:
        """Remove segments of compressed columns, after `settle` has returned."""
        self._worker.submit(self._release, files, segments, settle)

    def close(self) -> None:
        """Return when all is done."""
        self._worker.shutdown()

    def _write(self, tables: Sequence[TableFiles], segment: int, synced: bool) -> None:
        try:
            for files in tables:
                files.write_index(self._copied, synced=synced)
            self._layout.set_current(segment, synced=synced)
            remove_before(self._layout, self._files, segment)
        except (StorageFullError, OSError) as error:
            logger.warning("the index can't be written, the journal goes on: %s", error)

    def _copied(self, piece: memoryview) -> bytes:
        """Return what a piece of an array holds at a moment that the journal knows."""
        with self._at_rest:
            content = bytes(piece)
            if self.has_given_up:
                raise StorageFullError("the journal failed")
        if self._sync is not None:
            self._sync()
        return content

    def _discard(self, files: TableFiles, settle: Callable[[], None] | None) -> None:
        try:
            if settle is not None:
                settle()
        except OSError as error:
            logger.warning("files of a table that was dropped are left over: %s", error)
            return
        files.close()
        self._files.remove_folder(files.folder)

    def _release(
        self, files: TableFiles, segments: list[str], settle: Callable[[], None] | None
    ) -> None:
        try:
            if settle is not None:
                settle()
            files.remove_segments(segments)
        except OSError as error:
            logger.warning("segments that nothing leads to are left over: %s", error)


def remove_before(layout: Layout, files: Files, segment: int) -> None:
    """Remove the segments of the journal before one. Raises OSError."""
    first = segment_path(layout.journal, segment)
    for path in layout.journal.glob("*.log"):
        if path.name < first.name:
            files.remove(path)
