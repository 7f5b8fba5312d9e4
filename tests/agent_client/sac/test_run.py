"""A whole SAC run through a real server in a process of its own, kept short."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_client.__main__ import main
from agent_client.replay_client import ReplayClient
from agent_client.reporting.metrics import read_metrics
from agent_client.runs.embedded_server import EmbeddedServer
from agent_client.runs.folder import RunFolder

SHORT = (
    "--env", "Pendulum-v1", "--tracker", "none", "--evaluation-period", "200",
    "--evaluation-episodes", "2", "--set", "learning_starts=100", "--set", "hidden_units=16",
    "--set", "batch_size=32", "--set", "random_steps=100",
)  # fmt: skip


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    with EmbeddedServer() as server:
        yield server.url


def test_run_goes_on_and_is_evaluated_as_any_other(
    server_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(tmp_path / "run")
    table = ("--server", server_url, "--table", "pendulum")
    assert main(["train", *SHORT, *table, "--steps", "200", "--out", str(folder.path)]) == 0

    with ReplayClient(server_url) as client:
        document = client.describe_table("pendulum")
    assert document["spec"]["columns"]["action"] == {"dtype": "<f4", "shape": [1]}
    assert document["spec"]["sampler"]["kind"] == "uniform"
    assert document["stats"]["updated_total"] == 0
    config = folder.read_config()
    assert (config["algorithm"], config["sac"]["batch_size"]) == ("sac", 32)

    assert main(["train", "--resume", str(folder.path), *table, "--steps", "300"]) == 0

    progress = json.loads((folder.checkpoint / "progress.json").read_text())
    # From the 100th step on, and after resuming from the first, for the table was kept.
    assert (progress["step"], progress["learner_steps"]) == (300, 101 + 100)
    newest = read_metrics(folder.metrics)[-1]
    assert (newest.step, newest.learner_steps) == (300, 201)
    assert 0.5 < newest.figures["temperature"] < 1.0
    assert set(newest.figures) >= {
        "temperature", "entropy", "critic_loss", "policy_loss", "mean_value",
    }  # fmt: skip

    written = json.loads(folder.evaluation.read_text())
    capsys.readouterr()
    assert main(["evaluate", str(folder.path), "--episodes", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == written


def test_priorities_are_sent_where_they_are_asked_for(server_url: str, tmp_path: Path) -> None:
    arguments = [
        "train",
        *SHORT,
        "--server",
        server_url,
        "--table",
        "prioritized",
        "--steps",
        "200",
    ]
    arguments += ["--set", "priority_exponent=0.6", "--set", "n_step=3"]

    assert main([*arguments, "--out", str(tmp_path / "run")]) == 0

    with ReplayClient(server_url) as client:
        document = client.describe_table("prioritized")
    assert document["spec"]["sampler"]["kind"] == "prioritized"
    assert document["spec"]["items"]["n_step"] == 3
    assert document["stats"]["updated_total"] > 0


@pytest.mark.parametrize(
    ("env", "algorithm", "other"),
    [
        pytest.param("Pendulum-v1", "dqn", "sac", id="dqn_of_continuous_actions"),
        pytest.param("CartPole-v1", "sac", "dqn", id="sac_of_discrete_actions"),
    ],
)
def test_actions_that_do_not_suit_are_exit_code_2_and_name_the_other_algorithm(
    env: str, algorithm: str, other: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(
        ["train", "--env", env, "--algorithm", algorithm, "--out", str(tmp_path / "run")]
    )  # fmt: skip

    complaint = capsys.readouterr().err
    assert code == 2
    assert f"{algorithm} needs" in complaint
    assert f"--algorithm {other}" in complaint
    assert len(complaint.splitlines()) == 1
    assert not (tmp_path / "run").exists()
