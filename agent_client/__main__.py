"""The command line of the agent: ``agent-client train``, ``evaluate`` and those beside them.

Bad usage ends with exit code 2, a failure with 1, an interruption with 130; each says why in
one sentence on standard error.
"""

import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from agent_client.command_line.export import export
from agent_client.command_line.options import (
    CONTEXT_SETTINGS,
    config_option,
    file_hyperparameters,
    resume_option,
    settings_from,
    settings_options,
)
from agent_client.command_line.plot import plot
from agent_client.command_line.record import record
from agent_client.errors import ReplayClientError
from agent_client.run_errors import RunError, RunRequestError, SettingsError
from agent_client.runs.folder import RunFolder, default_run_folder
from agent_client.runs.hyperparameters import (
    check_hyperparameters,
    describe_hyperparameters,
    parse_assignments,
)
from agent_client.runs.presets import GENERIC
from agent_client.runs.settings import (
    RunConfig,
    TrainSettings,
    preset_of,
    resolve,
    run_config_from,
)

BAD_USAGE: Final = 2
FAILED: Final = 1
INTERRUPTED: Final = 130


@click.group(
    no_args_is_help=False,
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="replay-server")
def cli() -> None:
    """Train and evaluate agents that keep their experience on a replay server."""


@cli.command(context_settings=CONTEXT_SETTINGS)
@settings_options(TrainSettings)
@click.option(
    "--set",
    "set",
    multiple=True,
    metavar="NAME=VALUE",
    help="A hyper-parameter; may be repeated.",
)
@click.option(
    "--hyperparameters",
    is_flag=True,
    help="List those of the algorithm and exit.",
)
@resume_option
@config_option
@click.pass_context
def train(
    context: click.Context, /, resume: Path | None, hyperparameters: bool, **options: Any
) -> int:
    """Train an agent; without --server, on a replay server of its own.

    Each option is also AGENT_CLIENT_<OPTION> in the environment and a key of --config's file.
    """
    assignments = options.pop("set")
    if hyperparameters:
        click.echo(describe_hyperparameters(_algorithm_asked_for(options)))
        return 0
    settings = settings_from(TrainSettings, context, options)
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

    # Imported here: PyTorch takes seconds to load, and bad usage need not wait for that.
    from agent_client.command_line.report import training_report
    from agent_client.runs.training_run import train as carry_out

    console = Console()
    result = carry_out(run, folder, resume=resume is not None, console=console)
    if result.evaluation is None:
        _complain(
            f"interrupted at step {result.progress.step}; "
            f"agent-client train --resume {folder.path} goes on from there"
        )
        return INTERRUPTED
    console.print(training_report(result, result.evaluation, run.preset, folder))
    return 0


@cli.command(context_settings=CONTEXT_SETTINGS)
@click.argument("run_dir", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--episodes",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    help="Greedy episodes to play.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), metavar="N", help="Of the episodes.  [default: the run's]"
)
@click.option("--json", is_flag=True, help="Print evaluation.json instead of a table.")
@config_option
def evaluate(run_dir: Path, episodes: int, seed: int | None, *, json: bool) -> int:
    """Play greedy episodes with the best weights of a run; writes its evaluation.json.

    Each option is also AGENT_CLIENT_<OPTION> in the environment and a key of --config's file.
    """
    from agent_client.command_line.report import evaluation_report
    from agent_client.runs.training_run import evaluate_run

    folder = RunFolder(run_dir)
    run = run_config_from(folder.read_config())
    seed = run.settings.seed if seed is None else seed
    evaluation = evaluate_run(run, folder, episodes, seed)
    if json:
        click.echo(evaluation.to_json(), nl=False)
    else:
        Console().print(evaluation_report(evaluation, run.preset))
    return 0


for command in (record, plot, export):
    cli.add_command(command)


def _algorithm_asked_for(options: Mapping[str, Any]) -> str:
    """Return the algorithm of a run, of which not everything has to be said yet."""
    if options["env"] is None and options["preset"] is None:
        return options["algorithm"] or GENERIC.algorithm
    return preset_of(TrainSettings(**{**options, "env": options["env"] or ""})).algorithm


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
    ):
        if before != now:
            raise SettingsError(f"the run to resume has {name} {before!r}, not {now!r}")
    if run.config != saved.config:
        raise SettingsError("the run to resume has other hyper-parameters; they cannot change")


def _complain(sentence: str) -> None:
    click.echo(f"agent-client: {sentence}", err=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: without the program's name; those of the process by default.
    """
    # Whoever retries says so in the log; whoever gives up says so in an error, which we show.
    logging.getLogger("stamina").setLevel(logging.ERROR)
    try:
        code = cli.main(arguments, prog_name="agent-client", standalone_mode=False)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" ({context.command_path} --help tells more)" if context is not None else ""
        _complain(f"{' '.join(error.format_message().split())}{hint}")
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _complain("interrupted")
        return INTERRUPTED
    except RunRequestError as error:
        _complain(str(error))
        return BAD_USAGE
    except (RunError, ReplayClientError) as error:
        _complain(str(error))
        return FAILED
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
