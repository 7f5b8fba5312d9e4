"""What was damaged in the journal is told from what was only broken off at its end."""

from collections.abc import Callable
from pathlib import Path

import pytest

from replay_server.durability import journal as module
from replay_server.durability.errors import DataDirectoryError
from replay_server.durability.files import Files
from replay_server.durability.journal import HEAD_BYTES, HEADER, Journal, segment_path
from replay_server.durability.journal_reader import read_journal
from replay_server.errors import StorageFullError

RECORDS = [bytes([number]) * 100 for number in range(1, 7)]
SIZE = HEADER.size + 128  # of a record, with its header
POWER = pytest.mark.parametrize("power", [False, True], ids=["process", "power"])


def write_journal(folder: Path, *, segments: int = 3, power: bool = False) -> list[Path]:
    """Write segments of six records each; return their paths."""
    journal = Journal(folder, Files(), 0, 0, power=power)
    for _ in range(segments):
        old = journal.begin([RECORDS[0]], synced=power)
        if old is not None:
            journal.close_segment(old)
        for record in RECORDS[1:]:
            journal.reserve(len(record), grows=True)
            journal.append([record])
            if power:
                journal.sync()
    journal.close()
    return [segment_path(folder, number) for number in range(1, segments + 1)]


def overwrite(path: Path, at: int, content: bytes) -> None:
    whole = bytearray(path.read_bytes())
    whole[at : at + len(content)] = content
    path.write_bytes(whole)


def refused(folder: Path, first: int = 1) -> DataDirectoryError:
    with pytest.raises(DataDirectoryError) as caught:
        read_journal(folder, first)
    return caught.value


@POWER
def test_what_was_appended_is_found(tmp_path: Path, power: bool):
    paths = write_journal(tmp_path, power=power)

    found = read_journal(tmp_path, 1)

    assert [bytes(each) for each in found.payloads] == RECORDS * 3
    assert [each.path for each in found.segments] == paths
    assert found.is_on_disk == power
    assert found.unbegun is None


@POWER
@pytest.mark.parametrize("segment", [0, 1])
@pytest.mark.parametrize("record", range(6))
@pytest.mark.parametrize("damage", [bytes(HEADER.size), b"\xff" * 8, bytes(SIZE)])
def test_damage_where_a_segment_follows_is_refused(
    tmp_path: Path, power: bool, segment: int, record: int, damage: bytes
):
    paths = write_journal(tmp_path, power=power)
    overwrite(paths[segment], HEAD_BYTES + record * SIZE, damage)

    error = refused(tmp_path)

    assert error.path == paths[segment]
    assert str(HEAD_BYTES + record * SIZE) in error.reason


@POWER
@pytest.mark.parametrize("record", range(5))
@pytest.mark.parametrize("damage", [bytes(HEADER.size), b"\xff" * 8, bytes(SIZE)])
def test_damage_before_a_record_of_the_last_segment_is_refused(
    tmp_path: Path, power: bool, record: int, damage: bytes
):
    paths = write_journal(tmp_path, power=power)
    overwrite(paths[2], HEAD_BYTES + record * SIZE, damage)

    assert refused(tmp_path).path == paths[2]


@POWER
@pytest.mark.parametrize("segment", range(3))
def test_a_damaged_head_is_refused(tmp_path: Path, power: bool, segment: int):
    paths = write_journal(tmp_path, power=power)
    overwrite(paths[segment], 20, b"\xff")

    assert refused(tmp_path).path == paths[segment]


@POWER
@pytest.mark.parametrize("segment", range(3))
def test_a_segment_that_is_missing_is_refused(tmp_path: Path, power: bool, segment: int):
    paths = write_journal(tmp_path, power=power)
    paths[segment].unlink()

    assert refused(tmp_path).path == paths[segment]


@POWER
def test_a_segment_of_another_number_is_refused(tmp_path: Path, power: bool):
    paths = write_journal(tmp_path, power=power)
    paths[1].write_bytes(paths[0].read_bytes())

    assert refused(tmp_path).path == paths[1]


@POWER
@pytest.mark.parametrize("segment", range(3))
@pytest.mark.parametrize("kept", [0, 40, HEAD_BYTES, HEAD_BYTES + SIZE + 60, HEAD_BYTES + 5 * SIZE])
def test_a_segment_that_was_cut_off_is_refused(
    tmp_path: Path, power: bool, segment: int, kept: int
):
    paths = write_journal(tmp_path, power=power)
    paths[segment].write_bytes(paths[segment].read_bytes()[:kept])

    assert refused(tmp_path).path == paths[segment]


@pytest.mark.parametrize("kept", [0, HEADER.size, HEADER.size + 1, SIZE - 30])
def test_a_last_record_that_is_broken_off_is_none(tmp_path: Path, kept: int):
    path = write_journal(tmp_path)[2]
    overwrite(path, HEAD_BYTES + 5 * SIZE + kept, bytes(SIZE - kept))

    assert [bytes(each) for each in read_journal(tmp_path, 3).payloads] == RECORDS[:5]


@pytest.mark.parametrize("wiped", range(0, HEADER.size + 1, 4))
def test_a_broken_off_record_may_be_wiped_out_in_part(tmp_path: Path, wiped: int):
    (path,) = write_journal(tmp_path, segments=1)
    last = HEAD_BYTES + 5 * SIZE
    overwrite(path, last + SIZE - 64, bytes(64))
    overwrite(path, last, bytes(wiped))

    found = read_journal(tmp_path, 1)

    assert [bytes(each) for each in found.payloads] == RECORDS[:5]


def test_whole_records_behind_one_that_was_never_synced_are_none(tmp_path: Path):
    journal = Journal(tmp_path, Files(), 0, 0, power=True)
    journal.begin([RECORDS[0]], synced=True)
    for record in RECORDS[1:]:
        journal.reserve(len(record), grows=True)
        journal.append([record])
    journal.close()
    overwrite(segment_path(tmp_path, 1), HEAD_BYTES + 2 * SIZE, bytes(SIZE))

    assert [bytes(each) for each in read_journal(tmp_path, 1).payloads] == RECORDS[:2]


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(lambda content: bytes(len(content)), id="reserved"),
        pytest.param(lambda content: content[:70] + bytes(len(content) - 70), id="begun"),
    ],
)
def test_a_segment_that_was_being_begun_is_none(tmp_path: Path, made: Callable[[bytes], bytes]):
    paths = write_journal(tmp_path, segments=1)
    paths[0].with_name("00000002.log").write_bytes(made(paths[0].read_bytes()))

    found = read_journal(tmp_path, 1)

    assert [bytes(each) for each in found.payloads] == RECORDS
    assert found.unbegun == tmp_path / "00000002.log"


class FullFiles(Files):
    """A disk with so much space for what is reserved."""

    def __init__(self, space: int) -> None:
        self.space = space

    def reserve(self, descriptor: int, offset: int, length: int) -> None:
        if length > self.space:
            raise StorageFullError("No space left on device")
        self.space -= length
        super().reserve(descriptor, offset, length)

    def resize(self, descriptor: int, length: int) -> None:
        self.space += max(Path(f"/proc/self/fd/{descriptor}").stat().st_size - length, 0)
        super().resize(descriptor, length)


def has_room(journal: Journal, size: int) -> bool:
    """Return whether a record of an insert finds room."""
    try:
        journal.reserve(size, grows=True)
    except StorageFullError:
        return False
    return True


def test_on_a_full_disk_records_without_rows_find_space_and_so_does_the_next_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_SPARE", 1 << 22)
    files = FullFiles(17 << 18)
    journal = Journal(tmp_path, files, 0, 0, power=False)
    journal.begin([RECORDS[0]], synced=False)
    for number in range(1, 5):
        files.space, written = 0, 0
        while has_room(journal, 5000):
            journal.append([bytes(5000)])
        while not journal.needs_the_next:
            journal.reserve(5000, grows=False)
            journal.append([bytes(5000)])
            written += 1
        assert written > 50
        old = journal.begin([RECORDS[0]], synced=False)
        assert old is not None
        journal.close_segment(old)
        path = segment_path(tmp_path, number)
        files.space += path.stat().st_size  # the index has been written, so that it can go
        path.unlink()
        assert has_room(journal, 100)
    journal.close()

    assert [bytes(each) for each in read_journal(tmp_path, 5).payloads] == RECORDS[:1]


def test_what_was_given_back_for_the_next_segment_is_not_taken_for_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_SPARE", 1 << 22)
    files = FullFiles(17 << 18)
    journal = Journal(tmp_path, files, 0, 0, power=False)
    journal.begin([RECORDS[0]], synced=False)
    files.space = 0
    with pytest.raises(StorageFullError):
        journal.reserve(1 << 18, grows=True)
    files.space = -(1 << 30)  # somebody else takes it all

    with pytest.raises(StorageFullError):
        journal.begin([RECORDS[0]], synced=False)
    journal.close()

    assert [bytes(each) for each in read_journal(tmp_path, 1).payloads] == RECORDS[:1]
