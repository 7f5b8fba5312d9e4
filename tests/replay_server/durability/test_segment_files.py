import os
from pathlib import Path

import numpy as np
import pytest

from replay_server.durability.files import Files
from replay_server.durability.segment_files import SegmentFiles
from replay_server.durability.table_files import npy_header

SIZE = 100
HEADER = npy_header((SIZE,), np.dtype(np.uint8))


class _Counting(Files):
    """Knows which files are open, and which were synced."""

    def __init__(self) -> None:
        self.opened: dict[int, str] = {}
        self.synced: list[str] = []

    def open(self, path: Path) -> int:
        descriptor = super().open(path)
        self.opened[descriptor] = path.stem
        return descriptor

    def close(self, descriptor: int) -> None:
        del self.opened[descriptor]
        super().close(descriptor)

    def sync(self, descriptor: int) -> None:
        os.fstat(descriptor)
        self.synced.append(self.opened[descriptor])


@pytest.fixture
def files() -> _Counting:
    return _Counting()


def make(segments: SegmentFiles, folder: Path, name: str) -> np.ndarray:
    return segments.make(name, folder / f"{name}.npy", HEADER, SIZE)


def test_what_is_written_is_seen_in_the_array_and_by_numpy(tmp_path: Path, files: _Counting):
    segments = SegmentFiles(tmp_path, files, synced=False)
    array = make(segments, tmp_path, "x.00000001")

    segments.write("x.00000001", 3, memoryview(b"abc"))

    assert bytes(array[:8]) == b"\0\0\0abc\0\0"
    assert bytes(np.load(tmp_path / "x.00000001.npy")[3:6]) == b"abc"
    segments.close()


def test_a_sync_is_of_what_was_written_since_the_last_one(tmp_path: Path, files: _Counting):
    segments = SegmentFiles(tmp_path, files, synced=False)
    for name in ("x.00000001", "y.00000001"):
        make(segments, tmp_path, name)
    segments.sync()
    assert sorted(files.synced) == ["x.00000001", "y.00000001"]

    files.synced.clear()
    segments.write("y.00000001", 0, memoryview(b"abc"))
    segments.sync()
    segments.sync()

    assert files.synced == ["y.00000001"]
    segments.close()


def test_a_sync_that_fails_is_made_up_for_by_the_next(
    tmp_path: Path, files: _Counting, monkeypatch: pytest.MonkeyPatch
):
    def fail(descriptor: int) -> None:
        raise OSError

    segments = SegmentFiles(tmp_path, files, synced=False)
    make(segments, tmp_path, "x.00000001")
    with monkeypatch.context() as patched:
        patched.setattr(files, "sync", fail)
        with pytest.raises(OSError):  # noqa: PT011 - it bears nothing
            segments.sync()

    segments.sync()

    assert files.synced == ["x.00000001"]
    segments.close()


def test_one_file_a_column_is_kept_open(tmp_path: Path, files: _Counting):
    segments = SegmentFiles(tmp_path, files, synced=False)
    for number in range(1, 5):
        for column in ("x", "y"):
            make(segments, tmp_path, f"{column}.{number:08d}")
            segments.write(f"{column}.{number:08d}", 0, memoryview(b"abc"))

    assert sorted(files.opened.values()) == ["x.00000004", "y.00000004"]
    segments.close()
    assert not files.opened


def test_a_segment_that_was_removed_stays_readable(tmp_path: Path, files: _Counting):
    segments = SegmentFiles(tmp_path, files, synced=False)
    array = make(segments, tmp_path, "x.00000001")
    segments.write("x.00000001", 0, memoryview(b"abc"))

    segments.remove("x.00000001")
    segments.sync()

    assert bytes(array[:3]) == b"abc"
    assert list(tmp_path.iterdir()) == []
    assert not list(segments.names)
    segments.close()
