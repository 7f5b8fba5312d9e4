"""A replay server that dies at a chosen operation on its disk: `python -m ... PLAN serve ...`.

PLAN is `KIND:COUNT`: SIGKILL at the COUNT-th operation of that kind, in the middle of it where it
has one; `restore-KIND:COUNT` counts them from the first file on that is copied to be restored.
With `read-only:COUNT` it lives on, but can write nothing from the COUNT-th record on.
`never:0` is a server like any other.
"""

import errno
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from replay_server import keeping
from replay_server.__main__ import main
from replay_server.durability import data_directory
from replay_server.durability.files import Buffer, Files
from replay_server.durability.journal import HEAD_BYTES


class MortalFiles(Files):
    """The real file system, until the chosen operation."""

    plan = ("never", 0)
    restores = False

    def __init__(self) -> None:
        self._left = self.plan[1]
        self._is_armed = not self.restores

    def _check_writable(self) -> None:
        if self.plan[0] == "read-only" and self._left < 1:
            raise OSError(errno.EROFS, "Read-only file system")

    def _is_last(self, kind: str) -> bool:
        if not self._is_armed or kind != self.plan[0]:
            return False
        self._left -= 1
        return not self._left

    def write(self, descriptor: int, buffers: Sequence[Buffer], offset: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        kind = "index" if path.suffix == ".npy" else "journal"
        if "checkpoints" in path.parts:
            kind = "checkpoint"
        if kind == "journal" and path.suffix == ".log":
            self._is_last("read-only")
        self._check_writable()
        if self._is_last(kind):
            content = b"".join(bytes(memoryview(each).cast("B")) for each in buffers)
            # A kill does not tear what is as short as a head: it lies within one page.
            done = len(content) if len(content) <= HEAD_BYTES else len(content) // 2
            super().write(descriptor, [content[:done]], offset)
            die()
        super().write(descriptor, buffers, offset)

    def reserve(self, descriptor: int, offset: int, length: int) -> None:
        self._check_writable()
        super().reserve(descriptor, offset, length)
        if self._is_last("reserve"):
            die()

    def copy(self, source: Path, target: Path, *, synced: bool) -> None:
        self._is_armed = True
        if self._is_last("copy"):
            content = source.read_bytes()
            target.write_bytes(content[: len(content) // 2])
            die()
        super().copy(source, target, synced=synced)

    def rename(self, source: Path, target: Path) -> None:
        self._check_writable()
        if self._is_last("rename"):
            die()
        super().rename(source, target)

    def remove_folder(self, path: Path) -> None:
        if self._is_last("remove"):
            for first in [*path.rglob("*.npy")][:1]:
                first.unlink()
            die()
        super().remove_folder(path)

    def storing(self, path: Path, array: np.ndarray, slots: np.ndarray, source: np.ndarray) -> None:
        if self._is_last("store"):
            half = (len(slots) + 1) // 2
            array[slots[:half]] = source[:half]
            die()


def die() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    kind, count = sys.argv[1].split(":")
    MortalFiles.plan = (kind.removeprefix("restore-"), int(count))
    MortalFiles.restores = kind.startswith("restore-")
    keeping.Files = MortalFiles  # type: ignore[misc]
    data_directory._JOURNAL_RECORDS = 100  # type: ignore[misc]
    main(sys.argv[2:])
