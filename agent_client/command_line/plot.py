"""``agent-client plot``: learning curves of several runs, with their spread, in one drawing."""

from pathlib import Path

import click

from agent_client.command_line.options import CONTEXT_SETTINGS, config_option
from agent_client.runs.folder import RunFolder


@click.command(context_settings=CONTEXT_SETTINGS)
@click.argument(
    "run_dirs",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    nargs=-1,
    required=True,
    metavar="RUN_DIR...",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("learning_curve.png"),
    show_default=True,
    metavar="FILE",
    help="PNG to write.",
)
@click.option(
    "--returns",
    type=click.Choice(["evaluation", "training"]),
    default="evaluation",
    show_default=True,
    help="Of greedy evaluations, or of the last 20 training episodes.",
)
@config_option
def plot(run_dirs: tuple[Path, ...], out: Path, returns: str) -> int:
    """Draw the learning curves of several runs of one environment.

    Runs that differ by their seed alone are one curve: their mean, and where it lies with a
    confidence of 95 % (bootstrap over the runs). A run that has ended keeps its last value.
    Each option is also AGENT_CLIENT_<OPTION> in the environment and a key of --config's file.
    """
    from agent_client.runs.comparison import draw_comparison

    names = draw_comparison([RunFolder(path) for path in run_dirs], out, returns)
    for name, count in names.items():
        click.echo(f"{name}: {count} run{'s' if count > 1 else ''}")
    click.echo(str(out))
    return 0
