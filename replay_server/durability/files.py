"""The file layer: all that durability asks of a file system, and nothing that it does elsewhere.

It is a seam: tests put another `Files` here that crashes at a chosen write, or that notes writes
and syncs to replay them with some lost. Stores into mapped files don't pass through it; `storing`
hears of them.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias

from replay_server.errors import StorageFullError
from replay_server.memory.arrays import AnyArray, Int64Array
from replay_server.open_files import leaves_to_connections

__all__ = ["Buffer", "Files"]

Buffer: TypeAlias = bytes | bytearray | memoryview

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MOST_BUFFERS: Final = 512
_COPIED_BYTES: Final = 1 << 23
_ZEROS: Final = bytes(1 << 20)


class Files:
    """The real file system.

    Every method that writes raises StorageFullError where the disk is full, and OSError where it
    fails otherwise. Nothing is durable beyond the process before `sync` and `sync_folder`.
    """

    def make_folder(self, path: Path) -> None:
        """Make a folder for this user alone, and those above it, unless it is there."""
        missing = [each for each in (path, *path.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir(mode=0o700, exist_ok=True)

    def open(self, path: Path) -> int:
        """Open a file to read and write, made empty if it is not there; return its descriptor."""
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)

    def open_to_keep(self, path: Path) -> int:
        """Do that for as long as a table stands.

        Raises OSError where connections, and files that are open for a moment, would run short.
        """
        descriptor = self.open(path)
        if leaves_to_connections(descriptor):
            return descriptor
        self.close(descriptor)
        reason = "so many files are open that the rest is for connections; see ulimit -n"
        raise OSError(errno.EMFILE, reason, str(path))

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        os.close(descriptor)

    def write(self, descriptor: int, buffers: Sequence[Buffer], offset: int) -> None:
        """Write buffers one after another from an offset on."""
        views = [view for each in buffers if (view := memoryview(each).cast("B")).nbytes]
        try:
            while views:
                count = os.pwritev(descriptor, views[:_MOST_BUFFERS], offset)
                offset += count
                while views and count >= views[0].nbytes:
                    count -= views.pop(0).nbytes
                if count:
                    views[0] = views[0][count:]
        except OSError as error:
            raise _translated(error) from error

    def reserve(self, descriptor: int, offset: int, length: int) -> None:
        """Make sure that writing there, also through a mapping, can't fail for want of space."""
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, offset, length)
            else:  # macOS: what lies past the end is written, as nothing has been yet
                first = max(offset, os.fstat(descriptor).st_size)
                for start in range(first, offset + length, len(_ZEROS)):
                    os.pwrite(descriptor, _ZEROS[: offset + length - start], start)
        except OSError as error:
            raise _translated(error) from error

    def resize(self, descriptor: int, length: int) -> None:
        """Let a file have a length; what is new reads as zeros and takes no space yet."""
        os.ftruncate(descriptor, length)

    def copy(self, source: Path, target: Path, *, synced: bool) -> None:
        """Copy a file, and leave out what takes no space in it."""
        first, second = os.open(source, os.O_RDONLY), self.open(target)
        try:
            size = os.fstat(first).st_size
            self.resize(second, size)
            at = 0
            while (piece := _next_data(first, at, size)) is not None:
                start, stop = piece
                for at in range(start, stop, _COPIED_BYTES):
                    self.write(second, [os.pread(first, min(_COPIED_BYTES, stop - at), at)], at)
                at = stop
            if synced:
                self.sync(second)
        finally:
            os.close(first)
            self.close(second)

    def sync(self, descriptor: int) -> None:
        """Return when all that was written to a file, mapped or not, is on the disk."""
        os.fsync(descriptor)

    def sync_file(self, path: Path) -> None:
        """Do that for a file that is not open."""
        descriptor = self.open(path)
        try:
            self.sync(descriptor)
        finally:
            self.close(descriptor)

    def sync_folder(self, path: Path) -> None:
        """Return when the names in a folder are on the disk."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Let a file or folder take another name; a file of that name is replaced at once."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)

    def remove_folder(self, path: Path) -> None:
        """Remove a folder and all in it, if it is there."""
        shutil.rmtree(path, ignore_errors=True)

    def storing(self, path: Path, array: AnyArray, slots: Int64Array, source: AnyArray) -> None:
        """Hear that rows are about to be stored at slots [N] of an array mapped from a file."""

    def replace(self, path: Path, content: bytes, *, synced: bool) -> None:
        """Give a small file a content, as a whole or not at all."""
        beside = path.with_name(path.name + ".new")
        descriptor = self.open(beside)
        try:
            self.resize(descriptor, 0)
            self.write(descriptor, [content], 0)
            if synced:
                self.sync(descriptor)
        finally:
            self.close(descriptor)
        self.rename(beside, path)
        if synced:
            self.sync_folder(path.parent)


def _next_data(descriptor: int, at: int, size: int) -> tuple[int, int] | None:
    """Return where the next piece of a file that takes space begins and ends."""
    if at >= size:
        return None
    if not hasattr(os, "SEEK_DATA"):
        return at, size
    try:
        start = os.lseek(descriptor, at, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:  # no data from here on
            return None
        raise
    return start, os.lseek(descriptor, start, os.SEEK_HOLE)


def _translated(error: OSError) -> Exception:
    return StorageFullError(str(error)) if error.errno in _FULL else error
