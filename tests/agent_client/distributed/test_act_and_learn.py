"""`agent-client act` and `agent-client learn` in processes of their own, around a real server."""

import json
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from agent_client.__main__ import main
from agent_client.distributed.learner_run import SLACK_ROWS
from agent_client.distributed.meeting_point import episodes_table
from agent_client.errors import UnknownTableError
from agent_client.replay_client import ReplayClient
from agent_client.reporting.metrics import read_metrics
from agent_client.runs.folder import RunFolder
from tests.guarded_server import GuardedServer

WAIT_S = 240.0
LEARN = (
    "--env", "CartPole-v1", "--tracker", "none", "--evaluation-period", "400",
    "--evaluation-episodes", "3", "--stop-return", "inf", "--set", "learning_starts=100",
    "--set", "update_period=10", "--set", "updates_per_round=2", "--set", "hidden_units=16",
    "--set", "n_step=3", "--publish-period", "5",
)  # fmt: skip
ACT = ("--env", "CartPole-v1", "--patience", "120")


class Process:
    """`agent-client COMMAND ARGUMENTS`; none outlives its test."""

    running: ClassVar[list["subprocess.Popen[str]"]] = []

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agent_client", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.running.append(self._process)

    def ended(self) -> tuple[int, str]:
        said, _ = self._process.communicate(timeout=WAIT_S)
        return self._process.returncode, said

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)


def wait_for_actors(client: ReplayClient, run: str, actors: set[int]) -> None:
    """Return when each of the actors has ended an episode."""
    deadline, heard = time.monotonic() + WAIT_S, set[int]()
    while not actors <= heard:
        assert time.monotonic() < deadline, f"heard of {heard} only"
        with suppress(UnknownTableError):
            heard |= set(client.scan(episodes_table(run)).columns["actor"].tolist())
        time.sleep(0.05)


def angles(observations: Any) -> Any:
    """Return [B] angles of Pendulum's observations."""
    return np.arctan2(observations[:, 1], observations[:, 0])


def wait_for_file(path: Path) -> None:
    deadline = time.monotonic() + WAIT_S
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def _nobody_is_left() -> Iterator[None]:
    yield
    for process in Process.running:
        process.kill()
        process.communicate()
    Process.running.clear()


@pytest.fixture
def run() -> str:
    return f"run-{uuid.uuid4().hex}"


@pytest.fixture
def client(server_url: str) -> Iterator[ReplayClient]:
    with ReplayClient(server_url) as own:
        yield own


def test_actors_come_before_the_learner_one_leaves_and_the_other_ends_with_the_run(
    client: ReplayClient, run: str, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    where = ("--server", client._channel.base_url, "--table", run)
    actors = [
        Process("act", *ACT, *where, "--actor-index", str(index), "--actors", "2")
        for index in range(2)
    ]

    learner = Process("learn", *LEARN, *where, "--steps", "1500", "--out", str(folder.path))
    wait_for_actors(client, run, {0, 1})
    actors[0].signal(signal.SIGTERM)

    left, said_when_leaving = actors[0].ended()
    learned, report = learner.ended()
    stayed, said_at_the_end = actors[1].ended()
    assert (left, learned, stayed) == (0, 0, 0), f"{said_when_leaving}\n{report}\n{said_at_the_end}"
    assert "it was asked to stop: " in said_when_leaving
    over = re.search(r"the run is over \(out of steps at step ([\d,]+)", said_at_the_end)
    assert over is not None, said_at_the_end
    # it counts rows, and they come many at a time
    assert 1_500 <= int(over[1].replace(",", "")) < 3_000
    assert "waiting for the learner" in said_at_the_end
    assert json.loads(folder.evaluation.read_text())["episodes"] == 3
    assert folder.learning_curve.stat().st_size > 1_000
    rows = read_metrics(folder.metrics)
    epsilons = {round(row.figures["epsilon"], 4) for row in rows if row.episode_return is not None}
    assert epsilons == {0.4, round(0.4**8, 4)}
    stats = client.describe_table(run)["stats"]
    # 64 * 2 / 10 draws per row, but for the first hundred rows and the limiter's slack.
    behind = stats["inserted_total"] - stats["sampled_total"] / 12.8
    assert 100 - SLACK_ROWS <= behind <= 100 + SLACK_ROWS
    rows_with_priorities = client.scan(run, limit=4096)
    assert len(set(rows_with_priorities.priorities.tolist())) > 200


def test_a_learner_that_is_killed_is_resumed_and_its_actors_never_notice(
    guarded: GuardedServer, run: str, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    tokens = {}
    for role, token in guarded.file.tokens.items():
        tokens[role] = tmp_path / role
        tokens[role].write_text(token)
    where = ("--server", guarded.url, "--table", run)
    actor = Process("act", *ACT, *where, "--token-file", str(tokens["actor"]))
    learner = Process(
        "learn", *LEARN, *where, "--steps", "1500", "--out", str(folder.path),
        "--token-file", str(tokens["admin"]),
    )  # fmt: skip
    wait_for_file(folder.checkpoint / "progress.json")
    learner.signal(signal.SIGKILL)
    learner.ended()

    again = Process("learn", "--resume", str(folder.path), "--token-file", str(tokens["learner"]))

    learned, report = again.ended()
    acted, said = actor.ended()
    assert (learned, acted) == (0, 0), f"{report}\n{said}"
    assert "actor 0 of run" in said
    assert said.count("waiting for the learner") <= 2  # for the table, then for weights; once
    evaluations = [row for row in read_metrics(folder.metrics) if row.evaluation_return is not None]
    assert evaluations[-1].step >= 1_500
    learner_steps = [row.learner_steps for row in evaluations]
    assert learner_steps == sorted(learner_steps)


def test_sac_acts_and_learns_with_several_environments_an_actor(
    client: ReplayClient, run: str, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    where = ("--env", "Pendulum-v1", "--server", client._channel.base_url, "--table", run)
    actors = [
        Process("act", *where, "--patience", "120", "--algorithm", "sac", "--environments", "2")
        for _ in range(2)
    ]

    learner = Process(
        "learn", *where, "--tracker", "none", "--evaluation-period", "800",
        "--evaluation-episodes", "2", "--steps", "1600", "--publish-period", "5",
        "--set", "learning_starts=200", "--set", "random_steps=300", "--set", "update_period=8",
        "--set", "batch_size=32", "--set", "hidden_units=16", "--out", str(folder.path),
    )  # fmt: skip

    learned, report = learner.ended()
    ended = [actor.ended() for actor in actors]
    assert (learned, [code for code, _ in ended]) == (0, [0, 0]), f"{report}\n{ended}"
    assert all("epsilon" not in said for _, said in ended)
    rows = read_metrics(folder.metrics)
    assert rows[-1].learner_steps > 50
    assert {"temperature", "critic_loss"} <= set(rows[-1].figures)
    stored = client.scan(run, limit=4096)
    # Each of four environments has a stream; episodes end after 200 steps with a row of their own.
    assert stored.columns["is_first"].sum() >= 8
    # What follows in a transition is what the physics of the same environment make of it.
    drawn = client.sample(run, 256).columns
    turned = angles(drawn["next_observation"]) - angles(drawn["observation"])
    turned = (turned + np.pi) % (2 * np.pi) - np.pi
    np.testing.assert_allclose(turned, 0.05 * drawn["next_observation"][:, 2], atol=1e-3)
    assert set(stored.priorities.tolist()) == {1.0}
    # At first actions are uniform, which a policy's never are.
    assert np.abs(stored.columns["action"][:200]).max() > 1.9


def test_an_actor_that_was_told_of_another_algorithm_says_so(
    client: ReplayClient, run: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    where = ("--server", client._channel.base_url, "--table", run)
    learner = Process("learn", *LEARN, *where, "--steps", "1500", "--out", str(tmp_path / "run"))

    assert main(["act", *ACT, *where, "--algorithm", "sac"]) == 2

    assert f"the learner of run {run!r} learns by dqn, not by sac" in capsys.readouterr().err
    learner.signal(signal.SIGTERM)
    learner.ended()


def test_who_finds_no_run_says_what_was_missing(
    client: ReplayClient, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--server", client._channel.base_url, "--table", run, "--patience", "1")

    assert main(["act", "--env", "CartPole-v1", *arguments]) == 1

    told = capsys.readouterr()
    assert told.err == (
        f"agent-client: no run {run!r} within 1 seconds: there is no table {run!r}\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(("act",), "Missing option '--env'", id="act_without_env"),
        pytest.param(
            ("act", "--env", "CartPole-v1", "--server", "http://x", "--actor-index", "1"),
            "--actor-index and --actors go together",
            id="index_without_number",
        ),
        pytest.param(
            ("act", "--env", "C", "--server", "u", "--actor-index", "2", "--actors", "2"),
            "actor_index must be 0 or more and below --actors, not 2",
            id="index_beyond_the_last",
        ),
        pytest.param(("learn", "--env", "CartPole-v1"), "Missing", id="learn_without_server"),
        pytest.param(
            ("learn", "--env", "CartPole-v1", "--server", "u", "--samples-per-insert", "0"),
            "samples_per_insert must be positive and finite, not 0.0",
            id="no_samples_per_insert",
        ),
    ],
)
def test_bad_usage_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2

    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("is_one_killed", [False, True], ids=["all_live", "one_is_killed"])
def test_three_actors_and_a_learner_solve_cartpole(
    client: ReplayClient, run: str, tmp_path: Path, is_one_killed: bool
) -> None:
    folder = RunFolder(tmp_path / "run")
    where = ("--env", "CartPole-v1", "--server", client._channel.base_url, "--table", run)
    actors = [
        Process("act", *where, "--actor-index", str(index), "--actors", "3") for index in range(3)
    ]
    learner = Process("learn", *where, "--tracker", "none", "--out", str(folder.path))
    if is_one_killed:
        wait_for_actors(client, run, {0, 1, 2})
        actors[1].signal(signal.SIGKILL)

    learned, report = learner.ended()

    codes = [actor.ended()[0] for actor in actors]
    assert learned == 0, report
    assert codes == [0, -signal.SIGKILL if is_one_killed else 0, 0]
    assert json.loads(folder.evaluation.read_text())["mean_return"] >= 475.0
