"""What lies where in a data directory, and which directories this version can use.

FORMAT        the version of all that follows
LOCK          held by the server that uses the directory
CURRENT       the segment of the journal with which to begin
journal/      see `journal`
tables/       a folder a table, see `table_files`
parameters/   a file a version, see `parameter_files`
checkpoints/  a folder a checkpoint
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from replay_server.durability.errors import DataDirectoryError
from replay_server.durability.files import Files
from replay_server.errors import StorageFullError

__all__ = ["Layout"]

_FORMAT: Final = 1
_FORMAT_TEXT: Final = "replay-server data directory, format {}\n"
_FORMAT_LINE: Final = re.compile(r"replay-server data directory, format (\d+)\n?")

_OF_A_START: Final = ("FORMAT.new", "checkpoints", "journal", "tables")


class Layout:
    """The places in a data directory, which is locked from the time it is opened.

    Attributes:
        root: the directory.
        journal, tables, parameters, checkpoints: folders in it.
    """

    def __init__(self, root: Path, files: Files) -> None:
        """Lock a directory, which is made if it is not there.

        Raises:
            DataDirectoryError: it is in use, of another format, or can't be written.
        """
        self.root = root
        self.journal = root / "journal"
        self.tables = root / "tables"
        self.parameters = root / "parameters"
        self.checkpoints = root / "checkpoints"
        self._files = files
        try:
            missing = [path for path in (root, *root.parents) if not path.exists()]
            files.make_folder(root)
            for path in {root, *missing}:  # without its name all that is in it would be lost
                files.sync_folder(path.parent)
            self._lock = FileLock(
                root / "LOCK", timeout=0, mode=0o600
            )  # who may read it could lock it
            self._lock.acquire()
        except Timeout:
            raise DataDirectoryError(
                root, "another server uses this data directory; give this one its own"
            ) from None
        except OSError as error:
            raise DataDirectoryError(root, f"it can't be written to ({error})") from error
        try:
            self._check_format()
        except BaseException:
            self.close()
            raise

    @property
    def current(self) -> int | None:
        """The segment to begin with; None in a new directory.

        Raises:
            DataDirectoryError: the file that tells it is gone or damaged.
        """
        path = self.root / "CURRENT"
        try:
            told = path.read_text(encoding="ascii")
            if not told.endswith("\n"):
                raise ValueError("it is cut off")
            return int(told)
        except FileNotFoundError:
            if any(self.tables.iterdir()):
                raise DataDirectoryError(path, "it is missing; restore a copy") from None
            return None
        except (OSError, ValueError) as error:
            raise DataDirectoryError(path, f"it can't be read ({error}); restore a copy") from error

    def set_current(self, segment: int, *, synced: bool) -> None:
        """Begin with another segment from now on. Raises StorageFullError, OSError."""
        self._files.replace(self.root / "CURRENT", f"{segment}\n".encode(), synced=synced)

    def sync(self) -> None:
        """Return when the names of segments, and the one to begin with, are on the disk."""
        self._files.sync_file(self.root / "CURRENT")
        self._files.sync_folder(self.journal)
        self._files.sync_folder(self.root)

    def close(self) -> None:
        """Let go of the lock."""
        self._lock.release()

    def _check_format(self) -> None:
        path = self.root / "FORMAT"
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            self._make(path)
            return
        except (OSError, UnicodeDecodeError) as error:
            raise DataDirectoryError(path, f"it can't be read ({error})") from error
        found = _FORMAT_LINE.fullmatch(text)
        if found is None:
            raise DataDirectoryError(path, "it does not tell a format; restore a copy")
        if int(found[1]) != _FORMAT:
            raise DataDirectoryError(
                path,
                f"the directory has format {found[1]}, and this version reads format {_FORMAT}; "
                "use the version that wrote it, or another directory",
            )

    def _make(self, path: Path) -> None:
        others = sorted(each.name for each in self.root.iterdir() if each.name != "LOCK")
        folders = (self.journal, self.tables, self.parameters, self.checkpoints)
        known = {*_OF_A_START, *(folder.name for folder in folders)}
        unknown = [name for name in others if name not in known]
        if unknown:
            raise DataDirectoryError(
                self.root,
                f"it holds {unknown[0]!r} and no FORMAT, so it is no data directory; give an "
                "empty or a new one",
            )
        try:
            for folder in folders:
                self._files.make_folder(folder)
            self._files.sync_folder(self.root)  # FORMAT tells that they are there
            self._files.replace(path, _FORMAT_TEXT.format(_FORMAT).encode(), synced=True)
        except OSError as error:
            raise DataDirectoryError(path, f"it can't be written ({error})") from error
        except StorageFullError as error:
            raise DataDirectoryError(path, f"it can't be written: {error.reason}") from error
