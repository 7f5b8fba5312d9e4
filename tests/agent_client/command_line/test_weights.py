"""``--weights``: which of a run's weights ``evaluate``, ``record`` and ``export`` take."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from agent_client.__main__ import main
from agent_client.algorithms import CONFIGS, load_algorithm
from agent_client.environments import make_environment
from agent_client.evaluation import evaluate, evaluation_seeds
from agent_client.runs.folder import RunFolder
from agent_client.runs.parts import build_agent, run_environment
from agent_client.runs.settings import TrainSettings, resolve
from agent_client.seeding import EpisodePurpose
from tests.agent_client.saved_runs import saved_run

EPISODES = 5


class Always:
    """A policy that knows one action."""

    def __init__(self, action: Any) -> None:
        self.chosen = action

    def action(self, observation: object) -> Any:
        return self.chosen


def run_of_two_minds(path: Path) -> RunFolder:
    """Leave a CartPole run whose best weights always push left, and whose last always right."""
    folder = saved_run(path, "CartPole-v1")
    for name, preferred in (("best", 0), ("online", 1)):
        weights = folder.checkpoint / f"{name}.safetensors"
        tensors = load_file(weights)
        bias = [name for name in tensors if name.endswith("bias")][-1]
        tensors[bias] = torch.tensor([1e6 * (preferred == action) for action in (0, 1)])
        save_file(tensors, weights)
    return folder


def returns_of(action: int) -> list[float]:
    seeds = evaluation_seeds(0, EpisodePurpose.EVALUATION, EPISODES)
    environment = make_environment("CartPole-v1", 0)
    return list(evaluate(environment, Always(action), seeds).returns)


@pytest.mark.parametrize(
    ("arguments", "action"),
    [([], 0), (["--weights", "best"], 0), (["--weights", "last"], 1)],
    ids=["default", "best", "last"],
)
def test_evaluate_plays_with_the_weights_asked_for(
    arguments: list[str], action: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_of_two_minds(tmp_path / "run")

    assert main(["evaluate", str(folder.path), f"--episodes={EPISODES}", "--json", *arguments]) == 0

    assert json.loads(capsys.readouterr().out)["returns"] == returns_of(action)
    assert returns_of(0) != returns_of(1)


def test_what_the_last_weights_reach_stands_beside_what_the_best_do(tmp_path: Path) -> None:
    folder = run_of_two_minds(tmp_path / "run")

    for weights in ("best", "last"):
        main(["evaluate", str(folder.path), f"--episodes={EPISODES}", "--weights", weights])

    assert json.loads(folder.evaluation.read_text())["returns"] == returns_of(0)
    last = folder.path / "evaluation-last.json"
    assert json.loads(last.read_text())["returns"] == returns_of(1)


def test_record_shows_the_weights_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_of_two_minds(tmp_path / "run")
    out = tmp_path / "episode.gif"

    for weights, action in (("best", 0), ("last", 1)):
        main(["record", str(folder.path), "--out", str(out), "--episodes=5", "--weights", weights])

        returns = ", ".join(f"{value:g}" for value in returns_of(action))
        assert capsys.readouterr().out.endswith(f"return {returns}\n")


def test_export_writes_the_weights_asked_for(tmp_path: Path) -> None:
    folder = run_of_two_minds(tmp_path / "run")
    observation = torch.from_numpy(np.zeros((1, 4), np.float32))

    for weights, action in (("best", 0), ("last", 1)):
        out = tmp_path / f"{weights}.pt"
        arguments = ["export", str(folder.path), str(out), "--format=torchscript"]
        assert main([*arguments, "--observations=20", "--weights", weights]) == 0

        kept = {"about.json": ""}
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            policy = torch.jit.load(str(out), _extra_files=kept)
        assert policy(observation).tolist() == [action]
        assert json.loads(kept["about.json"])["weights"] == weights


def test_other_weights_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run_of_two_minds(tmp_path / "run")

    assert main(["evaluate", str(folder.path), "--weights", "first"]) == 2

    assert "'best', 'last'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("algorithm", "environment_id"), [("dqn", "CartPole-v1"), ("sac", "Pendulum-v1")]
)
def test_the_last_weights_of_an_agent_are_those_that_it_trains(
    algorithm: str, environment_id: str
) -> None:
    run = resolve(TrainSettings(env=environment_id, algorithm=algorithm), {"hidden_units": (4,)})
    loaded = load_algorithm(algorithm)
    environment = run_environment(run, seed=0)

    agent = build_agent(loaded, run, environment, np.random.default_rng(0))

    assert agent.modules()[loaded.network_name] is agent.network
    assert {"dqn", "sac"} == set(CONFIGS)
