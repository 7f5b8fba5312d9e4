"""A small disk of its own, to be filled: a tmpfs, where this may be mounted."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

MEGABYTES = 64


class SmallDisk:
    """A mounted disk of 64 MiB.

    Attributes:
        path: where.
        data: a place on it for a data directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path / "data"

    def take(self, size: int) -> None:
        """Take so many bytes, or all there are."""
        with (self.path / "filler").open("ab", buffering=0) as file, suppress(OSError):
            while size and (written := file.write(bytes(min(size, 1 << 20)))):
                size -= written

    def fill(self) -> None:
        """Let nothing be left."""
        self.take(MEGABYTES << 20)

    def clear(self) -> None:
        """Give back what was taken."""
        (self.path / "filler").unlink()

    def remount(self, option: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{option}", self.path], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", folder]
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip(f"a small disk can't be mounted as user {os.getuid()}: {done.stderr.strip()}")
    yield SmallDisk(folder)
    subprocess.run(["umount", "--lazy", folder], check=True)
