"""What a study tries: the ranges that stand beside the hyper-parameters' own descriptions."""

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agent_client.algorithms import CONFIGS
from agent_client.learning.config import ReplayConfig, Search
from agent_client.run_errors import SettingsError
from agent_client.runs.hyperparameters import parse_assignments

if TYPE_CHECKING:
    import optuna

SearchSpace = Mapping[str, Search]


def search_space(algorithm: str, names: Sequence[str] = ()) -> SearchSpace:
    """Return where to search, by hyper-parameter.

    Args:
        algorithm: whose hyper-parameters.
        names: only these; none means all that have a range to search.

    Raises:
        SettingsError: one of them has none.
    """
    fields = dataclasses.fields(CONFIGS[algorithm])
    known = {
        field.name: field.metadata["search"]
        for field in fields
        if field.metadata["search"] is not None
    }
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
            raise SettingsError(f"{algorithm} has no hyper-parameter {name!r} to tune; {hint}")
    return {name: search for name, search in known.items() if not names or name in names}


def suggest(trial: "optuna.Trial", algorithm: str, space: SearchSpace) -> dict[str, Any]:
    """Return a trial's hyper-parameters, of the types that the configuration has."""
    return parse_assignments(
        algorithm, [f"{name}={_suggested(trial, name, where)}" for name, where in space.items()]
    )


def starting_point(config: ReplayConfig, space: SearchSpace) -> dict[str, Any]:
    """Return what the study begins with: the values of ``config`` that lie in the space."""
    values = {name: _as_suggested(getattr(config, name), where) for name, where in space.items()}
    return {name: value for name, value in values.items() if space[name].holds(value)}


def _suggested(trial: "optuna.Trial", name: str, where: Search) -> Any:
    if where.choices:
        return trial.suggest_categorical(name, where.choices)
    if isinstance(where.low, int) and isinstance(where.high, int):
        return trial.suggest_int(name, where.low, where.high, log=where.log)
    return repr(trial.suggest_float(name, where.low, where.high, log=where.log))


def _as_suggested(value: Any, where: Search) -> Any:
    """Return a value as Optuna knows it: among choices, as the text that --set takes."""
    if not where.choices:
        return value
    parts = value if isinstance(value, tuple) else (value,)
    return ",".join(str(part).lower() for part in parts)
