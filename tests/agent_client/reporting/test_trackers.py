"""Trackers by name."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent_client.reporting.trackers import open_tracker
from agent_client.run_errors import TrackerUnavailableError

WAIT_S = 30.0


def test_tensorboard_writes_event_files(tmp_path: Path) -> None:
    tracker = open_tracker("tensorboard", tmp_path, {})
    tracker.log({"episode_return": 3.0}, step=10)
    tracker.close()

    (path,) = tmp_path.iterdir()
    assert b"episode_return" in path.read_bytes()


def test_no_tracker_writes_nothing(tmp_path: Path) -> None:
    tracker = open_tracker("none", tmp_path, {})
    tracker.log({"episode_return": 3.0}, step=10)
    tracker.close()

    assert list(tmp_path.iterdir()) == []


def test_wandb_writes_an_offline_run_with_its_configuration(tmp_path: Path) -> None:
    # In a process of its own: wandb's service writes the last of it when that has ended.
    program = """
import sys
from pathlib import Path
from agent_client.reporting.trackers import open_tracker
about = {"env": "CartPole-v1", "server": "http://secret.example", "dqn": {"n_step": 3}}
tracker = open_tracker("wandb", Path(sys.argv[1]), about)
tracker.log({"episode_return": 123.25}, step=10)
tracker.log({"evaluation_return": 77.5}, step=10)
tracker.log({"episode_return": 321.75}, step=20)
tracker.close()
"""
    environment = {name: value for name, value in os.environ.items() if name != "WANDB_MODE"}

    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "tracker")], check=True, env=environment
    )

    (path,) = (tmp_path / "tracker" / "wandb").glob("offline-run-*/run-*.wandb")
    texts = (b"episode_return", b"123.25", b"77.5", b"321.75", b"CartPole-v1", b"n_step")
    deadline = time.monotonic() + WAIT_S
    while not all(text in (written := path.read_bytes()) for text in texts):
        assert time.monotonic() < deadline, written
        time.sleep(0.05)
    assert b"secret.example" not in written


@pytest.mark.parametrize(
    ("name", "module"), [("tensorboard", "torch.utils.tensorboard.writer"), ("wandb", "wandb")]
)
def test_missing_library_is_named(
    name: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(TrackerUnavailableError) as caught:
        open_tracker(name, tmp_path, {})

    assert caught.value.package == name
    assert list(tmp_path.iterdir()) == []
