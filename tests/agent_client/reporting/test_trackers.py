"""Trackers by name."""

import sys
from pathlib import Path

import pytest

from agent_client.reporting.trackers import open_tracker
from agent_client.run_errors import TrackerUnavailableError


def test_tensorboard_writes_event_files(tmp_path: Path) -> None:
    tracker = open_tracker("tensorboard", tmp_path)
    tracker.log({"episode_return": 3.0}, step=10)
    tracker.close()

    (path,) = tmp_path.iterdir()
    assert b"episode_return" in path.read_bytes()


def test_no_tracker_writes_nothing(tmp_path: Path) -> None:
    tracker = open_tracker("none", tmp_path)
    tracker.log({"episode_return": 3.0}, step=10)
    tracker.close()

    assert list(tmp_path.iterdir()) == []


def test_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard.writer", None)

    with pytest.raises(TrackerUnavailableError) as caught:
        open_tracker("tensorboard", tmp_path)

    assert caught.value.package == "tensorboard"
