"""What is done within a step is there again when the directory is opened again."""

import asyncio
import copy
import errno
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from replay_server.durability import data_directory as module
from replay_server.durability.files import Buffer, Files
from replay_server.durability.keeper import Room
from replay_server.errors import StorageFullError
from replay_server.memory.errors import InvalidPriorityError
from tests.replay_server.durability.tables import (
    SPECS,
    abandon,
    assert_same,
    going_on,
    make,
    open_directory,
    rows,
    some_step,
    told,
)

POWER = pytest.mark.parametrize("power", [False, True], ids=["process", "power"])


@POWER
@pytest.mark.parametrize("kind", SPECS)
def test_a_killed_process_leaves_everything(tmp_path: Path, kind: str, power: bool):
    rng = np.random.default_rng(7)
    directory = open_directory(tmp_path, power=power)
    standing = make(directory, kind)
    for number in range(60):
        some_step(directory, standing, rng, number)
        if number % 10 == 9:
            before = told(standing.table)
            abandon(directory)
            directory = open_directory(tmp_path, power=power)
            (standing,) = directory.tables
            assert_same(told(standing.table), before)
    directory.close()


@pytest.mark.parametrize("kind", SPECS)
def test_a_recovered_table_goes_on_as_the_one_that_was_lost(tmp_path: Path, kind: str):
    rng = np.random.default_rng(8)
    directory = open_directory(tmp_path / "it")
    standing = make(directory, kind)
    for number in range(40):
        some_step(directory, standing, rng, number)
    abandon(directory)
    shutil.copytree(tmp_path / "it", tmp_path / "copy")  # the one that was lost still has the files

    other = open_directory(tmp_path / "copy")
    (recovered,) = other.tables

    there = going_on(recovered.table, 3)
    assert_same(there, going_on(standing.table, 3))
    abandon(other)


@pytest.mark.parametrize("kind", SPECS)
def test_the_journal_begins_anew_while_a_table_is_in_use(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_JOURNAL_RECORDS", 7)
    rng = np.random.default_rng(9)
    directory = open_directory(tmp_path)
    standing = make(directory, kind)
    for number in range(100):
        some_step(directory, standing, rng, number)
    before = told(standing.table)
    abandon(directory)

    other = open_directory(tmp_path)

    assert int((tmp_path / "CURRENT").read_text()) > 1
    assert_same(told(other.tables[0].table), before)
    other.close()


@POWER
def test_a_closed_directory_has_nothing_to_play(tmp_path: Path, power: bool):
    directory = open_directory(tmp_path, power=power)
    standing = make(directory, "transitions")
    rng = np.random.default_rng(3)
    for number in range(30):
        some_step(directory, standing, rng, number)
    before = told(standing.table)
    directory.close()

    assert len(list((tmp_path / "journal").iterdir())) == 1
    other = open_directory(tmp_path, power=power)
    assert_same(told(other.tables[0].table), before)
    other.close()


def test_a_refused_request_leaves_nothing_in_the_journal(tmp_path: Path):
    directory = open_directory(tmp_path)
    standing = make(directory, "rows")
    rng = np.random.default_rng(1)
    some_step(directory, standing, rng, 1)
    before = told(standing.table)
    keys = np.array([0])

    with pytest.raises(InvalidPriorityError), directory.step((standing, Room(1))):
        standing.table.update_priorities(keys, np.array([-1.0]))
    with directory.step((standing, Room(0))):
        pass
    abandon(directory)

    assert_same(told(open_directory(tmp_path).tables[0].table), before)


def test_a_table_that_was_dropped_stays_so_and_its_keys_go_on(tmp_path: Path):
    directory = open_directory(tmp_path)
    dropped, kept = make(directory, "rows", "a"), make(directory, "rows", "b")
    rng = np.random.default_rng(1)
    for number in range(5):
        some_step(directory, dropped, rng, number)
        some_step(directory, kept, rng, number)
    before, floor = told(kept.table), dropped.table.next_key
    directory.drop(dropped)
    abandon(directory)

    other = open_directory(tmp_path)

    assert [each.name for each in other.tables] == ["b"]
    assert_same(told(other.tables[0].table), before)
    assert make(other, "rows", "a").table.next_key >= floor > 0
    assert len(list((tmp_path / "tables").iterdir())) == 2
    other.close()


def test_a_changed_spec_is_kept(tmp_path: Path):
    directory = open_directory(tmp_path)
    standing = make(directory, "rows")
    changed = copy.deepcopy(standing.description)
    changed["now"]["max_times_sampled"] = 5
    with directory.step((standing, Room(0)), description=changed):
        pass
    abandon(directory)

    other = open_directory(tmp_path)

    assert other.tables[0].description == changed
    assert other.tables[0].table.takes_away
    other.close()


def test_columns_are_read_by_numpy(tmp_path: Path):
    directory = open_directory(tmp_path)
    standing = make(directory, "rows")
    columns = rows(np.random.default_rng(0), 5)
    with directory.step((standing, Room(5, 5, 100))):
        keys, _ = standing.table.insert(columns)
    directory.close()

    (folder,) = (tmp_path / "tables").iterdir()

    np.testing.assert_array_equal(
        np.load(folder / "columns" / "observation.npy")[keys % standing.table.slots],
        columns["observation"],
    )
    assert (np.load(folder / "index" / "keys.npy")[keys % standing.table.slots] == keys).all()


def test_a_directory_serves_one_at_a_time(tmp_path: Path):
    directory = open_directory(tmp_path)

    with pytest.raises(module.DataDirectoryError, match="another server"):
        open_directory(tmp_path)
    directory.close()
    open_directory(tmp_path).close()


def test_another_format_is_refused_by_name(tmp_path: Path):
    open_directory(tmp_path).close()
    (tmp_path / "FORMAT").write_text("replay-server data directory, format 99\n")

    with pytest.raises(module.DataDirectoryError, match="format 99") as caught:
        open_directory(tmp_path)
    assert caught.value.path == tmp_path / "FORMAT"


def test_a_folder_of_something_else_is_refused(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("years of work")

    with pytest.raises(module.DataDirectoryError, match="thesis"):
        open_directory(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-8]), id="cut"),
        pytest.param(lambda path: path.write_bytes(bytes(path.stat().st_size)), id="zeros"),
        pytest.param(lambda path: path.unlink(), id="gone"),
    ],
)
@pytest.mark.parametrize("name", ["index/keys.npy", "columns/observation.npy"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, damage):
    directory = open_directory(tmp_path)
    standing = make(directory, "rows")
    some_step(directory, standing, np.random.default_rng(1), 1)
    directory.close()
    (folder,) = (tmp_path / "tables").iterdir()
    damage(folder / name)

    with pytest.raises(module.DataDirectoryError) as caught:
        open_directory(tmp_path)
    assert folder in caught.value.path.parents


def journal_of(tmp_path: Path) -> Path:
    directory = open_directory(tmp_path)
    standing = make(directory, "rows")
    rng = np.random.default_rng(1)
    for number in range(5):
        some_step(directory, standing, rng, number)
    abandon(directory)
    (path,) = (tmp_path / "journal").iterdir()
    return path


def test_a_flipped_bit_in_the_journal_is_found(tmp_path: Path):
    path = journal_of(tmp_path)
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)

    with pytest.raises(module.DataDirectoryError, match="damaged") as caught:
        open_directory(tmp_path)
    assert caught.value.path == path


@pytest.mark.parametrize("left", [0.2, 0.5, 0.9])
def test_a_journal_that_was_cut_is_found(tmp_path: Path, left: float):
    path = journal_of(tmp_path)
    end = path.read_bytes().rstrip(b"\0")
    path.write_bytes(end[: int(len(end) * left)])

    with pytest.raises(module.DataDirectoryError) as caught:
        open_directory(tmp_path)
    assert caught.value.path == path


def test_a_record_that_was_being_written_is_as_if_it_had_never_been(tmp_path: Path):
    directory = open_directory(tmp_path)
    standing = make(directory, "rows")
    rng = np.random.default_rng(1)
    for number in range(5):
        some_step(directory, standing, rng, number)
    before = told(standing.table)
    (path,) = (tmp_path / "journal").iterdir()
    start = directory._journal.size
    with directory.step((standing, Room(3, 3, 100))):
        standing.table.insert(rows(rng, 3))
    content = path.read_bytes()
    end = len(content.rstrip(b"\0"))
    abandon(directory)

    for cut in (start, start + 16, start + 40, (start + end) // 2, end - 1):
        path.write_bytes(content[:cut] + bytes(len(content) - cut))
        other = open_directory(tmp_path)
        assert_same(told(other.tables[0].table), before)
        abandon(other)


class _WaitingFiles(Files):
    """Comes to the priorities when it is told to, and tells what was unsynced at that time.

    Attributes:
        may_write: to be set.
        came: set when the priorities have been written, or whoever writes them waits for the lock.
        unsynced: for each write of them, whether the journal held what was not on the disk.
    """

    def __init__(self) -> None:
        self.may_write, self.came = threading.Event(), threading.Event()
        self.unsynced: list[bool] = []
        self._paths: dict[int, Path] = {}
        self._is_unsynced = False

    def open(self, path: Path) -> int:
        descriptor = super().open(path)
        self._paths[descriptor] = path
        return descriptor

    def write(self, descriptor: int, buffers: Sequence[Buffer], offset: int) -> None:
        path = self._paths[descriptor]
        if path.name == "priorities.npy" and not offset:
            assert self.may_write.wait(30)
        super().write(descriptor, buffers, offset)
        if path.suffix == ".log":
            self._is_unsynced = True
        elif path.name == "priorities.npy" and offset:
            self.unsynced.append(self._is_unsynced)
            self.came.set()

    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        if self._paths[descriptor].suffix == ".log":
            self._is_unsynced = False


class _TellingLock:
    """A lock that tells when somebody has to wait for it."""

    def __init__(self, waited_for: threading.Event) -> None:
        self._lock, self._waited_for = threading.Lock(), waited_for

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self._waited_for.set()
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_what_a_refused_request_took_back_is_not_in_the_index(tmp_path: Path):
    files = _WaitingFiles()
    directory = open_directory(tmp_path, files)
    directory._at_rest = directory._writer._at_rest = _TellingLock(files.came)  # type: ignore[assignment]
    standing = make(directory, "rows")
    some_step(directory, standing, np.random.default_rng(1), 1)
    before = told(standing.table)
    directory._begin_anew(synced=False)
    key, priority = before["keys"][:1], before["priorities"][:1]

    def refused() -> None:
        with directory.step((standing, Room(1))):
            standing.table._index.prioritize(key % standing.table.slots, np.array([77.0]))
            files.may_write.set()
            assert files.came.wait(30)
            standing.table._index.prioritize(key % standing.table.slots, priority)
            raise InvalidPriorityError(0, -1.0, 0.0)

    with pytest.raises(InvalidPriorityError):
        refused()
    abandon(directory)

    other = open_directory(tmp_path)
    assert int((tmp_path / "CURRENT").read_text()) > 1
    assert_same(told(other.tables[0].table), before)
    other.close()


def test_with_power_the_journal_is_on_the_disk_before_the_index(tmp_path: Path):
    files = _WaitingFiles()
    directory = open_directory(tmp_path, files, power=True)
    standing = make(directory, "rows")
    some_step(directory, standing, np.random.default_rng(1), 1)
    directory._begin_anew(synced=True)

    some_step(directory, standing, np.random.default_rng(2), 2)  # nobody waits for its sync
    files.may_write.set()
    abandon(directory)

    assert files.unsynced == [False]


def test_a_first_start_that_was_broken_off_is_made_good(tmp_path: Path):
    (tmp_path / "FORMAT.new").write_text("replay-server data dir")

    open_directory(tmp_path).close()
    assert "format 1" in (tmp_path / "FORMAT").read_text()


def test_a_table_has_no_folder_before_there_is_a_journal(tmp_path: Path):
    class LookingFiles(Files):
        def make_folder(self, path: Path) -> None:
            if path.parent.parent.name == "tables":
                assert (tmp_path / "CURRENT").exists()  # a start without it would be refused
            super().make_folder(path)

    directory = open_directory(tmp_path, LookingFiles())
    make(directory, "rows")
    directory.close()


class _FailingFiles(Files):
    """Fails in the middle of a record of the journal, once it is told to."""

    fails = False

    def write(self, descriptor: int, buffers: Sequence[Buffer], offset: int) -> None:
        if self.fails and Path(f"/proc/self/fd/{descriptor}").readlink().suffix == ".log":
            content = b"".join(bytes(memoryview(each).cast("B")) for each in buffers)
            super().write(descriptor, [content[: len(content) // 2]], offset)
            raise OSError(errno.EIO, "Input/output error")
        super().write(descriptor, buffers, offset)


@POWER
@pytest.mark.parametrize("kind", SPECS)
@pytest.mark.parametrize("seed", range(4))
def test_what_a_failing_disk_refuses_leaves_the_tables_as_they_were(
    tmp_path: Path, kind: str, seed: int, power: bool
):
    files = _FailingFiles()
    rng = np.random.default_rng(seed)
    directory = open_directory(tmp_path, files, power=power)
    standing = make(directory, kind)
    for number in range(20):
        some_step(directory, standing, rng, number)
    before = told(standing.table)

    files.fails = True
    answers = [some_step(directory, standing, rng, number) for number in range(20, 40)]

    assert StorageFullError in answers  # others may be refused for reasons of their own
    assert_same(told(standing.table), before)
    with pytest.raises(StorageFullError), directory.step((standing, Room(1))):
        pass
    files.fails = False
    directory.close()
    other = open_directory(tmp_path)
    assert_same(told(other.tables[0].table), before)
    other.close()


class _ScarceFiles(Files):
    """Opens so many files more that tables may keep, and knows which are open."""

    def __init__(self) -> None:
        self.left = 1000
        self.opened = set[int]()

    def open_to_keep(self, path: Path) -> int:
        if not self.left:
            raise OSError(errno.EMFILE, "Too many open files")
        self.left -= 1
        return super().open_to_keep(path)

    def open(self, path: Path) -> int:
        descriptor = super().open(path)
        self.opened.add(descriptor)
        return descriptor

    def close(self, descriptor: int) -> None:
        self.opened.remove(descriptor)
        super().close(descriptor)


@POWER
def test_a_first_insert_that_gets_no_files_leaves_nothing_behind(tmp_path: Path, power: bool):
    files = _ScarceFiles()
    directory = open_directory(tmp_path, files, power=power)
    standing = make(directory, "rows")
    opened = set(files.opened)
    files.left = 3

    for _ in range(2):
        files.left = 3
        with pytest.raises(StorageFullError), directory.step((standing, Room(1, 1, 8))):
            standing.table.insert({name: np.ones(1) for name in "abcde"})
    assert files.opened == opened
    assert not list(tmp_path.glob("tables/*/columns/*"))
    assert standing.table.signature is None
    files.left = 2
    with directory.step((standing, Room(1, 1, 8))):
        standing.table.insert({name: np.full(1, 7.0) for name in "xy"})

    abandon(directory)
    again = open_directory(tmp_path)
    (recovered,) = again.tables
    assert set(recovered.arrays.columns) == {"x", "y"}
    assert recovered.arrays.columns["x"].max() == 7.0
    again.close()


def test_a_table_whose_files_can_not_be_made_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    directory = open_directory(tmp_path)
    make(directory, "rows", "first")

    def open_none(self: Files, path: Path) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(Files, "open", open_none)
        with pytest.raises(StorageFullError):
            make(directory, "rows", "second")

    assert [path.name[-5:] for path in tmp_path.glob("tables/*")] == ["first"]
    make(directory, "rows", "second")
    directory.close()


def test_a_spec_that_a_failing_disk_refuses_is_not_shown(tmp_path: Path):
    files = _FailingFiles()
    directory = open_directory(tmp_path, files)
    standing = make(directory, "rows")
    before = standing.description
    files.fails = True

    with (
        pytest.raises(StorageFullError),
        directory.step((standing, Room(0)), description={**before, "made": "otherwise"}),
    ):
        pass

    assert standing.description == before
    directory.close()


def test_where_the_disk_can_not_be_read_either_nothing_is_said_to_be_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def unreadable(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    files = _FailingFiles()
    directory = open_directory(tmp_path, files)
    standing = make(directory, "rows")
    files.fails = True
    monkeypatch.setattr(module, "read_journal", unreadable)

    assert some_step(directory, standing, np.random.default_rng(1), 1) is StorageFullError

    with pytest.raises(StorageFullError):
        asyncio.run(directory.settled())
    directory.close()


@pytest.mark.parametrize("start", ["the first", "a later one"])
def test_a_missing_current_is_refused_where_a_journal_is(tmp_path: Path, start: str):
    directory = open_directory(tmp_path)
    directory.drop(make(directory, "rows"))  # no table stands, but keys below its own are spent
    if start == "a later one":
        directory.close()
    else:
        abandon(directory)
    (tmp_path / "CURRENT").unlink()

    with pytest.raises(module.DataDirectoryError) as caught:
        open_directory(tmp_path)
    assert caught.value.path == tmp_path / "CURRENT"
