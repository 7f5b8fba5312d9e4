"""The mean of several runs, and how sure it is, against numbers worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from agent_client.__main__ import main
from agent_client.reporting.curve_spread import Curve, curve_of, spread
from agent_client.reporting.metrics import COMMON_COLUMNS, MetricsRow
from agent_client.runs.folder import RunFolder
from agent_client.runs.settings import TrainSettings, resolve


def curve(*points: tuple[int, float]) -> Curve:
    steps, returns = zip(*points, strict=True)
    return Curve(np.array(steps, np.int64), np.array(returns, np.float64))


def test_the_mean_is_taken_where_all_runs_have_begun_along_straight_lines() -> None:
    where = spread([curve((10, 0.0), (30, 20.0)), curve((20, 30.0), (40, 50.0))])

    assert where.steps.tolist() == [20, 30, 40]
    # The first run is at 10 and 20, and keeps its 20; the second at 30, 40 and 50.
    assert where.mean.tolist() == [20.0, 30.0, 35.0]


def test_equal_runs_leave_no_doubt_and_unlike_runs_do() -> None:
    sure = spread([curve((0, 5.0), (10, 7.0))] * 5)
    unsure = spread([curve((0, float(value))) for value in (0, 10, 20, 30, 40)])

    assert np.array_equal(sure.low, sure.mean)
    assert np.array_equal(sure.high, sure.mean)
    # The mean of five draws with replacement from these has a standard deviation of 6.3.
    assert unsure.low[0] == pytest.approx(20 - 1.96 * 6.3, abs=2.5)
    assert unsure.high[0] == pytest.approx(20 + 1.96 * 6.3, abs=2.5)


def row(step: int, **values: float) -> MetricsRow:
    common = {"seconds": 0.0, "learner_steps": 0, "episode": 0, "replay_size": 0}
    return MetricsRow(step=step, beta=0.0, **(common | values))  # type: ignore[arg-type]


def test_curves_are_of_evaluations_or_of_training_episodes() -> None:
    rows = [row(5, episode_return=1.0), row(8, episode_return=3.0), row(10, evaluation_return=9.0)]

    assert curve_of(rows, "evaluation").steps.tolist() == [10]
    assert curve_of(rows, "training").steps.tolist() == [5, 8]
    assert curve_of(rows, "training").returns.tolist() == [1.0, 2.0]


def run_with(path: Path, returns: list[float], **settings: object) -> str:
    hyperparameters = settings.pop("hyperparameters", {})
    run = resolve(TrainSettings(**({"env": "CartPole-v1"} | settings)), hyperparameters)  # type: ignore[arg-type]
    folder = RunFolder(path)
    folder.create(run.to_toml())
    columns = ("step", "evaluation_return")
    lines = [",".join(COMMON_COLUMNS)]
    for number, value in enumerate(returns):
        values = dict(zip(columns, (str(100 * (number + 1)), str(value)), strict=True))
        lines.append(
            ",".join(values.get(name, "0" if name in NEEDED else "") for name in COMMON_COLUMNS)
        )
    folder.metrics.write_text("\n".join(lines) + "\n")
    return str(path)


NEEDED = {"seconds", "learner_steps", "episode", "beta", "replay_size"}


def test_runs_are_sorted_by_what_sets_them_apart_but_for_their_seeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = [run_with(tmp_path / f"a{seed}", [1.0, 2.0], seed=seed) for seed in range(3)]
    other = [
        run_with(tmp_path / f"b{seed}", [2.0, 3.0], seed=seed, hyperparameters={"n_step": 3})
        for seed in range(2)
    ]
    out = tmp_path / "curves.png"

    assert main(["plot", *plain, *other, "--out", str(out)]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "DQN n_step=1: 3 runs",
        "DQN n_step=3: 2 runs",
        str(out),
    ]
    assert out.read_bytes().startswith(b"\x89PNG")


def test_runs_of_several_environments_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = run_with(tmp_path / "one", [1.0])
    other = run_with(tmp_path / "other", [1.0], env="Acrobot-v1")

    assert main(["plot", one, other, "--out", str(tmp_path / "curves.png")]) == 2

    assert "several environments: Acrobot-v1, CartPole-v1" in capsys.readouterr().err


def test_a_run_without_returns_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_with(tmp_path / "run", [])

    assert main(["plot", folder, "--out", str(tmp_path / "curves.png")]) == 2

    assert f"run folder '{folder}' has no returns of evaluation yet" in capsys.readouterr().err
