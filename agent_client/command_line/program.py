"""The commands of ``agent-client``: ``train``, ``evaluate`` and those beside them.

Bad usage ends with exit code 2, a failure with 1, an interruption with 130; each says why in
one sentence on standard error.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from agent_client.command_line.distributed import act, learn
from agent_client.command_line.exits import BAD_USAGE, FAILED, INTERRUPTED, complain
from agent_client.command_line.export import export
from agent_client.command_line.options import CONTEXT_SETTINGS, config_option, weights_option
from agent_client.command_line.plot import plot
from agent_client.command_line.record import record
from agent_client.command_line.run_request import report, run_asked_for, run_options
from agent_client.command_line.tune import tune
from agent_client.errors import ReplayClientError
from agent_client.run_errors import RunError, RunRequestError
from agent_client.runs.folder import RunFolder, Weights
from agent_client.runs.settings import TrainSettings, run_config_from


@click.group(
    no_args_is_help=False,
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="replay-server")
def cli() -> None:
    """Train and evaluate agents that keep their experience on a replay server."""


@cli.command(context_settings=CONTEXT_SETTINGS)
@run_options(TrainSettings)
@click.pass_context
def train(context: click.Context, /, **options: Any) -> int:
    """Train an agent; without --server, on a replay server of its own.

    Each option is also AGENT_CLIENT_<OPTION> in the environment and a key of --config's file.
    """
    request = run_asked_for(TrainSettings, context, options)
    if request is None:
        return 0

    # Imported here: PyTorch takes seconds to load, and bad usage need not wait for that.
    from agent_client.runs.training_run import train as carry_out

    console = Console()
    result = carry_out(request.run, request.folder, resume=request.resume, console=console)
    return report(request, result, console)


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
@weights_option
@config_option
def evaluate(
    run_dir: Path, episodes: int, seed: int | None, weights: Weights, *, json: bool
) -> int:
    """Play greedy episodes with the weights of a run; writes its evaluation.json.

    Each option is also AGENT_CLIENT_<OPTION> in the environment and a key of --config's file.
    """
    from agent_client.command_line.report import evaluation_report
    from agent_client.runs.training_run import evaluate_run

    folder = RunFolder(run_dir)
    run = run_config_from(folder.read_config())
    seed = run.settings.seed if seed is None else seed
    evaluation = evaluate_run(run, folder, episodes, seed, weights)
    if json:
        click.echo(evaluation.to_json(), nl=False)
    else:
        Console().print(evaluation_report(evaluation, run.preset))
    return 0


for command in (act, learn, tune, record, plot, export):
    cli.add_command(command)


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
        complain(f"{' '.join(error.format_message().split())}{hint}")
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        complain("interrupted")
        return INTERRUPTED
    except RunRequestError as error:
        complain(str(error))
        return BAD_USAGE
    except (RunError, ReplayClientError) as error:
        complain(str(error))
        return FAILED
    return code if isinstance(code, int) else 0
