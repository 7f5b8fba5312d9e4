"""What ``agent-client`` prints when its work is done, as tables for people."""

from pathlib import Path

from rich.table import Table

from agent_client.evaluation import Evaluation
from agent_client.runs.folder import RunFolder
from agent_client.runs.preset import Preset
from agent_client.runs.training_run import RunResult


def training_report(
    result: RunResult, evaluation: Evaluation, preset: Preset, folder: RunFolder
) -> Table:
    """Return the table that ends a training run: our score beside the published one.

    Args:
        result: what came of the run.
        evaluation: its final greedy episodes.
        preset: tells the best possible return and a published score, if any.
        folder: where the run's files lie.
    """
    table = _evaluation_table("training result", evaluation, preset)
    if preset.published is not None:
        published = preset.published
        table.add_row(
            published.source,
            f"{published.mean_return:.2f} of {published.best_return:g}",
        )
    table.add_section()
    table.add_row("environment steps", f"{result.progress.step:,} ({result.stopped.value})")
    table.add_row("learner steps", f"{result.learner_steps:,}")
    table.add_row("seconds in all", f"{result.seconds:.1f}")
    table.add_section()
    for path in (folder.learning_curve, folder.evaluation, folder.metrics, folder.checkpoint):
        table.add_row(path.name, _short(path))
    return table


def evaluation_report(evaluation: Evaluation, preset: Preset) -> Table:
    """Return the table that ends ``agent-client evaluate``."""
    return _evaluation_table("evaluation", evaluation, preset)


def _evaluation_table(title: str, evaluation: Evaluation, preset: Preset) -> Table:
    best = "" if preset.best_return is None else f" of {preset.best_return:g}"
    table = Table(title=title, show_header=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold", style="bold")
    table.add_row(
        f"mean return over {len(evaluation.returns)} greedy episodes",
        f"{evaluation.mean_return:.2f}{best}",
    )
    table.add_row("standard deviation", f"{evaluation.std_return:.2f}")
    return table


def _short(path: Path) -> str:
    """Return the path as seen from the working directory, where it lies below that."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
