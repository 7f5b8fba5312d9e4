"""Training while its server is killed: it waits, goes on, or says how to."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent_client.replay_client import ReplayClient
from agent_client.runs.folder import RunFolder
from tests.server_process import ServerProcess

STEPS = 1500
SETTINGS = (
    "--env", "CartPole-v1", "--tracker", "none", "--evaluation-period", "500",
    "--evaluation-episodes", "3", "--stop-return", "inf", "--set", "learning_starts=100",
    "--set", "update_period=2", "--set", "updates_per_round=1", "--set", "hidden_units=16",
)  # fmt: skip
WAIT_S = 180.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Run:
    """`agent-client train ARGUMENTS` in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agent_client", "train", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ended(self) -> tuple[int, str]:
        _, errors = self._process.communicate(timeout=WAIT_S)
        return self._process.returncode, errors


def start(port: int, folder: Path) -> ServerProcess:
    return ServerProcess(f"--port={port}", f"--data-dir={folder}", "--durability=process")


def kill_once_it_learns(server: ServerProcess) -> None:
    with ReplayClient(server.url) as client:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            tables = client.list_tables()
            if tables and tables[0]["stats"]["sampled_total"] > 2000:
                server.kill()
                return
    pytest.fail("it did not begin to learn")


def test_training_goes_on_when_its_server_comes_back_and_no_step_is_lost_or_doubled(
    tmp_path: Path,
) -> None:
    port, folder = free_port(), RunFolder(tmp_path / "run")
    server = start(port, tmp_path / "data")
    run = Run(
        *SETTINGS, "--steps", str(STEPS), "--server", server.url, "--table", "kept",
        "--out", str(folder.path),
    )  # fmt: skip
    kill_once_it_learns(server)
    server = start(port, tmp_path / "data")

    code, errors = run.ended()

    assert (code, errors if code else "") == (0, "")
    with ReplayClient(server.url) as client:
        rows = client.scan("kept", limit=10 * STEPS)
        stats = client.describe_table("kept")["stats"]
    steps = int((~rows.columns["is_last"]).sum())
    assert STEPS - 1 <= steps <= STEPS  # the last step may lack its successor
    assert stats["inserted_total"] == len(rows.keys)
    assert folder.evaluation.exists()
    server.stop()


@pytest.mark.slow
def test_a_run_whose_server_stays_away_says_how_to_go_on_and_can(tmp_path: Path) -> None:
    port, folder = free_port(), RunFolder(tmp_path / "run")
    server = start(port, tmp_path / "data")
    run = Run(
        *SETTINGS, "--steps", "1000000", "--server", server.url, "--out", str(folder.path),
        "--patience", "2",
    )  # fmt: skip
    kill_once_it_learns(server)

    code, errors = run.ended()

    last = errors.splitlines()[-1]
    assert code == 1
    assert f"agent-client train --resume {folder.path} goes on from there" in last
    assert server.url in last
    assert "asking again for up to 2 s" in errors

    server = start(port, tmp_path / "data")
    step = int(last.partition("at step ")[2].partition(":")[0])
    more = ("--steps", str(step + 200), "--server", server.url)
    assert Run("--resume", str(folder.path), *more).ended()[0] == 0
    server.stop()
