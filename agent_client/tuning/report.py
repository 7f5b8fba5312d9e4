"""What a study has found, for people and for programs: a table, a CSV, a drawing, a TOML file."""

import csv
from dataclasses import replace
from typing import Any, Final

import optuna
import tomli_w
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial, TrialState
from rich.table import Table

from agent_client.runs.folder import RunFolder
from agent_client.runs.settings import RunConfig, run_config_from
from agent_client.tuning.search_space import SearchSpace
from agent_client.tuning.study import StudyFolder, finished

SHOWN: Final = 10
_FEWEST_FOR_IMPORTANCES: Final = 4
_OF_ITS_OWN: Final[dict[str, Any]] = {"server": None, "token_file": None, "tls_ca": None}


def write_report(study: optuna.Study, folder: StudyFolder, space: SearchSpace) -> list[str]:
    """Write what a study has found to its folder.

    Args:
        study: with any number of trials.
        folder: of the study.
        space: what is tried.

    Returns:
        Names of the files that there are now.
    """
    trials = finished(study)
    _write_trials(trials, folder, space)
    written = [folder.trials.name]
    complete = ranked(trials)
    if complete:
        document = run_config_from(RunFolder(folder.trial(complete[0].number)).read_config())
        folder.best.write_bytes(tomli_w.dumps(_as_config(document)).encode())
        written.append(folder.best.name)
    if len(complete) >= _FEWEST_FOR_IMPORTANCES and len({one.value for one in complete}) > 1:
        _draw_importances(study, folder)
        written.append(folder.importances.name)
    return written


def ranked(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that were trained to their end, the best first; the older of equals."""
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    return sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.number))


def trials_table(trials: list[FrozenTrial]) -> Table:
    """Return the best trials as a table for people."""
    best = ranked(trials)
    pruned = len(trials) - len(best)
    table = Table(title=f"the best of {len(trials)} trials, of which {pruned} were pruned")
    table.add_column("trial", justify="right")
    table.add_column("mean return", justify="right", style="bold")
    table.add_column("hyper-parameters", overflow="fold")
    for trial in best[:SHOWN]:
        values = "  ".join(f"{name}={_short(value)}" for name, value in trial.params.items())
        table.add_row(str(trial.number), f"{trial.value:.2f}", values)
    return table


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _as_config(run: RunConfig) -> dict[str, Any]:
    """Return a trial's configuration as one for runs elsewhere: without the study's server."""
    settings = replace(run.settings, tracker="tensorboard", **_OF_ITS_OWN)
    return replace(run, settings=settings).to_toml()


def _write_trials(trials: list[FrozenTrial], folder: StudyFolder, space: SearchSpace) -> None:
    with folder.trials.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["trial", "state", "mean_return", *space])
        for trial in trials:
            complete = trial.state is TrialState.COMPLETE
            value = trial.value if complete else ""
            values = [trial.params.get(name, "") for name in space]
            writer.writerow([trial.number, trial.state.name.lower(), value, *values])


def _draw_importances(study: optuna.Study, folder: StudyFolder) -> None:
    importances = optuna.importance.get_param_importances(study)
    names = list(importances)[::-1]
    figure = Figure(figsize=(8, 1.5 + 0.4 * len(names)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.barh(names, [importances[name] for name in names])
    for place, name in enumerate(names):
        axes.text(importances[name], place, f" {importances[name]:.2f}", va="center")
    axes.set(
        title=f"{study.user_attrs['algorithm'].upper()} on {study.user_attrs['env']}",
        xlabel="share of the variance of the return that it explains",
        xlim=(0.0, 1.1 * max(*importances.values(), 1e-9)),
    )
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(folder.importances, format="png")
