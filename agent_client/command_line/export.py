"""``agent-client export``: the policy of a run as a file for other programs."""

from pathlib import Path

import click

from agent_client.command_line.options import CONTEXT_SETTINGS, config_option, weights_option
from agent_client.runs.folder import RunFolder, Weights
from agent_client.runs.settings import run_config_from


@click.command(context_settings=CONTEXT_SETTINGS)
@click.argument("run_dir", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["torchscript", "onnx"]),
    required=True,
    help="What to write.",
)
@click.option(
    "--observations",
    type=click.IntRange(min=2),
    default=1000,
    show_default=True,
    metavar="N",
    help="Compare at so many.",
)
@weights_option
@config_option
def export(run_dir: Path, out: Path, format_name: str, observations: int, weights: Weights) -> int:
    """Write the greedy policy of a run's weights to OUT, proven to act the same.

    Observations in, actions out, both with a leading batch axis. Needs the extra "export" for ONNX.
    Exit 1, and no file, where it acts otherwise than the run's own policy.
    Each option is also AGENT_CLIENT_<OPTION> in the environment and a key of --config's file.
    """
    from agent_client.exporting import export as carry_out
    from agent_client.exporting import visited_observations
    from agent_client.run_errors import SettingsError
    from agent_client.runs.saved_policy import load_policy

    folder = RunFolder(run_dir)
    run = run_config_from(folder.read_config())
    saved = load_policy(run, folder, run.settings.seed, weights=weights)
    compared = visited_observations(
        saved.environment, saved.policy, observations, run.settings.seed
    )
    about = {"environment": run.settings.env, "algorithm": run.algorithm, "weights": weights}
    try:
        carry_out(saved.policy, saved.exportable, compared, out, format_name, about)
    except OSError as error:
        raise SettingsError(f"{str(out)!r} cannot be written: {error.strerror}") from error
    click.echo(f"{out}: acts as the run's policy at {len(compared):,} observations")
    return 0
