"""Several runs of one environment, sorted by what sets them apart, in one drawing.

Runs that differ by their seed alone are repetitions of each other.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from agent_client.reporting.curve_spread import Curve, curve_of, draw_spread
from agent_client.reporting.metrics import read_metrics
from agent_client.run_errors import RunFolderError, SettingsError
from agent_client.runs.folder import RunFolder
from agent_client.runs.settings import RunConfig, run_config_from

NOT_TELLING: Final = frozenset(
    {"seed", "server", "token_file", "tls_ca", "table", "keep_table", "patience", "tracker", "env"}
)
"""Settings that make no other kind of run, or are the same for all runs that are compared."""


def draw_comparison(folders: Sequence[RunFolder], path: Path, returns: str) -> dict[str, int]:
    """Draw the runs' learning curves to a PNG.

    Args:
        folders: of runs of one environment; at least one.
        path: of the PNG.
        returns: "evaluation" or "training": which returns to draw.

    Returns:
        What sets each kind of run apart, and how many runs of the kind there are.

    Raises:
        RunFolderError: a folder holds no run, or none that has got anywhere.
        SettingsError: they are of several environments.
    """
    runs = [run_config_from(folder.read_config()) for folder in folders]
    environments = sorted({run.settings.env for run in runs})
    if len(environments) > 1:
        raise SettingsError(f"these are runs of several environments: {', '.join(environments)}")
    kinds: dict[str, list[Curve]] = {}
    for folder, name in zip(folders, _names(runs), strict=True):
        kinds.setdefault(name, []).append(_curve(folder, returns))
    draw_spread(
        kinds,
        path,
        title=environments[0],
        ylabel=f"return, {returns}",
        solved_return=runs[0].preset.solved_return,
    )
    return {name: len(curves) for name, curves in kinds.items()}


def _curve(folder: RunFolder, returns: str) -> Curve:
    try:
        curve = curve_of(read_metrics(folder.metrics), returns)
    except FileNotFoundError as error:
        raise RunFolderError(folder.path, "holds no metrics.csv") from error
    if not len(curve.steps):
        raise RunFolderError(folder.path, f"has no returns of {returns} yet")
    return curve


def _names(runs: Sequence[RunConfig]) -> list[str]:
    """Return for each run its algorithm and the settings in which not all runs agree."""
    documents = [_flat(run.to_toml()) for run in runs]
    keys = sorted({key for document in documents for key in document} - {"algorithm"})
    telling = [key for key in keys if len({str(one.get(key)) for one in documents}) > 1]
    return [
        " ".join(
            [one["algorithm"].upper(), *(f"{key}={one.get(key, 'default')}" for key in telling)]
        )
        for one in documents
    ]


def _flat(document: dict[str, Any]) -> dict[str, Any]:
    """Return settings and hyper-parameters side by side, without those that tell nothing."""
    flat: dict[str, Any] = {}
    for key, value in document.items():
        flat |= value if isinstance(value, dict) else {key: value}
    return {key: value for key, value in flat.items() if key not in NOT_TELLING}
