"""What a training run is told: the only list of options, their defaults and their meaning.

``TrainSettings`` is what a person asks for; ``resolve`` fills it up from a preset into a
``RunConfig``, in which nothing is left open and which a run's ``config.toml`` keeps whole.
The command line (``agent_client.__main__``) is derived from these fields.
"""

import dataclasses
import difflib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agent_client.dqn.config import DQNConfig
from agent_client.reporting.trackers import TRACKERS
from agent_client.run_errors import SettingsError
from agent_client.runs.presets import PRESETS, Preset, preset_for

ALGORITHMS: Final = ("dqn",)
SEED_LIMIT: Final = 2**32


def _setting(
    default: Any,
    help_text: str,
    *,
    choices: Sequence[str] = (),
    metavar: str | None = None,
) -> Any:
    metadata = {
        "help": help_text,
        "choices": tuple(choices),
        "metavar": metavar,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """Options of ``agent-client train``; None stands for "as the preset says" or "none".

    Each field is an option (``keep_table`` is ``--keep-table``), an environment variable
    (``AGENT_CLIENT_KEEP_TABLE``) and a key of the configuration file.
    """

    env: str = _setting(dataclasses.MISSING, "Gymnasium environment with discrete actions.")
    server: str | None = _setting(
        None, "Replay server to use.  [default: starts one and stops it]", metavar="URL"
    )
    token_file: Path | None = _setting(
        None, "File that holds a token.  [default: $REPLAY_TOKEN]", metavar="FILE"
    )
    tls_ca: Path | None = _setting(
        None, "PEM file of whom to trust for https.  [default: the system's]", metavar="FILE"
    )
    table: str | None = _setting(
        None, "Table to fill, kept after.  [default: one of its own, dropped]", metavar="NAME"
    )
    keep_table: bool = _setting(False, "Leave the run's own table on the server.")
    patience: int = _setting(300, "Seconds that the server may be away.", metavar="S")
    algorithm: str = _setting("dqn", "What learns.", choices=ALGORITHMS)
    preset: str | None = _setting(
        None, "Set of defaults.  [default: by environment]", choices=tuple(PRESETS)
    )
    steps: int | None = _setting(None, "Environment steps at most.  [default: preset]", metavar="N")
    stop_return: float | None = _setting(
        None, "Mean return to stop at; inf: never.  [default: preset]", metavar="R"
    )
    evaluation_period: int | None = _setting(
        None, "Steps between evaluations.  [default: preset]", metavar="N"
    )
    evaluation_episodes: int = _setting(100, "Greedy episodes at the end.", metavar="N")
    seed: int = _setting(0, "Seed of everything random.", metavar="N")
    out: Path | None = _setting(None, "Run folder.  [default: runs/ENV-seedN-TIME]", metavar="DIR")
    tracker: str = _setting("tensorboard", "Who else gets the metrics.", choices=tuple(TRACKERS))

    def __post_init__(self) -> None:
        """Refuse numbers out of range; the names are checked where they are used."""
        for name in ("steps", "evaluation_period", "evaluation_episodes", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingsError(f"{name} must be at least 1, not {value}")
        if not 0 <= self.seed < SEED_LIMIT:
            raise SettingsError(f"seed must be at least 0 and below 2**32, not {self.seed}")


@dataclass(frozen=True, slots=True)
class RunConfig:
    """A training run with nothing left open.

    Attributes:
        settings: as asked for.
        preset: where the rest comes from.
        steps: environment steps at most.
        evaluation_period: environment steps between greedy evaluations.
        stop_return: mean return that ends the training once confirmed; None for never.
        dqn: hyper-parameters after all overrides.
    """

    settings: TrainSettings
    preset: Preset
    steps: int
    evaluation_period: int
    stop_return: float | None
    dqn: DQNConfig

    def to_toml(self) -> dict[str, Any]:
        """Return the document of ``config.toml``, which ``--config`` takes to repeat the run.

        The run folder is left out, since the repetition needs one of its own.
        """
        settings = dataclasses.asdict(self.settings) | {
            "preset": self.preset.name,
            "steps": self.steps,
            "evaluation_period": self.evaluation_period,
            "stop_return": self.stop_return,
            "out": None,
        }
        hyperparameters = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self.dqn).items()
        }
        document = {
            name: str(value) if isinstance(value, Path) else value
            for name, value in settings.items()
            if value is not None
        }
        return {**document, "dqn": hyperparameters}


def resolve(settings: TrainSettings, hyperparameters: Mapping[str, Any]) -> RunConfig:
    """Fill up what was left open from the preset.

    Args:
        settings: what was asked for.
        hyperparameters: fields of ``DQNConfig`` that override the preset's, already checked
            by ``check_hyperparameters`` or ``parse_assignments``.

    Raises:
        SettingsError: the hyper-parameters do not go together.
    """
    preset = PRESETS[settings.preset] if settings.preset else preset_for(settings.env)
    try:
        dqn = dataclasses.replace(preset.dqn, **hyperparameters)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return RunConfig(
        settings=settings,
        preset=preset,
        steps=preset.steps if settings.steps is None else settings.steps,
        evaluation_period=settings.evaluation_period or preset.evaluation_period,
        stop_return=preset.stop_return if settings.stop_return is None else settings.stop_return,
        dqn=dqn,
    )


def run_config_from(document: Mapping[str, Any]) -> RunConfig:
    """Return the configuration that a run's ``config.toml`` holds.

    Raises:
        SettingsError: it holds keys that are no settings, or values of the wrong type.
    """
    values = dict(document)
    hyperparameters = check_hyperparameters(values.pop("dqn", {}))
    known = {setting.name for setting in dataclasses.fields(TrainSettings)}
    for name in values:
        if name not in known:
            raise SettingsError(f"there is no setting {name!r}")
    if "env" not in values:
        raise SettingsError("the setting 'env' is missing")
    return resolve(TrainSettings(**values), hyperparameters)


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """Return hyper-parameters from texts such as ``learning_rate=1e-3``; the last one wins.

    Raises:
        SettingsError: no ``=``, no such hyper-parameter, or a value of the wrong type.
    """
    parsed = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise SettingsError(f"{assignment!r} is not of the form NAME=VALUE")
        parsed[name.strip()] = _parse(name.strip(), text.strip())
    return parsed


def check_hyperparameters(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return hyper-parameters from the ``[dqn]`` section of a TOML file, types checked.

    Raises:
        SettingsError: no such hyper-parameter, or a value of the wrong type.
    """
    return {name: _check(name, value) for name, value in table.items()}


def _type_of(name: str) -> Any:
    types = typing.get_type_hints(DQNConfig)
    names = [known.name for known in dataclasses.fields(DQNConfig)]
    if name in names:
        return types[name]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
    raise SettingsError(f"there is no hyper-parameter {name!r}; {hint}")


def _parse(name: str, text: str) -> Any:
    kind = _type_of(name)
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        if kind in (int, float):
            return kind(text)
        return tuple(int(part) for part in text.split(",") if part)
    except (ValueError, KeyError) as error:
        raise _wrong_type(name, text) from error


def _check(name: str, value: object) -> Any:
    kind = _type_of(name)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind in (bool, int) and type(value) is kind:
        return value
    is_list = isinstance(value, list) and all(type(part) is int for part in value)
    if isinstance(value, list) and is_list and typing.get_origin(kind) is tuple:
        return tuple(value)
    raise _wrong_type(name, value)


def _wrong_type(name: str, value: object) -> SettingsError:
    expected = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
    }.get(_type_of(name), "whole numbers, such as 128,128")
    return SettingsError(f"hyper-parameter {name!r} must be {expected}, not {value!r}")


def describe_hyperparameters() -> str:
    """Return a text with one line per hyper-parameter: name, generic default, meaning."""
    settings = dataclasses.fields(DQNConfig)
    width = max(len(setting.name) for setting in settings)
    return "\n".join(
        f"{setting.name:{width}}  {setting.default!s:>10}  {setting.metadata['help']}"
        for setting in settings
    )
