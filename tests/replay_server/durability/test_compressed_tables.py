"""Tables with compressed columns on the disk: their segments, and what a start makes of them."""

import errno
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from replay_server.checkpointing import restored
from replay_server.durability.checkpoints import Checkpoints, Snapshot
from replay_server.durability.data_directory import DataDirectory
from replay_server.durability.errors import DataDirectoryError
from replay_server.durability.files import Buffer, Files
from replay_server.durability.keeper import Room, StandingTable
from replay_server.errors import StorageFullError
from replay_server.memory import compressed_column, segment_log
from replay_server.memory.dictionaries import trained
from tests.replay_server.durability.tables import (
    SEGMENT_BYTES,
    abandon,
    assert_same,
    make,
    open_directory,
    rows,
    told,
)

POWER = pytest.mark.parametrize("power", [False, True], ids=["process", "power"])


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_log, "_FEWEST_BYTES", SEGMENT_BYTES)


def insert(directory: DataDirectory, standing: StandingTable, count: int, seed: int = 1) -> None:
    columns = rows(np.random.default_rng(seed), count)
    row_bytes = sum(column.nbytes for column in columns.values()) // count
    with directory.step((standing, Room(count, count, row_bytes))):
        standing.table.insert(columns)


def segments_in(folder: Path) -> set[str]:
    """The names of the segments of the one table in a data directory."""
    (columns,) = folder.glob("tables/*/columns")
    return {path.stem for path in columns.iterdir() if path.stem.rpartition(".")[0]}


@POWER
def test_the_files_of_segments_go_with_their_last_rows(tmp_path: Path, power: bool):
    directory = open_directory(tmp_path, power=power)
    standing = make(directory, "compressed_rows")
    for number in range(50):
        insert(directory, standing, 10, number)
    held = set(standing.table.segments)
    directory.close()

    assert segments_in(tmp_path) == held
    assert len(held) < 25
    assert all(int(name.rpartition(".")[2]) > 1 for name in held)


@POWER
def test_a_reset_removes_all_segments(tmp_path: Path, power: bool):
    directory = open_directory(tmp_path, power=power)
    standing = make(directory, "compressed_rows")
    insert(directory, standing, 30)

    with directory.step((standing, Room(30))):
        standing.table.reset()
    directory.close()

    assert segments_in(tmp_path) == set()


@POWER
def test_a_start_removes_segments_that_nothing_leads_to(tmp_path: Path, power: bool):
    directory = open_directory(tmp_path, power=power)
    standing = make(directory, "compressed_rows")
    insert(directory, standing, 30)
    before = told(standing.table)
    abandon(directory)
    (columns,) = tmp_path.glob("tables/*/columns")
    known = segments_in(tmp_path)
    (columns / "observation.00000099.npy").write_bytes(b"half")

    again = open_directory(tmp_path, power=power)

    assert segments_in(tmp_path) == known
    assert_same(told(again.tables[0].table), before)
    again.close()


@POWER
def test_a_start_unpacks_no_row(tmp_path: Path, power: bool, monkeypatch: pytest.MonkeyPatch):
    directory = open_directory(tmp_path, power=power)
    standing = make(directory, "compressed_rows")
    insert(directory, standing, 30)
    before = told(standing.table)
    abandon(directory)

    def refuse(*_: object) -> None:
        raise AssertionError

    with monkeypatch.context() as patched:
        patched.setattr(compressed_column.CompressedColumn, "gather", refuse)
        again = open_directory(tmp_path, power=power)

    assert_same(told(again.tables[0].table), before)
    again.close()


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_segment_that_rows_lie_in_is_missed_by_name(tmp_path: Path, damage: str):
    directory = open_directory(tmp_path)
    insert(directory, make(directory, "compressed_rows"), 30)
    abandon(directory)
    (columns,) = tmp_path.glob("tables/*/columns")
    path = columns / "observation.00000001.npy"
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(DataDirectoryError, match=path.name):
        open_directory(tmp_path)


class _FailingFiles(Files):
    """A disk that has no room for segments, or fails to write them, once it is told to."""

    fails: str | None = None

    def reserve(self, descriptor: int, offset: int, length: int) -> None:
        if self.fails == "full" and length == SEGMENT_BYTES:
            raise StorageFullError("no space left on device")
        super().reserve(descriptor, offset, length)

    def write(self, descriptor: int, buffers: Sequence[Buffer], offset: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().stem
        if self.fails and name.startswith(self.fails):
            raise OSError(errno.EIO, "Input/output error")
        super().write(descriptor, buffers, offset)


@POWER
@pytest.mark.parametrize("failure", ["full", "observation.", "action."])
def test_what_has_no_room_in_the_log_is_refused_and_all_else_stays(
    tmp_path: Path, failure: str, power: bool
):
    files = _FailingFiles()
    directory = open_directory(tmp_path, files, power=power)
    standing = make(directory, "compressed_rows")
    insert(directory, standing, 30)
    before = told(standing.table)

    files.fails = failure
    for number in range(3):
        with pytest.raises(StorageFullError):
            insert(directory, standing, 30, number)
    assert_same(told(standing.table), before)
    files.fails = None
    insert(directory, standing, 30, 7)

    after = told(standing.table)
    abandon(directory)
    again = open_directory(tmp_path)
    assert_same(told(again.tables[0].table), after)
    again.close()


@POWER
def test_a_checkpoint_holds_on_to_segments_that_go_meanwhile(tmp_path: Path, power: bool):
    (tmp_path / "checkpoints").mkdir()
    checkpoints = Checkpoints(tmp_path / "checkpoints", Files())
    directory = open_directory(tmp_path / "a", power=power)
    standing = make(directory, "compressed_rows")
    insert(directory, standing, 30)
    before = told(standing.table)
    snapshot = Snapshot.of([standing])
    with directory.step((standing, Room(30))):
        standing.table.reset()
    insert(directory, standing, 30, 2)
    directory.close()

    info = checkpoints.write("one", snapshot)

    other = open_directory(tmp_path / "b", power=power)
    assert_same(told(restored(other, checkpoints, "one")[0].table), before)
    assert info.bytes > 30 * 24
    other.close()


@POWER
def test_a_dictionary_is_there_after_a_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, power: bool
):
    dictionary = trained(np.tile(np.arange(100, dtype=np.uint8), (300, 1)) // 3 * 7, 10**6)
    samples: list[int] = []

    def train(found: np.ndarray, slots: int) -> bytes:
        samples.append(len(found))
        return dictionary

    monkeypatch.setattr(compressed_column, "sample_rows", lambda *_: 20)
    monkeypatch.setattr(compressed_column, "trained", train)
    directory = open_directory(tmp_path, power=power)
    standing = make(directory, "compressed_rows")
    for number in range(5):
        insert(directory, standing, 7, number)
    before = told(standing.table)
    abandon(directory)

    again = open_directory(tmp_path, power=power)
    insert(again, again.tables[0], 1)

    assert dictionary
    assert samples == [20, 20]  # of the two columns, before the start
    for name in ("observation", "is_last"):
        found = again.tables[0].arrays.index[f"dictionary/{name}"]
        assert found[8 : 8 + len(dictionary)].tobytes() == dictionary
        kept = told(again.tables[0].table)["columns"][name][:-1]
        assert_same(kept, before["columns"][name])
    again.close()


@POWER
def test_a_dictionary_of_an_insert_that_was_refused_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, power: bool
):
    pattern = np.random.default_rng(1).integers(0, 256, 24, np.uint8)
    dictionary = trained(np.tile(pattern, (300, 9)), 10**6)
    monkeypatch.setattr(compressed_column, "sample_rows", lambda *_: 20)
    monkeypatch.setattr(compressed_column, "trained", lambda *_: dictionary)
    files = _FailingFiles()
    directory = open_directory(tmp_path, files, power=power)
    standing = make(directory, "compressed_rows")
    columns = rows(np.random.default_rng(1), 15)
    columns["observation"] = np.tile(pattern, (15, 1)).view(np.float64)

    def attempt() -> None:
        with directory.step((standing, Room(15, 15, 100))):
            standing.table.insert(columns)

    attempt()
    files.fails = "is_last."  # the column after the observation
    with pytest.raises(StorageFullError):
        attempt()
    files.fails = None
    attempt()
    attempt()

    assert dictionary
    before = told(standing.table)
    assert before["columns"]["observation"].tobytes() == 40 * pattern.tobytes()
    abandon(directory)
    again = open_directory(tmp_path)
    assert_same(told(again.tables[0].table), before)
    again.close()
