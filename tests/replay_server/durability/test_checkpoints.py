"""A checkpoint is the state of one instant, and is restored exactly."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from replay_server.checkpointing import restored
from replay_server.durability.checkpoints import Checkpoints, Snapshot
from replay_server.durability.errors import DataDirectoryError
from replay_server.durability.files import Files
from replay_server.durability.keeper import Keeper, MemoryKeeper
from replay_server.durability.pace import Pace
from replay_server.errors import StorageFullError, UnknownCheckpointError
from replay_server.keeping import builder
from tests.replay_server.durability.tables import (
    SPECS,
    abandon,
    assert_same,
    going_on,
    make,
    open_directory,
    some_step,
    told,
)

KEEPERS = pytest.mark.parametrize("kind_of_keeper", ["memory", "process", "power"])


def open_keeper(kind: str, path: Path) -> Keeper:
    if kind == "memory":
        return MemoryKeeper(builder(16))
    return open_directory(path, power=kind == "power")


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    (tmp_path / "checkpoints").mkdir()
    return Checkpoints(tmp_path / "checkpoints", Files())


@KEEPERS
@pytest.mark.parametrize("kind", SPECS)
def test_what_was_written_is_restored_exactly(
    tmp_path: Path, checkpoints: Checkpoints, kind: str, kind_of_keeper: str
):
    rng = np.random.default_rng(5)
    keeper = open_keeper(kind_of_keeper, tmp_path / "a")
    standing = make(keeper, kind)
    for number in range(40):
        some_step(keeper, standing, rng, number)
    before = told(standing.table)
    info = checkpoints.write("one", Snapshot.of([standing]))
    expected = going_on(standing.table, 6)

    other = open_keeper(kind_of_keeper, tmp_path / "b")
    (back,) = restored(other, checkpoints, "one")

    assert (info.tables, info.rows) == (1, len(before["keys"]))
    assert_same(told(back.table), before)
    assert_same(going_on(back.table, 6), expected)
    assert back.description == standing.description
    keeper.close()
    other.close()


class SlowFiles(Files):
    """Waits before each write for its turn, but not long: rows may have to be saved meanwhile."""

    def __init__(self) -> None:
        self.turn = threading.Semaphore(0)

    def write(self, descriptor, buffers, offset):
        if threading.current_thread() is not threading.main_thread():
            self.turn.acquire(timeout=0.005)
        super().write(descriptor, buffers, offset)


@KEEPERS
@pytest.mark.parametrize("kind", SPECS)
def test_a_checkpoint_is_of_one_instant_whatever_happens_while_it_is_written(
    tmp_path: Path, kind: str, kind_of_keeper: str
):
    (tmp_path / "checkpoints").mkdir()
    files = SlowFiles()
    checkpoints = Checkpoints(tmp_path / "checkpoints", files)
    rng = np.random.default_rng(11)
    keeper = open_keeper(kind_of_keeper, tmp_path / "a")
    standing = make(keeper, kind)
    for number in range(30):
        some_step(keeper, standing, rng, number)
    before = told(standing.table)
    snapshot = Snapshot.of([standing])
    done = threading.Event()

    def write() -> None:
        checkpoints.write("one", snapshot)
        done.set()

    worker = threading.Thread(target=write)
    for number in range(30, 40):  # before a file is open
        some_step(keeper, standing, rng, number)
    worker.start()
    number = 40
    while not done.is_set():
        files.turn.release()
        some_step(keeper, standing, rng, number)
        number += 1
    worker.join()

    other = open_keeper(kind_of_keeper, tmp_path / "b")
    assert_same(told(restored(other, checkpoints, "one")[0].table), before)
    keeper.close()
    other.close()


@KEEPERS
def test_keys_never_go_back(tmp_path: Path, checkpoints: Checkpoints, kind_of_keeper: str):
    rng = np.random.default_rng(5)
    keeper = open_keeper(kind_of_keeper, tmp_path / "a")
    kept, dropped = make(keeper, "rows", "kept"), make(keeper, "rows", "dropped")
    some_step(keeper, kept, rng, 0)
    some_step(keeper, dropped, rng, 0)
    checkpoints.write("one", Snapshot.of([kept, dropped]))
    later = make(keeper, "rows", "later")
    for number in range(1, 30):
        for standing in (kept, dropped, later):
            some_step(keeper, standing, rng, number)
    issued = {each.name: each.table.next_key for each in (kept, dropped, later)}
    keeper.drop(dropped)

    back = {each.name: each for each in restored(keeper, checkpoints, "one")}

    assert back.keys() == {"kept", "dropped"}
    assert back["kept"].table.next_key >= issued["kept"]
    assert back["dropped"].table.next_key >= issued["dropped"]
    assert make(keeper, "rows", "later").table.next_key >= issued["later"]
    keeper.close()


@pytest.mark.parametrize("power", [False, True], ids=["process", "power"])
def test_a_restored_table_survives_the_process(
    tmp_path: Path, checkpoints: Checkpoints, power: bool
):
    rng = np.random.default_rng(5)
    directory = open_directory(tmp_path / "a", power=power)
    for kind in SPECS:
        for number in range(25):
            standing = directory.tables[-1] if number else make(directory, kind, kind)
            if not number:
                directory.tables.append(standing)
            some_step(directory, standing, rng, number)
    checkpoints.write("one", Snapshot.of(directory.tables))
    for number in range(25, 30):
        for standing in directory.tables:
            some_step(directory, standing, rng, number)
    tables = restored(directory, checkpoints, "one")
    for number in range(30, 40):
        for standing in tables:
            some_step(directory, standing, rng, number)
    before = {each.name: told(each.table) for each in tables}
    abandon(directory)

    other = open_directory(tmp_path / "a", power=power)

    assert_same({each.name: told(each.table) for each in other.tables}, before)
    assert len(list((tmp_path / "a" / "tables").iterdir())) == len(SPECS)
    other.close()


def test_one_of_a_name_replaces_the_other(tmp_path: Path, checkpoints: Checkpoints):
    keeper = open_keeper("memory", tmp_path)
    standing = make(keeper, "rows")
    some_step(keeper, standing, np.random.default_rng(0), 0)
    checkpoints.write("a", Snapshot.of([]))
    first = checkpoints.write("one", Snapshot.of([]))

    second = checkpoints.write("one", Snapshot.of([standing]))

    assert (first.tables, second.tables) == (0, 1)
    assert [(each.name, each.tables) for each in checkpoints.listed()] == [("a", 0), ("one", 1)]
    checkpoints.delete("one")
    assert [each.name for each in checkpoints.listed()] == ["a"]
    with pytest.raises(UnknownCheckpointError):
        checkpoints.delete("one")
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1


class FullFiles(Files):
    def __init__(self, after: int) -> None:
        self.left = after

    def write(self, descriptor, buffers, offset):
        self.left -= 1
        if self.left < 0:
            raise StorageFullError("No space left on device")
        super().write(descriptor, buffers, offset)


@pytest.mark.parametrize("after", range(0, 25, 3))
def test_a_full_disk_leaves_the_old_one_whole(tmp_path: Path, after: int):
    (tmp_path / "checkpoints").mkdir()
    keeper = open_keeper("memory", tmp_path)
    standing = make(keeper, "transitions")
    rng = np.random.default_rng(0)
    for number in range(5):
        some_step(keeper, standing, rng, number)
    before = told(standing.table)
    good = Checkpoints(tmp_path / "checkpoints", Files())
    good.write("one", Snapshot.of([standing]))
    some_step(keeper, standing, rng, 9)

    with pytest.raises(StorageFullError):
        Checkpoints(tmp_path / "checkpoints", FullFiles(after)).write(
            "one", Snapshot.of([standing])
        )
    some_step(keeper, standing, rng, 10)

    assert len(list((tmp_path / "checkpoints").iterdir())) == 1
    other = open_keeper("memory", tmp_path)
    assert_same(told(restored(other, good, "one")[0].table), before)


def test_what_was_left_half_written_is_removed(tmp_path: Path, checkpoints: Checkpoints):
    checkpoints.write("one", Snapshot.of([]))
    (tmp_path / "checkpoints" / "two@00000001.partial" / "tables").mkdir(parents=True)

    again = Checkpoints(tmp_path / "checkpoints", Files())

    assert [each.name for each in again.listed()] == ["one"]
    assert os.listdir(tmp_path / "checkpoints") == ["one@00000001"]  # noqa: PTH208


@pytest.mark.parametrize(
    "name", ["state", "tables/0/index/keys.npy", "tables/0/columns/action.npy"]
)
def test_a_damaged_checkpoint_is_refused_and_nothing_changes(
    tmp_path: Path, checkpoints: Checkpoints, name: str
):
    keeper = open_keeper("process", tmp_path / "a")
    standing = make(keeper, "rows")
    some_step(keeper, standing, np.random.default_rng(0), 0)
    checkpoints.write("one", Snapshot.of([standing, standing]))
    before = told(standing.table)
    path = tmp_path / "checkpoints" / "one@00000001" / name
    path.write_bytes(path.read_bytes()[:-3])

    with pytest.raises(DataDirectoryError):
        restored(keeper, checkpoints, "one")

    assert_same(told(standing.table), before)
    keeper.close()
    assert len(list((tmp_path / "a" / "tables").iterdir())) == 1


def test_writing_rests_after_each_file_of_the_index_and_piece_of_rows(
    tmp_path: Path, checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
):
    rests = []
    monkeypatch.setattr(Pace, "rest", lambda _: rests.append("rest"))
    keeper = open_keeper("memory", tmp_path / "a")
    standing = make(keeper, "rows")
    rng = np.random.default_rng(5)
    for number in range(10):
        some_step(keeper, standing, rng, number)

    checkpoints.write("one", Snapshot.of([standing]))

    with_bytes = [array for array in standing.arrays.index.values() if array.nbytes]
    assert len(rests) > len(with_bytes)
