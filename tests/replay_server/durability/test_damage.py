"""A file of each kind that is missing, cut or overwritten: the start is refused and names it."""

import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from replay_server.durability.errors import DataDirectoryError
from replay_server.keeping import open_keeping
from replay_server.settings import ServerSettings
from tests.replay_server.durability.make_kept import KEPT
from tests.replay_server.processes import Command

ARCHIVE = KEPT / "format-1.tar.gz"
UNUSED = ("data/LOCK", "data/parameters/00000001-policy")  # a version that has been replaced
ALIKE = ("/00000003-queue/", "/tables/1/", "/tables/2/")  # tables of rows as others are


def names() -> list[str]:
    """Return the files of the data directory that is kept: of each kind some."""
    with tarfile.open(ARCHIVE) as archive:
        files = [each.name for each in archive if each.isfile()]
    return [
        name for name in files if name not in UNUSED and not any(each in name for each in ALIKE)
    ]


LIVE = [name for name in names() if "/checkpoints/" not in name and "-changed/index" not in name]
CHECKPOINT = [name for name in names() if "/checkpoints/" in name]
MADE_SINCE = [name for name in names() if "-changed/index" in name]

Damage = Callable[[Path], object]
DAMAGES: dict[str, Damage] = {
    "missing": lambda path: path.unlink(),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
}
SIZE_ALONE = [("data/parameters/00000002-policy", "zeros")]
SIZE_ALONE += [(name, "zeros") for name in CHECKPOINT if "/parameters/" in name]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "data"


def start(data: Path, restore: str | None = None) -> int:
    """Open a data directory as a server does; return how many tables stand."""
    settings = ServerSettings(data_dir=data, restore=restore, discard_existing=restore is not None)
    keeping = open_keeping(settings)
    assert keeping.checkpoints is not None
    assert keeping.shelf is not None
    try:
        if restore is not None:
            keeping.checkpoints.parameters(keeping.checkpoints.path_of(restore))
        return len(keeping.standing)
    finally:
        keeping.shelf.close()
        keeping.keeper.close()


def test_what_is_kept_starts_as_it_is(data: Path):
    assert start(data) == 4
    assert start(data, "early") == 4


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("name", LIVE)
def test_a_damaged_file_of_each_kind_is_named(data: Path, name: str, kind: str):
    path = data.parent / name
    DAMAGES[kind](path)

    if (name, kind) in SIZE_ALONE:
        assert start(data) == 4
        return
    with pytest.raises(DataDirectoryError) as caught:
        start(data)
    assert path.name in str(caught.value)
    assert str(data) in str(caught.value)


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("name", CHECKPOINT)
def test_a_damaged_file_of_a_checkpoint_is_named_when_it_is_restored(
    data: Path, name: str, kind: str
):
    path = data.parent / name
    DAMAGES[kind](path)

    assert start(data) == 4  # it is in nobody's way before
    if (name, kind) in SIZE_ALONE:
        assert start(data, "early") == 4
        return
    with pytest.raises(DataDirectoryError) as caught:
        start(data, "early")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("name", MADE_SINCE)
def test_index_files_of_a_table_that_was_made_since_the_journal_began_are_not_needed(
    data: Path, name: str, kind: str
):
    DAMAGES[kind](data.parent / name)

    assert start(data) == 4


def test_a_restore_that_was_broken_off_names_the_checkpoint_that_is_gone(data: Path):
    path = data / "checkpoints" / "RESTORING"
    path.write_text("late@00000001")

    with pytest.raises(DataDirectoryError) as caught:
        start(data)
    assert caught.value.path == path


def test_a_segment_amidst_the_journal_that_is_missing_is_named(data: Path):
    path = data / "journal" / "00000003.log"
    path.rename(path.with_name("00000004.log"))

    with pytest.raises(DataDirectoryError) as caught:
        start(data)
    assert caught.value.path == path


def test_a_file_that_may_not_be_read_is_named(data: Path, monkeypatch: pytest.MonkeyPatch):
    path = data / "journal" / "00000002.log"
    opened = Path.open

    def open_but_that(self: Path, *args: str, **kwargs: str) -> object:
        if self == path:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", open_but_that)

    with pytest.raises(DataDirectoryError) as caught:
        start(data)
    assert caught.value.path == path


@pytest.mark.parametrize("name", ["journal/00000003.log", "tables/00000001-rows/index/keys.npy"])
def test_the_command_ends_with_two_and_names_the_file(tmp_path: Path, data: Path, name: str):
    DAMAGES["cut"](data / name)

    with Command("serve", "--port=0", f"--data-dir={data}", folder=tmp_path) as command:
        assert command.ended() == (2, "")
        assert str(data / name) in command.errors()
