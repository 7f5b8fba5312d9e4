"""What a training run is told: the only list of options, their defaults and their meaning.

``TrainSettings`` is what a person asks for; ``resolve`` fills it up from a preset into a
``RunConfig``, in which nothing is left open and which a run's ``config.toml`` keeps whole.
The command line (``agent_client.command_line``) is derived from these fields.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agent_client.algorithms import CONFIGS, algorithm_for
from agent_client.learning.config import ReplayConfig
from agent_client.reporting.trackers import TRACKERS
from agent_client.run_errors import SettingsError
from agent_client.runs.hyperparameters import check_hyperparameters
from agent_client.runs.preset import Preset
from agent_client.runs.presets import GENERIC_PRESETS, PRESETS, preset_for

SEED_LIMIT: Final = 2**32
_COUNTS: Final = (
    "steps", "environments", "evaluation_period", "evaluation_episodes", "patience",
)  # fmt: skip


def setting(
    default: Any,
    help_text: str,
    *,
    choices: Sequence[str] = (),
    metavar: str | None = None,
) -> Any:
    """Return a dataclass field for an option: its default, its help, what it may be."""
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

    env: str = setting(dataclasses.MISSING, "Gymnasium environment, as ID or ID?NAME=VALUE&...")
    server: str | None = setting(
        None, "Replay server to use.  [default: starts one and stops it]", metavar="URL"
    )
    token_file: Path | None = setting(
        None, "File that holds a token.  [default: $REPLAY_TOKEN]", metavar="FILE"
    )
    tls_ca: Path | None = setting(
        None, "PEM file of whom to trust for https.  [default: the system's]", metavar="FILE"
    )
    table: str | None = setting(
        None, "Table to fill, kept after.  [default: one of its own, dropped]", metavar="NAME"
    )
    keep_table: bool = setting(False, "Leave the run's own table on the server.")
    patience: int = setting(300, "Seconds that the server may be away.", metavar="S")
    algorithm: str | None = setting(
        None, "What learns.  [default: what suits the environment]", choices=tuple(CONFIGS)
    )
    preset: str | None = setting(
        None,
        "Set of defaults; a wrong NAME lists them.  [default: by environment]",
        choices=tuple(PRESETS),
        metavar="NAME",
    )
    steps: int | None = setting(None, "Environment steps at most.  [default: preset]", metavar="N")
    stop_return: float | None = setting(
        None, "Mean return to stop at; inf: never.  [default: preset]", metavar="R"
    )
    evaluation_period: int | None = setting(
        None, "Steps between evaluations.  [default: preset]", metavar="N"
    )
    evaluation_episodes: int = setting(100, "Greedy episodes at the end.", metavar="N")
    environments: int = setting(1, "Environments that act in step.", metavar="N")
    environment_processes: bool = setting(False, "Each of them in a process of its own.")
    deterministic: bool = setting(False, "Repeat exactly, by seed and over --resume.")
    seed: int = setting(0, "Seed of everything random.", metavar="N")
    out: Path | None = setting(None, "Run folder.  [default: runs/ENV-seedN-TIME]", metavar="DIR")
    tracker: str = setting(
        "tensorboard",
        f"Who else gets the metrics: {', '.join(TRACKERS)}.",
        choices=tuple(TRACKERS),
        metavar="NAME",
    )

    def __post_init__(self) -> None:
        """Refuse numbers out of range; the names are checked where they are used."""
        for name in _COUNTS:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingsError(f"{name} must be at least 1, not {value}")
        if self.deterministic and self.environments > 1:
            raise SettingsError(
                "--deterministic goes on from the ends of episodes, and several environments "
                "have none in common: environments must be 1"
            )
        if not 0 <= self.seed < SEED_LIMIT:
            raise SettingsError(f"seed must be at least 0 and below 2**32, not {self.seed}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnSettings(TrainSettings):
    """Options of ``agent-client learn``: those of ``train``, and how it works with its actors."""

    server: str | None = setting(
        dataclasses.MISSING, "Replay server that the actors insert to.", metavar="URL"
    )
    table: str | None = setting(
        None, "Table to fill, kept after.  [default: ENV-ALGORITHM, dropped]", metavar="NAME"
    )
    samples_per_insert: float | None = setting(
        None, "Draws per step inserted, held by the server.  [default: as train]", metavar="R"
    )
    publish_period: int = setting(20, "Gradient steps between new weights.", metavar="N")

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        TrainSettings.__post_init__(self)  # the short form of super does not know slotted classes
        if self.publish_period < 1:
            raise SettingsError(f"publish_period must be at least 1, not {self.publish_period}")
        ratio = self.samples_per_insert
        if ratio is not None and not 0.0 < ratio < float("inf"):
            raise SettingsError(f"samples_per_insert must be positive and finite, not {ratio}")


@dataclass(frozen=True, slots=True)
class RunConfig:
    """A training run with nothing left open.

    Attributes:
        settings: as asked for.
        preset: where the rest comes from.
        steps: environment steps at most.
        evaluation_period: environment steps between greedy evaluations.
        stop_return: mean return that ends the training once confirmed; None for never.
        config: the algorithm's hyper-parameters after all overrides.
    """

    settings: TrainSettings
    preset: Preset
    steps: int
    evaluation_period: int
    stop_return: float | None
    config: ReplayConfig

    @property
    def algorithm(self) -> str:
        """Name of the algorithm."""
        return self.config.algorithm

    def to_toml(self) -> dict[str, Any]:
        """Return the document of ``config.toml``, which ``--config`` takes to repeat the run.

        The run folder is left out, since the repetition needs one of its own.
        """
        settings = dataclasses.asdict(self.settings) | {
            "algorithm": self.algorithm,
            "preset": self.preset.name,
            "steps": self.steps,
            "evaluation_period": self.evaluation_period,
            "stop_return": self.stop_return,
            "out": None,
        }
        hyperparameters = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self.config).items()
        }
        document = {
            name: str(value) if isinstance(value, Path) else value
            for name, value in settings.items()
            if value is not None
        }
        return {**document, self.algorithm: hyperparameters}


def preset_of(settings: TrainSettings) -> Preset:
    """Return where what was left open comes from; it settles the algorithm, too.

    Raises:
        SettingsError: a preset of another algorithm was named, or the environment's name is none.
        UnsuitableEnvironmentError: nothing said which algorithm, and the environment can't be made
            to see what suits its actions.
    """
    if settings.preset is None:
        try:
            made_for_it = preset_for(settings.env, settings.algorithm)
        except ValueError as error:
            raise SettingsError(f"env {settings.env!r} cannot be read: {error}") from error
        algorithm = settings.algorithm
        return made_for_it or GENERIC_PRESETS[algorithm or algorithm_for(settings.env)]
    preset = PRESETS[settings.preset]
    if settings.algorithm not in (None, preset.algorithm):
        raise SettingsError(
            f"preset {preset.name!r} is one of {preset.algorithm}, not of {settings.algorithm}"
        )
    return preset


def resolve(settings: TrainSettings, hyperparameters: Mapping[str, Any]) -> RunConfig:
    """Fill up what was left open from the preset.

    Args:
        settings: what was asked for.
        hyperparameters: those that override the preset's, already checked by
            ``check_hyperparameters`` or ``parse_assignments``.

    Raises:
        SettingsError: the hyper-parameters do not go together, or preset and algorithm don't.
    """
    preset = preset_of(settings)
    try:
        config = dataclasses.replace(preset.config, **hyperparameters)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return RunConfig(
        settings=settings,
        preset=preset,
        steps=preset.steps if settings.steps is None else settings.steps,
        evaluation_period=settings.evaluation_period or preset.evaluation_period,
        stop_return=preset.stop_return if settings.stop_return is None else settings.stop_return,
        config=config,
    )


def run_config_from(document: Mapping[str, Any]) -> RunConfig:
    """Return the configuration that a run's ``config.toml`` holds.

    Raises:
        SettingsError: it holds keys that are no settings, or values of the wrong type.
    """
    values = {name: value for name, value in document.items() if name not in CONFIGS}
    kind = LearnSettings if "publish_period" in values else TrainSettings
    known = {one.name for one in dataclasses.fields(kind)}
    for name in values:
        if name not in known:
            raise SettingsError(f"there is no setting {name!r}")
    if "env" not in values:
        raise SettingsError("the setting 'env' is missing")
    settings = kind(**values)
    algorithm = preset_of(settings).algorithm
    hyperparameters = check_hyperparameters(algorithm, document.get(algorithm, {}))
    return resolve(settings, hyperparameters)
