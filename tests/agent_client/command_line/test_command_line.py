"""The command line: precedence, bad usage, exit codes. No training happens here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent_client.__main__ import main
from agent_client.evaluation import Evaluation
from agent_client.run_errors import CheckpointError
from agent_client.runs import training_run
from agent_client.runs.dqn_presets import CARTPOLE
from agent_client.runs.folder import RunFolder
from agent_client.runs.settings import RunConfig, TrainSettings, resolve
from agent_client.runs.training_run import RunResult
from agent_client.training_progress import StopReason, TrainingProgress

ENV = ("--env", "CartPole-v1")


@dataclass
class Carried:
    """Runs that the command line asked for, and how they shall end."""

    runs: list[RunConfig] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    resumed: list[bool] = field(default_factory=list)
    stopped: StopReason = StopReason.SOLVED
    error: Exception | None = None

    def __call__(self, run: RunConfig, folder: RunFolder, *, resume: bool, console: Any) -> Any:
        if self.error is not None:
            raise self.error
        self.runs.append(run)
        self.folders.append(folder.path)
        self.resumed.append(resume)
        interrupted = self.stopped is StopReason.INTERRUPTED
        return RunResult(
            stopped=self.stopped,
            progress=TrainingProgress(step=1_234),
            learner_steps=617,
            seconds=12.3,
            evaluation=None if interrupted else Evaluation((490.0, 500.0)),
        )


@pytest.fixture
def carried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Carried:
    monkeypatch.chdir(tmp_path)
    carried = Carried()
    monkeypatch.setattr(training_run, "train", carried)
    return carried


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


@pytest.fixture
def earlier_run(tmp_path: Path) -> Path:
    run = resolve(TrainSettings(env="CartPole-v1", seed=7, steps=500), {"batch_size": 16})
    RunFolder(tmp_path / "earlier").create(run.to_toml())
    return tmp_path / "earlier"


def test_defaults_come_from_the_preset(carried: Carried) -> None:
    assert main(["train", *ENV]) == 0

    (run,) = carried.runs
    assert run.preset.name == "cartpole"
    assert (run.steps, run.settings.seed, run.settings.server) == (60_000, 0, None)
    assert carried.folders[0].match("runs/CartPole-v1-seed0-*")


def test_command_line_wins_over_environment_over_file_over_preset(
    carried: Carried, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.toml", "steps = 10\nseed = 10\nevaluation_period = 10\n")
    monkeypatch.setenv("AGENT_CLIENT_STEPS", "20")
    monkeypatch.setenv("AGENT_CLIENT_SEED", "20")

    assert main(["train", *ENV, "--config", file, "--steps", "30"]) == 0

    (run,) = carried.runs
    assert (run.steps, run.settings.seed, run.evaluation_period) == (30, 20, 10)
    assert run.stop_return == CARTPOLE.stop_return


def test_every_option_can_come_from_the_environment(
    carried: Carried, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    values = {
        "ENV": "Acrobot-v1",
        "SERVER": "http://127.0.0.1:8000",
        "TABLE": "shared",
        "KEEP_TABLE": "1",
        "ALGORITHM": "dqn",
        "PRESET": "generic",
        "STEPS": "5",
        "STOP_RETURN": "-80",
        "EVALUATION_PERIOD": "6",
        "EVALUATION_EPISODES": "7",
        "SEED": "8",
        "OUT": str(tmp_path / "out"),
        "TRACKER": "none",
        "SET": "batch_size=9 discount=0.5",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"AGENT_CLIENT_{name}", value)

    assert main(["train"]) == 0

    (run,) = carried.runs
    assert run.settings == TrainSettings(
        env="Acrobot-v1",
        server="http://127.0.0.1:8000",
        table="shared",
        keep_table=True,
        algorithm="dqn",
        preset="generic",
        steps=5,
        stop_return=-80.0,
        evaluation_period=6,
        evaluation_episodes=7,
        seed=8,
        out=tmp_path / "out",
        tracker="none",
    )
    assert (run.config.batch_size, run.config.discount) == (9, 0.5)


def test_configuration_file_can_come_from_the_environment(
    carried: Carried, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.toml", 'env = "Acrobot-v1"\nseed = 3\n')
    monkeypatch.setenv("AGENT_CLIENT_CONFIG", file)

    assert main(["train"]) == 0

    assert carried.runs[0].settings.env == "Acrobot-v1"


def test_set_wins_over_the_section_of_the_file(carried: Carried, tmp_path: Path) -> None:
    file = write(tmp_path / "a.toml", "[dqn]\nbatch_size = 8\nhidden_units = [32]\n")

    assert main(["train", *ENV, "--config", file, "--set", "batch_size=16"]) == 0

    assert carried.runs[0].config.batch_size == 16
    assert carried.runs[0].config.hidden_units == (32,)


def test_configuration_of_a_run_repeats_it(carried: Carried, earlier_run: Path) -> None:
    assert main(["train", "--config", str(earlier_run / "config.toml")]) == 0

    (run,) = carried.runs
    assert (run.settings.env, run.settings.seed, run.steps) == ("CartPole-v1", 7, 500)
    assert run.config.batch_size == 16
    assert carried.folders[0] != earlier_run


def test_resumed_run_keeps_its_configuration_and_folder(
    carried: Carried, earlier_run: Path
) -> None:
    assert main(["train", "--resume", str(earlier_run), "--steps", "900"]) == 0

    (run,) = carried.runs
    assert (run.settings.seed, run.steps, run.config.batch_size) == (7, 900, 16)
    assert carried.folders == [earlier_run]
    assert carried.resumed == [True]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param([], "Missing command", id="no_command"),
        pytest.param(["play"], "No such command 'play'", id="no_such_command"),
        pytest.param(["train"], "--env", id="no_environment"),
        pytest.param(["train", *ENV, "--stps", "5"], "--stps", id="typo"),
        pytest.param(["train", *ENV, "--steps", "x"], "--steps", id="no_number"),
        pytest.param(["train", *ENV, "--steps", "0"], "steps", id="no_steps"),
        pytest.param(["train", *ENV, "--seed", "-1"], "seed", id="negative_seed"),
        pytest.param(["train", *ENV, "--algorithm", "a2c"], "--algorithm", id="no_algorithm"),
        pytest.param(
            ["train", *ENV, "--preset", "none"], "'lunarlander-continuous'", id="no_preset"
        ),
        pytest.param(
            ["train", *ENV, "--preset", "pendulum", "--algorithm", "dqn"], "sac", id="pair"
        ),
        pytest.param(["train", "--env", "CartPole-v1?x"], "CartPole-v1?x", id="no_argument"),
        pytest.param(["train", "--env", "NoSuch-v0"], "NoSuch-v0", id="no_such_environment"),
        pytest.param(
            ["train", "--env", "Pendulum-v1", "--set", "double_q=true"],
            "sac has no",
            id="another_algorithms_hyperparameter",
        ),
        pytest.param(["train", *ENV, "--tracker", "mlflow"], "--tracker", id="unknown_tracker"),
        pytest.param(["train", *ENV, "--set", "batch=1"], "'batch'", id="no_hyperparameter"),
        pytest.param(["train", *ENV, "--set", "discount=2"], "discount", id="out_of_range"),
        pytest.param(["train", *ENV, "--config", "none.toml"], "none.toml", id="no_file"),
        pytest.param(["train", *ENV, "--config", "bad.toml"], "bad.toml", id="broken_file"),
        pytest.param(["train", *ENV, "--config", "typo.toml"], "'stpes'", id="typo_in_file"),
        pytest.param(["train", *ENV, "--config", "dqn.toml"], "section", id="no_section"),
        pytest.param(["train", *ENV, "--config", "kind.toml"], "--seed", id="type_in_file"),
        pytest.param(["train", *ENV, "--out", "used"], "not empty", id="used_folder"),
        pytest.param(["train", "--resume", "nowhere"], "holds no run", id="nothing_to_resume"),
        pytest.param(["train", "--resume", "earlier", "--seed", "1"], "seed", id="other_seed"),
        pytest.param(["train", "--resume", "earlier", "--out", "x"], "--out", id="resume_and_out"),
        pytest.param(
            ["train", "--resume", "earlier", "--set", "batch_size=3"],
            "hyper-parameters",
            id="other_hyperparameters",
        ),
        pytest.param(["evaluate"], "RUN_DIR", id="no_run"),
        pytest.param(["evaluate", "nowhere"], "nowhere", id="missing_run"),
        pytest.param(["evaluate", "empty"], "config.toml is missing", id="empty_run"),
        pytest.param(["evaluate", "earlier", "--episodes", "0"], "--episodes", id="no_episodes"),
    ],
)
@pytest.mark.usefixtures("carried", "earlier_run")
def test_bad_usage_is_exit_code_2_and_one_sentence(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "something").touch()
    write(tmp_path / "bad.toml", "steps = ")
    write(tmp_path / "typo.toml", "stpes = 3")
    write(tmp_path / "dqn.toml", "dqn = 3")
    write(tmp_path / "kind.toml", 'seed = "x"')

    code = main(arguments)

    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert said in captured.err
    assert len(captured.err.splitlines()) == 1


def test_failure_is_exit_code_1_and_one_sentence(
    carried: Carried, capsys: pytest.CaptureFixture[str]
) -> None:
    carried.error = CheckpointError(Path("x"), "cannot be read: no reason")

    assert main(["train", *ENV]) == 1

    assert capsys.readouterr().err == "agent-client: checkpoint 'x' cannot be read: no reason\n"


def test_interruption_is_exit_code_130_and_tells_how_to_go_on(
    carried: Carried, capsys: pytest.CaptureFixture[str]
) -> None:
    carried.stopped = StopReason.INTERRUPTED

    assert main(["train", *ENV, "--out", "run"]) == 130

    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 1
    assert "--resume run" in captured.err


@pytest.mark.usefixtures("carried")
def test_report_shows_our_score_beside_the_published_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", *ENV, "--out", "run"]) == 0

    printed = capsys.readouterr().out
    for part in ("495.00 of 500", "50.02 of 200", "1,234", "12.3", "learning_curve.png"):
        assert part in printed


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_help_fits_a_screen(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40
    assert all(len(line) <= 100 for line in lines)


@pytest.mark.parametrize(
    ("arguments", "theirs", "not_theirs"),
    [
        pytest.param([], "double_q", "temperature", id="generic"),
        pytest.param(["--algorithm", "sac"], "initial_temperature", "double_q", id="by_algorithm"),
        pytest.param(["--preset", "pendulum"], "initial_temperature", "double_q", id="by_preset"),
        pytest.param(["--env", "Pendulum-v1"], "initial_temperature", "double_q", id="by_env"),
        pytest.param(["--env", "Acrobot-v1"], "double_q", "temperature", id="by_actions"),
    ],
)
def test_hyperparameters_are_those_of_the_algorithm(
    arguments: list[str], theirs: str, not_theirs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--hyperparameters", *arguments]) == 0

    listed = capsys.readouterr().out
    assert "batch_size " in listed
    assert theirs in listed
    assert not_theirs not in listed


def test_sections_of_both_algorithms_may_share_a_file(carried: Carried, tmp_path: Path) -> None:
    text = "[dqn]\nbatch_size = 8\n[sac]\nbatch_size = 9\ninitial_temperature = 0.5\n"
    file = write(tmp_path / "a.toml", text)

    assert main(["train", *ENV, "--config", file]) == 0
    assert main(["train", "--env", "Pendulum-v1", "--config", file]) == 0

    dqn, sac = carried.runs
    assert (dqn.algorithm, dqn.config.batch_size) == ("dqn", 8)
    assert (sac.algorithm, sac.config.batch_size) == ("sac", 9)


def test_help_and_bad_usage_do_not_wait_for_pytorch(
    run_python: Callable[[str], str],
) -> None:
    loaded = run_python(
        "import sys\n"
        "from agent_client.__main__ import main\n"
        "main(['train', '--help']); main(['train'])\n"
        "print('LOADED', [name for name in ('torch', 'gymnasium') if name in sys.modules])"
    )

    assert "LOADED []" in loaded
