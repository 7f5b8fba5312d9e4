"""What may be written where."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_client.run_errors import RunFolderError
from agent_client.runs.folder import RunFolder, default_run_folder


def test_configuration_reads_back(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "deep" / "run")

    folder.create({"env": "CartPole-v1", "dqn": {"hidden_units": [8, 8]}})

    assert folder.read_config() == {"env": "CartPole-v1", "dqn": {"hidden_units": [8, 8]}}


def test_missing_and_empty_folders_are_unused(tmp_path: Path) -> None:
    RunFolder(tmp_path).require_unused()
    RunFolder(tmp_path / "not there").require_unused()


def test_folder_with_anything_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()

    with pytest.raises(RunFolderError, match="is not empty"):
        RunFolder(tmp_path).require_unused()


def test_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RunFolderError, match="is a file"):
        RunFolder(tmp_path / "file").require_unused()


def test_folder_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RunFolderError, match="cannot be written"):
        RunFolder(tmp_path / "file" / "run").create({})


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"config\.toml is missing"):
        RunFolder(tmp_path).read_config()


def test_broken_configuration_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("env = ")

    with pytest.raises(RunFolderError, match="unreadable"):
        RunFolder(tmp_path).read_config()


def test_default_folder_tells_environment_seed_and_time() -> None:
    path = default_run_folder("ALE/Pong-v5", 3, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))

    assert path == Path("runs/ALE-Pong-v5-seed3-20260102-030405")
