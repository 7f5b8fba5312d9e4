"""``agent-client tune``: hyper-parameters found by trying them, with Optuna."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from agent_client.command_line.exits import INTERRUPTED, complain
from agent_client.command_line.options import (
    CONTEXT_SETTINGS,
    config_option,
    file_hyperparameters,
    settings_from,
    settings_options,
)
from agent_client.run_errors import MissingExtraError
from agent_client.runs.hyperparameters import check_hyperparameters, parse_assignments
from agent_client.runs.settings import TrainSettings, preset_of, resolve

NOT_OF_A_STUDY = ("out", "table", "keep_table", "tracker", "deterministic")
"""Options of train that each trial settles for itself."""


@click.command(context_settings=CONTEXT_SETTINGS)
@settings_options(TrainSettings, without=NOT_OF_A_STUDY)
@click.option(
    "--set",
    "set",
    multiple=True,
    metavar="NAME=VALUE",
    help="A hyper-parameter for all trials; may be repeated.",
)
@click.option(
    "--tune",
    "tuned",
    multiple=True,
    metavar="NAME",
    help="Try values of this hyper-parameter; may be repeated.  [default: all that have a range]",
)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="Trials in all; those that the study has already count.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Trials at once, each in a process of its own.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Study folder, new or to go on with.  [default: studies/ENV-ALGORITHM]",
)
@click.option("--study", default="study", show_default=True, metavar="NAME", help="In study.db.")
@config_option
@click.pass_context
def tune(
    context: click.Context,
    /,
    *,
    set: tuple[str, ...],
    tuned: tuple[str, ...],
    trials: int,
    jobs: int,
    out: Path | None,
    study: str,
    **options: Any,
) -> int:
    """Train with one choice of hyper-parameters after another, and find the best.

    Trials that lag behind the others are pruned. Ctrl-C keeps the study; the same command goes on
    with it. Leaves trials.csv, importances.png and best.toml, which train --config takes.
    Each option is also AGENT_CLIENT_<OPTION> in the environment and a key of --config's file.
    """
    elsewhere = {"out": None, "table": None, "tracker": "none"}
    further = {"keep_table": False, "deterministic": False}
    settings = settings_from(TrainSettings, context, {**options, **elsewhere, **further})
    algorithm = preset_of(settings).algorithm
    hyperparameters = check_hyperparameters(algorithm, file_hyperparameters(context, algorithm))
    hyperparameters |= parse_assignments(algorithm, set)
    run = resolve(settings, hyperparameters)
    try:
        import optuna  # noqa: F401 - so that its absence is noticed here
    except ImportError as error:
        raise MissingExtraError("agent-client tune", "tune") from error

    from contextlib import ExitStack

    from agent_client.runs.embedded_server import EmbeddedServer
    from agent_client.tuning.report import trials_table, write_report
    from agent_client.tuning.search_space import search_space
    from agent_client.tuning.study import StudyFolder, finished, open_study
    from agent_client.tuning.trial import Tuning
    from agent_client.tuning.workers import work, work_at_once

    space = {
        name: where
        for name, where in search_space(algorithm, tuned).items()
        if name not in hyperparameters
    }
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{settings.env}-{algorithm}")
    folder = StudyFolder(out or Path("studies") / name)
    with folder.to_itself(), ExitStack() as stack:
        opened = open_study(folder, study, run, space)
        try:
            url = settings.server or stack.enter_context(EmbeddedServer()).url
            served = dataclasses.replace(run, settings=dataclasses.replace(settings, server=url))
            tuning = Tuning(folder, study, served, hyperparameters, space, trials)
            if jobs == 1:
                work(tuning)
            else:
                work_at_once(tuning, jobs)
        except KeyboardInterrupt:
            complain(
                f"interrupted; the study in {folder.path} keeps {len(finished(opened))} of "
                f"{trials} trials, and the same command goes on with it"
            )
            return INTERRUPTED
        finally:
            written = write_report(opened, folder, space)
        Console().print(trials_table(finished(opened)))
        click.echo("\n".join(str(folder.path / file) for file in written))
    return 0
