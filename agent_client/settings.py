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

from agent_client.dqn import DQNConfig
from agent_client.presets import PRESETS, Preset, preset_for
from agent_client.trackers import TRACKERS

ALGORITHMS: Final = ("dqn",)


class SettingsError(ValueError):
    """A setting that cannot be used; the message is one sentence that says which and why."""


def _setting(
    default: Any,  # noqa: ANN401 - a dataclass field
    help_text: str,
    *,
    choices: Sequence[str] = (),
    metavar: str | None = None,
    range_: tuple[float, float | None] | None = None,
) -> Any:  # noqa: ANN401
    metadata = {
        "help": help_text,
        "choices": tuple(choices),
        "metavar": metavar,
        "range": range_,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """Options of ``agent-client train``; None stands for "as the preset says" or "none".

    Each field is an option (``keep_table`` is ``--keep-table``), an environment variable
    (``AGENT_CLIENT_KEEP_TABLE``) and a key of the configuration file.
    """

    env: str = _setting(
        dataclasses.MISSING, "Gymnasium environment with discrete actions.  [required]"
    )
    server: str | None = _setting(
        None, "Replay server to use.  [default: starts one and stops it]", metavar="URL"
    )
    table: str | None = _setting(
        None, "Table to fill, kept after.  [default: one of its own, dropped]", metavar="NAME"
    )
    keep_table: bool = _setting(False, "Leave the run's own table on the server.")
    algorithm: str = _setting("dqn", "What learns.", choices=ALGORITHMS)
    preset: str | None = _setting(
        None, "Set of defaults.  [default: by environment]", choices=tuple(PRESETS)
    )
    steps: int | None = _setting(
        None, "Environment steps at most.  [default: preset]", metavar="N", range_=(1, None)
    )
    stop_return: float | None = _setting(
        None, "Mean return to stop at, if confirmed.  [default: preset]", metavar="R"
    )
    evaluation_period: int | None = _setting(
        None, "Steps between evaluations.  [default: preset]", metavar="N", range_=(1, None)
    )
    evaluation_episodes: int = _setting(
        100, "Greedy episodes at the end.", metavar="N", range_=(1, None)
    )
    seed: int = _setting(0, "Seed of everything random.", metavar="N", range_=(0, 2**32 - 1))
    out: Path | None = _setting(
        None, "Run folder.  [default: runs/ENV-seedN-TIME]", metavar="DIR"
    )
    tracker: str = _setting("tensorboard", "Who else gets the metrics.", choices=tuple(TRACKERS))


@dataclass(frozen=True, slots=True)
class RunConfig:
    """A training run with nothing left open.

    Attributes:
        settings: as asked for, with ``preset``, ``steps``, ``evaluation_period`` and
            ``stop_return`` filled in (the last stays None where the preset has none).
        preset: where the rest comes from.
        dqn: hyper-parameters after all overrides.
    """

    settings: TrainSettings
    preset: Preset
    dqn: DQNConfig

    def to_toml(self) -> dict[str, Any]:
        """Return the document of ``config.toml``, which ``--config`` takes to repeat the run.

        The run folder is left out, since the repetition needs one of its own.
        """
        settings = dataclasses.asdict(self.settings)
        del settings["out"]
        document = {name: value for name, value in settings.items() if value is not None}
        hyperparameters = dataclasses.asdict(self.dqn)
        hyperparameters["hidden_units"] = list(self.dqn.hidden_units)
        return {**document, "dqn": hyperparameters}

    @property
    def required_steps(self) -> int:
        """Environment steps at most."""
        return self.settings.steps if self.settings.steps is not None else self.preset.steps

    @property
    def evaluation_period(self) -> int:
        """Environment steps between greedy evaluations."""
        period = self.settings.evaluation_period
        return period if period is not None else self.preset.evaluation_period


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
    filled = dataclasses.replace(
        settings,
        preset=preset.name,
        steps=preset.steps if settings.steps is None else settings.steps,
        evaluation_period=settings.evaluation_period or preset.evaluation_period,
        stop_return=preset.stop_return if settings.stop_return is None else settings.stop_return,
    )
    return RunConfig(filled, preset, dqn)


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


def _type_of(name: str) -> Any:  # noqa: ANN401 - a type form
    types = typing.get_type_hints(DQNConfig)
    names = [known.name for known in dataclasses.fields(DQNConfig)]
    if name in names:
        return types[name]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
    raise SettingsError(f"there is no hyper-parameter {name!r}; {hint}")


def _parse(name: str, text: str) -> Any:  # noqa: ANN401 - typed by name
    kind = _type_of(name)
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        if kind in (int, float):
            return kind(text)
        return tuple(int(part) for part in text.split(",") if part)
    except (ValueError, KeyError) as error:
        raise _wrong_type(name, text) from error


def _check(name: str, value: object) -> Any:  # noqa: ANN401 - typed by name
    kind = _type_of(name)
    if kind is float and type(value) in (int, float):
        return float(typing.cast(float, value))
    if kind in (bool, int) and type(value) is kind:
        return value
    if isinstance(value, list) and typing.get_origin(kind) is tuple:
        if all(type(part) is int for part in value):
            return tuple(value)
    raise _wrong_type(name, value)


def _wrong_type(name: str, value: object) -> SettingsError:
    expected = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
    }.get(_type_of(name), "whole numbers, such as 128,128")
    return SettingsError(f"hyper-parameter {name!r} must be {expected}, not {value!r}")
