"""``agent-client record``: greedy episodes of a run as a GIF or MP4."""

from pathlib import Path

import click

from agent_client.command_line.options import CONTEXT_SETTINGS, config_option, weights_option
from agent_client.runs.folder import RunFolder, Weights
from agent_client.runs.settings import run_config_from


@click.command(context_settings=CONTEXT_SETTINGS)
@click.argument("run_dir", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Where to write it; .gif or .mp4.",
)
@click.option(
    "--episodes",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Greedy episodes to show.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), metavar="N", help="Of the episodes.  [default: the run's]"
)
@weights_option
@config_option
def record(run_dir: Path, out: Path, episodes: int, seed: int | None, weights: Weights) -> int:
    """Show greedy episodes with the weights of a run as moving pictures.

    They are those that evaluate plays first. MP4 needs the extra "video".
    Each option is also AGENT_CLIENT_<OPTION> in the environment and a key of --config's file.
    """
    from agent_client.evaluation import evaluation_seeds
    from agent_client.recording import RENDER_MODE, writer_for
    from agent_client.recording import record as carry_out
    from agent_client.runs.saved_policy import load_policy
    from agent_client.seeding import EpisodePurpose

    writer_for(out)  # refuse the ending before the work
    folder = RunFolder(run_dir)
    run = run_config_from(folder.read_config())
    seed = run.settings.seed if seed is None else seed
    saved = load_policy(run, folder, seed, weights=weights, render_mode=RENDER_MODE)
    seeds = evaluation_seeds(seed, EpisodePurpose.EVALUATION, episodes)
    recording = carry_out(saved.environment, saved.policy, seeds, out)
    returns = ", ".join(f"{value:g}" for value in recording.returns)
    click.echo(f"{out}: {recording.frames} frames at {recording.fps:g} a second, return {returns}")
    return 0
