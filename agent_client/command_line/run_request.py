"""What the commands that train share: their options, the run these ask for, how it ended."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console

from agent_client.command_line.exits import INTERRUPTED, complain
from agent_client.command_line.options import (
    config_option,
    file_hyperparameters,
    resume_option,
    settings_from,
    settings_options,
)
from agent_client.run_errors import SettingsError
from agent_client.runs.dqn_presets import GENERIC
from agent_client.runs.folder import RunFolder, default_run_folder
from agent_client.runs.hyperparameters import (
    check_hyperparameters,
    describe_hyperparameters,
    parse_assignments,
)
from agent_client.runs.settings import (
    RunConfig,
    TrainSettings,
    preset_of,
    resolve,
    run_config_from,
)

if TYPE_CHECKING:
    from agent_client.runs.training_run import RunResult

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run that a command was asked for.

    Attributes:
        command: what asks, such as "train".
        run: the complete configuration.
        folder: where its files go.
        resume: whether to go on with what is there.
    """

    command: str
    run: RunConfig
    folder: RunFolder
    resume: bool


def run_options(
    kind: type[TrainSettings], *, without: Collection[str] = ()
) -> Callable[[Command], Command]:
    """Return a decorator that gives a command the settings of a run and all that goes with them."""
    decorators = (
        settings_options(kind, without=without),
        click.option(
            "--set",
            "set",
            multiple=True,
            metavar="NAME=VALUE",
            help="A hyper-parameter; may be repeated.",
        ),
        click.option(
            "--hyperparameters", is_flag=True, help="List those of the algorithm and exit."
        ),
        resume_option,
        config_option,
    )

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def run_asked_for(
    kind: type[TrainSettings], context: click.Context, options: Mapping[str, Any]
) -> RunRequest | None:
    """Return the run that a command's options say; None where they only asked for a list.

    Raises:
        click.MissingParameter, RunRequestError: they say none, or one that cannot be.
    """
    settings_given = dict(options)
    assignments = settings_given.pop("set")
    resume: Path | None = settings_given.pop("resume")
    if settings_given.pop("hyperparameters"):
        click.echo(describe_hyperparameters(_algorithm_asked_for(settings_given)))
        return None
    settings = settings_from(kind, context, settings_given)
    algorithm = preset_of(settings).algorithm
    of_files = check_hyperparameters(algorithm, file_hyperparameters(context, algorithm))
    run = resolve(settings, of_files | parse_assignments(algorithm, assignments))
    if resume is None:
        seed, now = settings.seed, datetime.now().astimezone()
        folder = RunFolder(settings.out or default_run_folder(settings.env, seed, now))
        folder.require_unused()
    else:
        folder = RunFolder(resume)
        _require_same_run(run, run_config_from(folder.read_config()))
    command = context.info_name or ""
    return RunRequest(command=command, run=run, folder=folder, resume=resume is not None)


def report(request: RunRequest, result: "RunResult", console: Console) -> int:
    """Tell how a run ended; return the exit code."""
    from agent_client.command_line.report import training_report

    if result.evaluation is None:
        where = "its last checkpoint" if request.run.settings.deterministic else "there"
        complain(
            f"interrupted at step {result.progress.step}; "
            f"agent-client {request.command} --resume {request.folder.path} goes on from {where}"
        )
        return INTERRUPTED
    console.print(training_report(result, result.evaluation, request.run.preset, request.folder))
    return 0


def _algorithm_asked_for(options: Mapping[str, Any]) -> str:
    """Return the algorithm of a run, of which not everything has to be said yet."""
    if options["env"] is None and options["preset"] is None:
        return options["algorithm"] or GENERIC.algorithm
    names = ("algorithm", "preset")
    asked = {name: options[name] for name in names}
    return preset_of(TrainSettings(env=options["env"] or "", **asked)).algorithm


def _require_same_run(run: RunConfig, saved: RunConfig) -> None:
    """Refuse to go on with a run as if it had been another one.

    Raises:
        SettingsError: what makes the run what it is has changed, or ``out`` is given.
    """
    if run.settings.out is not None:
        raise SettingsError("--out and --resume exclude each other")
    for name, before, now in (
        ("env", saved.settings.env, run.settings.env),
        ("algorithm", saved.algorithm, run.algorithm),
        ("seed", saved.settings.seed, run.settings.seed),
        ("deterministic", saved.settings.deterministic, run.settings.deterministic),
    ):
        if before != now:
            raise SettingsError(f"the run to resume has {name} {before!r}, not {now!r}")
    if run.config != saved.config:
        raise SettingsError("the run to resume has other hyper-parameters; they cannot change")
