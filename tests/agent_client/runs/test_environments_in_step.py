"""`train --environments N`, through a real server."""

from pathlib import Path

import pytest

from agent_client.__main__ import main
from agent_client.replay_client import ReplayClient
from agent_client.reporting.metrics import read_metrics
from agent_client.runs.folder import RunFolder

SHORT = (
    "--tracker", "none", "--evaluation-period", "200", "--evaluation-episodes", "2",
    "--stop-return", "inf", "--set", "learning_starts=100", "--set", "hidden_units=16",
)  # fmt: skip


@pytest.mark.parametrize(
    ("env", "more"),
    [
        pytest.param("CartPole-v1", ("--set", "frame_stack=2"), id="stacks"),
        pytest.param("CartPole-v1", ("--environment-processes",), id="processes"),
        pytest.param("CartPole-v1", ("--set", "fresh_share=0.25"), id="two_tables"),
        pytest.param("Pendulum-v1", ("--set", "random_steps=100"), id="continuous"),
        pytest.param("Replay/CameraCartPole-v0", ("--set", "frame_stack=2"), id="parts"),
    ],
)
def test_environments_in_step_fill_one_table_and_learn_as_often_per_step(
    server_url: str, tmp_path: Path, env: str, more: tuple[str, ...]
) -> None:
    folder = RunFolder(tmp_path / "run")

    code = main(
        ["train", "--env", env, *SHORT, "--server", server_url, "--table", "in-step",
         "--environments", "3", "--steps", "400", "--out", str(folder.path),
         "--set", "update_period=10", "--set", "updates_per_round=2", *more]
    )  # fmt: skip

    assert code == 0
    rows = read_metrics(folder.metrics)
    # Steps come by three: 402 are the first that are 400 or more.
    assert [row.step for row in rows if row.evaluation_return is not None] == [201, 402]
    assert rows[-1].learner_steps == (402 // 10 - 102 // 10 + 1) * 2
    with ReplayClient(server_url) as client:
        stored = client.scan("in-step", limit=4096)
        client.delete_table("in-step")
        if "fresh_share=0.25" in more:
            client.delete_table("in-step.fresh")
    firsts, lasts = stored.columns["is_first"], stored.columns["is_last"]
    assert 0 <= firsts.sum() - lasts.sum() <= 3
    assert len(stored.keys) - lasts.sum() == 402


def test_what_several_environments_can_not_do_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "--env", "CartPole-v1", "--environments", "2", "--deterministic"]) == 2

    assert "environments must be 1" in capsys.readouterr().err
