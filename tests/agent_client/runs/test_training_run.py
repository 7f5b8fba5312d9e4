"""Whole runs through a real server in a process of its own, kept short."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_client.__main__ import main
from agent_client.replay_client import ReplayClient
from agent_client.reporting.metrics import read_metrics
from agent_client.runs.embedded_server import EmbeddedServer
from agent_client.runs.folder import RunFolder
from tests.certificates import Certificate
from tests.guarded_server import GuardedServer, TokenFile

pytestmark = pytest.mark.slow

SHORT = (
    "--env", "CartPole-v1", "--tracker", "none", "--evaluation-period", "200",
    "--evaluation-episodes", "3", "--stop-return", "inf", "--set", "learning_starts=100",
    "--set", "update_period=10", "--set", "updates_per_round=2", "--set", "hidden_units=16",
)  # fmt: skip
WAIT_S = 60.0


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    with EmbeddedServer() as server:
        yield server.url


def test_run_with_a_server_of_its_own_leaves_a_complete_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(tmp_path / "run")

    assert main(["train", *SHORT, "--steps", "400", "--out", str(folder.path)]) == 0

    assert "50.02 of 200" in capsys.readouterr().out
    evaluation = json.loads(folder.evaluation.read_text())
    assert evaluation["episodes"] == len(evaluation["returns"]) == 3
    assert folder.learning_curve.stat().st_size > 1_000
    rows = read_metrics(folder.metrics)
    assert [row.step for row in rows if row.evaluation_return is not None] == [200, 400]
    assert rows[-1].learner_steps == (400 - 100 + 10) // 10 * 2


def test_own_table_is_gone_afterwards_and_a_kept_one_is_not(
    server_url: str, tmp_path: Path
) -> None:
    arguments = ("train", *SHORT, "--steps", "150", "--server", server_url)

    with ReplayClient(server_url) as client:
        assert main([*arguments, "--out", str(tmp_path / "one")]) == 0
        assert client.list_tables() == []

        assert main([*arguments, "--out", str(tmp_path / "two"), "--keep-table"]) == 0
        (document,) = client.list_tables()
        assert document["stats"]["size"] in (149, 150)  # the last step may lack its successor
        assert document["stats"]["sampled_total"] > 0
        assert document["stats"]["updated_total"] > 0
        client.delete_table(document["name"])


def test_named_table_is_used_again_with_what_it_holds(server_url: str, tmp_path: Path) -> None:
    arguments = ("train", *SHORT, "--steps", "150", "--server", server_url, "--table", "shared")

    with ReplayClient(server_url) as client:
        assert main([*arguments, "--out", str(tmp_path / "one")]) == 0
        assert main([*arguments, "--out", str(tmp_path / "two")]) == 0

        assert client.describe_table("shared")["stats"]["size"] in (298, 299, 300)
        client.delete_table("shared")

    # With 149 or 150 transitions there already, the second run learns from its tenth step on.
    learned = [
        read_metrics(tmp_path / run / "metrics.csv")[-1].learner_steps for run in ("one", "two")
    ]
    assert learned == [(150 - 100 + 10) // 10 * 2, 150 // 10 * 2]


def test_a_server_with_tokens_and_tls_is_used_as_any_other(tmp_path: Path) -> None:
    certificate, file = Certificate(tmp_path), TokenFile(tmp_path / "tokens")
    server = GuardedServer(file, f"--tls-cert={certificate.chain}", f"--tls-key={certificate.key}")
    token = tmp_path / "token"
    token.write_text(file.tokens["admin"])
    folder = RunFolder(tmp_path / "run")
    arguments = ["train", *SHORT, "--steps", "150", "--server", server.url]
    arguments += ["--token-file", str(token), "--tls-ca", str(certificate.authority)]

    code = main([*arguments, "--out", str(folder.path)])
    server.stop()

    assert code == 0
    config = (folder.path / "config.toml").read_text()
    assert f'token_file = "{token}"' in config
    assert not [
        path for path in folder.path.rglob("*")
        if path.is_file() and file.tokens["admin"].encode() in path.read_bytes()
    ]  # fmt: skip


def test_named_table_of_another_environment_is_refused(
    server_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ReplayClient(server_url) as client:
        columns = {"observation": {"dtype": "<f4", "shape": [8]}}
        client.create_table("other", {"capacity": 10, "columns": columns})

        code = main(
            ["train", *SHORT, "--server", server_url, "--table", "other",
             "--out", str(tmp_path / "run")]
        )  # fmt: skip

        client.delete_table("other")
    assert code == 2
    assert "'other'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_resumed_run_goes_on_from_its_checkpoint(server_url: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    server = ("--server", server_url)
    main(["train", *SHORT, *server, "--steps", "200", "--out", str(folder.path)])
    before = json.loads((folder.checkpoint / "progress.json").read_text())

    assert main(["train", "--resume", str(folder.path), *server, "--steps", "400"]) == 0

    after = json.loads((folder.checkpoint / "progress.json").read_text())
    assert (before["step"], after["step"]) == (200, 400)
    # The new table is empty: learning begins again once it holds 100 transitions.
    assert after["learner_steps"] == before["learner_steps"] + (200 - 100 + 10) // 10 * 2
    steps = [row.step for row in read_metrics(folder.metrics)]
    assert steps == sorted(steps)
    assert steps[-1] == 400


def test_evaluate_repeats_the_final_evaluation(
    server_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(tmp_path / "run")
    main(["train", *SHORT, "--steps", "200", "--server", server_url, "--out", str(folder.path)])
    written = json.loads(folder.evaluation.read_text())
    capsys.readouterr()

    assert main(["evaluate", str(folder.path), "--episodes", "3", "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == written


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_saves_a_checkpoint_and_exits_130(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    process = subprocess.Popen(
        [sys.executable, "-m", "agent_client", "train", *SHORT, "--steps", "1000000",
         "--out", str(folder.path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    deadline = time.monotonic() + WAIT_S
    while not folder.checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.05)

    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=WAIT_S)

    assert process.returncode == 130
    assert len(stderr.splitlines()) == 1
    assert f"--resume {folder.path}" in stderr
    progress = json.loads((folder.checkpoint / "progress.json").read_text())
    assert progress["step"] >= 200


def test_server_that_does_not_answer_is_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["train", *SHORT, "--server", "http://127.0.0.1:9", "--out", str(tmp_path / "run")])

    complaint = capsys.readouterr().err
    assert code == 1
    assert "http://127.0.0.1:9" in complaint
    assert len(complaint.splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("seed", range(5))
def test_cartpole_is_solved_within_three_minutes(seed: int, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    started = time.monotonic()

    code = main(["train", "--env", "CartPole-v1", "--seed", str(seed), "--out", str(folder.path)])

    evaluation = json.loads(folder.evaluation.read_text())
    assert code == 0
    assert evaluation["episodes"] == 100
    assert evaluation["mean_return"] >= 475.0
    assert time.monotonic() - started < 180.0


@pytest.mark.parametrize("frame_stack", [1, 3])
def test_observations_of_several_parts_are_stored_drawn_and_learned_from(
    frame_stack: int, server_url: str, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")

    code = main(
        ["train", *SHORT, "--env", "Replay/CameraCartPole-v0", "--steps", "150",
         "--set", f"frame_stack={frame_stack}", "--server", server_url, "--table", "camera",
         "--out", str(folder.path)]
    )  # fmt: skip

    assert code == 0
    assert read_metrics(folder.metrics)[-1].learner_steps == (150 - 100 + 10) // 10 * 2
    with ReplayClient(server_url) as client:
        columns = client.describe_table("camera")["spec"]["columns"]
        client.delete_table("camera")
    assert columns["observation/camera"]["dtype"] == "|u1"
    assert columns["observation/camera"]["shape"] == [12, 40, 1]
    assert columns["observation/joints"]["shape"] == [2]
