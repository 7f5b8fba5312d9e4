"""`train --deterministic`: killed at any moment and resumed, a run ends as if nothing had been."""

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from agent_client.__main__ import main
from agent_client.runs.folder import RunFolder
from agent_client.runs.settings import TrainSettings, resolve

SETTINGS = (
    "--env", "CartPole-v1", "--tracker", "none", "--evaluation-period", "150",
    "--evaluation-episodes", "3", "--stop-return", "inf", "--deterministic",
    "--set", "learning_starts=100", "--set", "update_period=100", "--set", "updates_per_round=40",
    "--set", "hidden_units=16", "--set", "replay_capacity=400", "--set", "n_step=2",
)  # fmt: skip
WAIT_S = 120.0


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "agent_client", "train", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(folder: RunFolder) -> dict[str, object]:
    """Return all that a run has come to, but for what the clock told."""
    with folder.metrics.open(newline="") as file:
        rows = [{**row, "seconds": "", "seconds_waiting": ""} for row in csv.DictReader(file)]
    progress = json.loads((folder.checkpoint / "progress.json").read_text())
    weights = {
        f"{path.name}/{name}": tensor.tobytes()
        for path in sorted(folder.checkpoint.glob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }
    return {
        "rows": rows,
        "progress": {**progress, "seconds": 0, "seconds_waiting": 0},
        "weights": weights,
        "random_states": (folder.checkpoint / "random_states.json").read_text(),
        "evaluation": folder.evaluation.read_text(),
    }


def checkpointed_step(folder: RunFolder) -> int:
    try:
        document = json.loads((folder.checkpoint / "progress.json").read_text())
    except (OSError, ValueError):  # not there yet, or just being replaced
        return -1
    step: int = document["step"]
    return step


def kill_once_beyond(process: "subprocess.Popen[str]", folder: RunFolder, step: int) -> None:
    """Send SIGKILL some time after a checkpoint beyond ``step``, wherever that is."""
    deadline = time.monotonic() + WAIT_S
    while checkpointed_step(folder) <= step:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=WAIT_S)


def run_killed(arguments: tuple[str, ...], folder: RunFolder, *beyond: int) -> None:
    """Run to the end, killed soon after it has got beyond each of these steps."""
    how = (*arguments, "--out", str(folder.path))
    for step in beyond:
        kill_once_beyond(start(*how), folder, step)
        how = ("--resume", str(folder.path))
    assert main(["train", *how]) == 0


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")


def test_a_killed_run_ends_where_the_uninterrupted_run_ends(tmp_path: Path) -> None:
    one, other = RunFolder(tmp_path / "one"), RunFolder(tmp_path / "other")
    run_killed((*SETTINGS, "--steps", "700"), one)

    run_killed((*SETTINGS, "--steps", "700"), other, 450)

    assert outcome(other)["rows"] == outcome(one)["rows"]
    assert outcome(other) == outcome(one)
    # Only the newest pair is kept.
    (kept,) = (other.replay / "checkpoints").iterdir()
    assert kept.name.startswith("step-700")


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param((), id="dqn"),
        pytest.param(("--set", "frame_stack=3", "--set", "noisy=true"), id="stacked_and_noisy"),
        pytest.param(("--env", "Pendulum-v1", "--set", "random_steps=100"), id="sac"),
    ],
)
def test_a_run_killed_over_and_over_ends_where_the_uninterrupted_run_ends(
    tmp_path: Path, settings: tuple[str, ...]
) -> None:
    one, other = RunFolder(tmp_path / "one"), RunFolder(tmp_path / "other")
    arguments = (*SETTINGS, *settings, "--steps", "2400")
    run_killed(arguments, one)

    run_killed(arguments, other, -1, 0, 150, 450, 900, 1400, 1900)

    assert outcome(other)["rows"] == outcome(one)["rows"]
    assert outcome(other) == outcome(one)


def test_the_same_folder_can_not_be_gone_on_with_in_another_manner(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = resolve(TrainSettings(env="CartPole-v1"), {})
    RunFolder(tmp_path).create(run.to_toml())

    assert main(["train", "--resume", str(tmp_path), "--deterministic"]) == 2

    assert "has deterministic False, not True" in capsys.readouterr().err
