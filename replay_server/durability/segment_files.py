"""The files of the segments of a table's compressed columns: `.npy` of bytes, mapped to read.

A segment is written from its beginning on, through its file, and never written over.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from replay_server.durability.files import Files
from replay_server.memory.arrays import UInt8Array

__all__ = ["SegmentFiles"]


class SegmentFiles:
    """Segments by name; of each column's only the last one's file is kept open."""

    def __init__(self, folder: Path, files: Files, *, synced: bool) -> None:
        """Keep segments in a folder; `synced` ones are on the disk before they are used."""
        self._folder = folder
        self._files = files
        self._synced = synced
        self._paths: dict[str, tuple[Path, int]] = {}
        self._opened: dict[str, tuple[str, int]] = {}
        self._unsynced: set[str] = set()

    @property
    def names(self) -> Iterable[str]:
        """Those there are."""
        return self._paths.keys()

    def make(self, name: str, path: Path, header: bytes, nbytes: int) -> UInt8Array:
        """Make a segment's file, with its space reserved. Raises StorageFullError, OSError."""
        files = self._files
        descriptor = files.open_to_keep(path)
        try:
            files.resize(descriptor, 0)
            files.write(descriptor, [header], 0)
            files.resize(descriptor, len(header) + nbytes)
            files.reserve(descriptor, len(header), nbytes)
            if self._synced:
                files.sync(descriptor)
                files.sync_folder(self._folder)
        except BaseException:
            files.close(descriptor)
            files.remove(path)
            raise
        self._keep_open(name, descriptor)
        return self.open(name, path, header, nbytes)

    def open(self, name: str, path: Path, header: bytes, nbytes: int) -> UInt8Array:
        """Return a segment that is there, mapped."""
        self._paths[name] = (path, len(header))
        self._unsynced.add(name)  # one that was killed may have written it
        mapped = np.memmap(path, np.uint8, "r", len(header), (nbytes,))
        return mapped.view(np.ndarray)

    def write(self, name: str, first: int, content: memoryview) -> None:
        """Write bytes from a place on. Raises StorageFullError, OSError."""
        path, start = self._paths[name]
        opened, descriptor = self._opened.get(_column(name), ("", -1))
        if opened != name:
            descriptor = self._files.open(path)
            self._keep_open(name, descriptor)
        self._files.write(descriptor, [content], start + first)
        self._unsynced.add(name)  # afterwards: a sync under way may have missed it

    def sync(self) -> None:
        """Return when all that was written before is on the disk. Raises OSError."""
        for name in list(self._unsynced):
            self._unsynced.discard(name)
            try:
                self._sync(name)
            except BaseException:
                self._unsynced.add(name)
                raise

    def remove(self, name: str) -> None:
        """Remove a segment's file; what is mapped stays readable. Raises OSError."""
        path, _ = self._paths.pop(name)
        self._unsynced.discard(name)
        self._files.remove(path)

    def close(self) -> None:
        """Close the files; arrays that are mapped stay readable."""
        for _, descriptor in self._opened.values():
            self._files.close(descriptor)
        self._opened.clear()

    def _sync(self, name: str) -> None:
        if name in self._paths:
            descriptor = self._files.open(self._paths[name][0])
            try:
                self._files.sync(descriptor)
            finally:
                self._files.close(descriptor)

    def _keep_open(self, name: str, descriptor: int) -> None:
        column = _column(name)
        if column in self._opened:
            self._files.close(self._opened[column][1])
        self._opened[column] = (name, descriptor)


def _column(segment: str) -> str:
    return segment.rpartition(".")[0]
