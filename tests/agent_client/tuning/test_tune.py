"""Studies: what is tried, what is pruned, what is kept when they are ended, what they leave."""

import csv
import dataclasses
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from agent_client.__main__ import main
from agent_client.algorithms import CONFIGS
from agent_client.evaluation import Evaluation
from agent_client.runs.folder import RunFolder
from agent_client.runs.settings import RunConfig, TrainSettings, resolve
from agent_client.training_progress import TrainingProgress
from agent_client.tuning import trial as trial_module
from agent_client.tuning.search_space import search_space, starting_point, suggest
from agent_client.tuning.study import StudyFolder, finished, load_study

SETTINGS = (
    "--env", "CartPole-v1", "--steps", "200", "--evaluation-period", "50",
    "--evaluation-episodes", "2", "--stop-return", "inf", "--server", "http://127.0.0.1:9",
)  # fmt: skip
TUNED = ("--tune", "learning_rate", "--tune", "n_step")


class Trainer:
    """Stands in for training: a run's return is its n_step, told evaluation by evaluation."""

    def __init__(self) -> None:
        self.runs: list[RunConfig] = []
        self.before: Callable[[int], None] = lambda number: None
        self.at_the_end: Callable[[Any], None] = lambda loop: None

    def __call__(
        self, run: RunConfig, folder: RunFolder, *, resume: bool, console: Any, observers: Any
    ) -> Any:
        self.before(len(self.runs))
        self.runs.append(run)
        folder.create(run.to_toml())
        progress = TrainingProgress()
        loop: Any = SimpleNamespace(progress=progress, stop_requested=False)
        for step in range(50, 250, 50):
            progress.step, progress.best_return = step, float(run.config.n_step * step)
            for observer in observers:
                observer.on_evaluation(loop, Evaluation((progress.best_return,)))
            if loop.stop_requested:
                return SimpleNamespace(progress=progress, evaluation=None)
        self.at_the_end(loop)
        return SimpleNamespace(
            progress=progress, evaluation=Evaluation((float(run.config.n_step),))
        )


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> Trainer:
    trainer = Trainer()
    monkeypatch.setattr(trial_module, "train", trainer)
    return trainer


def study_in(path: Path) -> optuna.Study:
    return load_study(StudyFolder(path), "study", resolve(TrainSettings(env="CartPole-v1"), {}))


def test_a_study_begins_with_the_preset_and_leaves_what_it_found(
    trainer: Trainer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "study"

    assert main(["tune", *SETTINGS, *TUNED, "--trials", "12", "--out", str(out)]) == 0

    preset = resolve(TrainSettings(env="CartPole-v1"), {})
    assert trainer.runs[0].config == preset.config
    assert [run.settings.seed for run in trainer.runs] == list(range(12))
    with (out / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == [str(number) for number in range(12)]
    complete = [row for row in rows if row["state"] == "complete"]
    assert all(float(row["mean_return"]) == float(row["n_step"]) for row in complete)
    assert (out / "importances.png").read_bytes().startswith(b"\x89PNG")
    best = max(int(row["n_step"]) for row in complete)
    document = tomllib.loads((out / "best.toml").read_text())
    assert document["dqn"]["n_step"] == best
    assert "server" not in document
    assert f"{best}.00" in capsys.readouterr().out


def test_train_takes_the_best_configuration(
    trainer: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "study"
    main(["tune", *SETTINGS, *TUNED, "--trials", "8", "--out", str(out)])
    best = tomllib.loads((out / "best.toml").read_text())["dqn"]
    asked: list[RunConfig] = []

    def train(run: RunConfig, *_: Any, **__: Any) -> Any:
        asked.append(run)
        raise KeyboardInterrupt

    monkeypatch.setattr("agent_client.runs.training_run.train", train)
    main(["train", "--config", str(out / "best.toml"), "--out", str(tmp_path / "run")])

    assert dataclasses.asdict(asked[0].config) == {
        name: tuple(value) if isinstance(value, list) else value for name, value in best.items()
    }


def test_trials_that_lag_are_pruned_and_the_others_are_not(
    trainer: Trainer, tmp_path: Path
) -> None:
    main(["tune", *SETTINGS, "--tune", "n_step", "--trials", "30", "--out", str(tmp_path)])

    trials = finished(study_in(tmp_path))
    pruned = [trial.params["n_step"] for trial in trials if trial.state is TrialState.PRUNED]
    best = [trial.params["n_step"] for trial in trials if trial.state is TrialState.COMPLETE]
    assert pruned
    assert max(pruned) < max(best) == 5


def test_a_study_goes_on_until_it_has_the_trials_asked_for(
    trainer: Trainer, tmp_path: Path
) -> None:
    arguments = ["tune", *SETTINGS, *TUNED, "--out", str(tmp_path)]
    main([*arguments, "--trials", "3"])
    main([*arguments, "--trials", "5"])
    main([*arguments, "--trials", "5"])

    assert len(trainer.runs) == 5
    assert len(finished(study_in(tmp_path))) == 5


def test_what_ctrl_c_breaks_off_is_kept_out_and_tried_again(
    trainer: Trainer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["tune", *SETTINGS, *TUNED, "--out", str(tmp_path), "--trials", "5"]

    def interrupt_the_third(number: int) -> None:
        if number == 2:
            raise KeyboardInterrupt

    trainer.before = interrupt_the_third
    assert main(arguments) == 130
    assert capsys.readouterr().err == (
        f"agent-client: interrupted; the study in {tmp_path} keeps 2 of 5 trials, "
        "and the same command goes on with it\n"
    )
    broken_off = study_in(tmp_path).trials[2]
    trainer.before = lambda number: None

    assert main(arguments) == 0

    assert broken_off.state is TrialState.FAIL
    retried = study_in(tmp_path).trials[3]
    assert retried.params == broken_off.params
    assert len(finished(study_in(tmp_path))) == 5


def test_ctrl_c_that_comes_after_a_trials_last_step_ends_the_study_and_keeps_the_trial(
    trainer: Trainer, tmp_path: Path
) -> None:
    def ask_to_stop(loop: Any) -> None:
        loop.stop_requested = True  # as the handler of signals does

    trainer.at_the_end = ask_to_stop

    assert main(["tune", *SETTINGS, *TUNED, "--out", str(tmp_path), "--trials", "5"]) == 130

    assert len(trainer.runs) == 1
    assert [one.state for one in finished(study_in(tmp_path))] == [TrialState.COMPLETE]


def test_a_trial_that_was_killed_is_tried_again(trainer: Trainer, tmp_path: Path) -> None:
    arguments = ["tune", *SETTINGS, *TUNED, "--out", str(tmp_path)]
    main([*arguments, "--trials", "2"])
    study = study_in(tmp_path)
    killed = study.ask()  # and never told
    values = suggest(killed, "dqn", search_space("dqn", ("learning_rate", "n_step")))

    main([*arguments, "--trials", "3"])

    assert study_in(tmp_path).trials[2].state is TrialState.FAIL
    assert trainer.runs[-1].config.n_step == values["n_step"]
    assert len(finished(study_in(tmp_path))) == 3


def test_values_that_do_not_go_together_are_pruned(trainer: Trainer, tmp_path: Path) -> None:
    arguments = ["tune", *SETTINGS, "--tune", "n_step", "--set", "replay_capacity=3"]
    arguments += ["--set", "learning_starts=1"]

    assert main([*arguments, "--trials", "8", "--out", str(tmp_path)]) == 0

    trials = finished(study_in(tmp_path))
    assert {trial.params["n_step"] for trial in trials if trial.state is TrialState.PRUNED} >= {5}


def test_a_folder_that_another_command_works_at_is_refused(
    trainer: Trainer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with StudyFolder(tmp_path).to_itself():
        code = main(["tune", *SETTINGS, "--out", str(tmp_path)])

    assert code == 2
    assert "is a study that another command works at" in capsys.readouterr().err


def test_a_study_of_another_environment_is_refused(
    trainer: Trainer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["tune", *SETTINGS, *TUNED, "--out", str(tmp_path), "--trials", "1"])

    code = main(["tune", *SETTINGS, "--env", "Acrobot-v1", "--out", str(tmp_path)])

    assert code == 2
    assert "has env 'CartPole-v1'" in capsys.readouterr().err


def test_a_hyperparameter_without_a_range_is_refused_by_name(
    trainer: Trainer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["tune", *SETTINGS, "--tune", "learning_rat", "--out", str(tmp_path / "study")])

    assert code == 2
    assert "did you mean 'learning_rate'?" in capsys.readouterr().err


def test_without_optuna_one_sentence_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)

    assert main(["tune", *SETTINGS, "--out", str(tmp_path / "study")]) == 1

    assert capsys.readouterr().err == (
        "agent-client: agent-client tune needs packages that are not installed: "
        "pip install 'replay-server[tune]'\n"
    )


@pytest.mark.parametrize("algorithm", sorted(CONFIGS))
def test_every_range_that_is_searched_lies_within_what_is_allowed(algorithm: str) -> None:
    space = search_space(algorithm)
    ends = {name: where.choices or (where.low, where.high) for name, where in space.items()}

    for name, values in ends.items():
        for value in values:
            trial: Any = optuna.trial.FixedTrial({name: value})
            CONFIGS[algorithm](**suggest(trial, algorithm, {name: space[name]}))
    assert len(space) >= 6


@pytest.mark.parametrize("algorithm", sorted(CONFIGS))
def test_a_study_may_begin_with_any_default_that_it_could_come_to(algorithm: str) -> None:
    space = search_space(algorithm)
    config = CONFIGS[algorithm]()

    start = starting_point(config, space)
    trial: Any = optuna.trial.FixedTrial(start)
    again = suggest(trial, algorithm, {name: space[name] for name in start})

    assert again == {name: getattr(config, name) for name in start}
    assert len(start) >= 6


posix = pytest.mark.skipif(sys.platform == "win32", reason="sends signals to groups")

REAL = (
    "--env", "CartPole-v1", "--steps", "400", "--evaluation-period", "100", *TUNED,
    "--evaluation-episodes", "2", "--stop-return", "inf", "--set", "learning_starts=100",
    "--set", "hidden_units=16", "--set", "update_period=20", "--set", "updates_per_round=4",
)  # fmt: skip


def in_the_foreground(command: list[str]) -> "subprocess.Popen[str]":
    """Start a command in a process group of its own, as a shell does."""
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@posix
@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_at_a_terminal_keeps_what_was_done_and_tells_how_to_go_on(
    jobs: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "agent_client", "tune", *REAL, "--jobs", str(jobs)]
    command += ["--out", str(tmp_path)]
    process = in_the_foreground([*command, "--trials", "200"])
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline().startswith("trial ")

    os.killpg(process.pid, signal.SIGINT)  # to all of the group, as a terminal does
    _, errors = process.communicate(timeout=60.0)

    assert process.returncode == 130, errors
    kept = len(finished(study_in(tmp_path)))
    assert kept >= 3
    assert not study_in(tmp_path).get_trials(states=[TrialState.RUNNING])
    assert errors == (
        f"agent-client: interrupted; the study in {tmp_path} keeps {kept} of 200 trials, "
        "and the same command goes on with it\n"
    )
    again = subprocess.run([*command, "--trials", str(kept + 2)], capture_output=True, timeout=120)
    assert again.returncode == 0, again.stderr
    assert len(finished(study_in(tmp_path))) == kept + 2


@posix
@pytest.mark.slow
def test_ctrl_c_while_workers_start_is_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "agent_client", "tune", *REAL, "--jobs", "2"]
    process = in_the_foreground([*command, "--out", str(tmp_path), "--trials", "200"])
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 60.0
    while len(workers.read_text().split()) < 4:  # the server, a tracker of resources, and two
        assert time.monotonic() < deadline
        time.sleep(0.01)

    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60.0)

    assert process.returncode == 130, errors
    assert len(errors.splitlines()) == 1, errors
    assert "keeps 0 of 200 trials" in errors


@posix
@pytest.mark.slow
def test_workers_end_with_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "agent_client", "tune", *REAL, "--jobs", "2"]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path), "--trials", "200"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()

    process.kill()
    process.communicate(timeout=60.0)

    deadline = time.monotonic() + 60.0
    while any(is_alive(int(child)) for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
