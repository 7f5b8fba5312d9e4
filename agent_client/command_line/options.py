"""Command-line options out of settings dataclasses, and the files that preset them.

What an option is worth is decided by click: the command line, then the environment, then
``Context.default_map``, which this module fills from ``--config`` and ``--resume``, then the
field's own default.
"""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from agent_client.algorithms import CONFIGS
from agent_client.run_errors import RunFolderError
from agent_client.runs.folder import RunFolder, Weights

Command = TypeVar("Command", bound=Callable[..., Any])
Settings = TypeVar("Settings")

CONTEXT_SETTINGS: Final = {
    "auto_envvar_prefix": "AGENT_CLIENT",
    "max_content_width": 100,
    "help_option_names": ["-h", "--help"],
}
"""Of every command."""

_FILES_KEY: Final = "agent_client.configuration_files"
_ORDER: Final = ("resume", "config")  # the later one wins


def settings_options(
    settings_class: type, *, without: Collection[str] = ()
) -> Callable[[Command], Command]:
    """Return a decorator that gives a click command one option per field of a dataclass.

    A field's metadata may hold ``help``, ``choices`` and ``metavar``; its type and default
    are those of the option. That one without a default is missing is noticed by
    ``settings_from``: what only lists things needs none.

    Args:
        settings_class: a dataclass whose fields are str, int, float, bool or Path, or one of
            these or None.
        without: fields that are no options of this command.
    """

    def decorate(command: Command) -> Command:
        hints = typing.get_type_hints(settings_class)
        for setting in reversed(dataclasses.fields(settings_class)):
            if setting.name in without:
                continue
            command = _option(setting, _without_none(hints[setting.name]))(command)
        return command

    return decorate


def settings_from(
    settings_class: Callable[..., Settings], context: click.Context, options: Mapping[str, Any]
) -> Settings:
    """Return the settings that a command's options say.

    Raises:
        click.MissingParameter: one that has no default was not given.
        SettingsError: a value is out of range.
    """
    by_name = {parameter.name: parameter for parameter in context.command.params}
    for setting in dataclasses.fields(settings_class):  # type: ignore[arg-type]  # a dataclass
        if setting.default is dataclasses.MISSING and options[setting.name] is None:
            raise click.MissingParameter(ctx=context, param=by_name[setting.name])
    return settings_class(**options)


def config_option(command: Command) -> Command:
    """Give a command ``--config FILE``, which presets its other options."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=_read_config_file,
        help="TOML file of options and a section [dqn].",
    )(command)


def resume_option(command: Command) -> Command:
    """Give a command ``--resume DIR``, which presets its other options from a run's folder."""
    return click.option(
        "--resume",
        type=click.Path(path_type=Path),
        metavar="DIR",
        is_eager=True,
        callback=_read_resumed_run,
        help="Go on with the run in this folder.",
    )(command)


def weights_option(command: Command) -> Command:
    """Give a command ``--weights``, which of a run's weights it is about."""
    return click.option(
        "--weights",
        type=click.Choice(typing.get_args(Weights)),
        default="best",
        show_default=True,
        help="Those that did best while training, or the last checkpoint's.",
    )(command)


def file_hyperparameters(context: click.Context, algorithm: str) -> dict[str, Any]:
    """Return what the sections of an algorithm in the files say, not checked yet."""
    merged: dict[str, Any] = {}
    for document in _documents(context):
        merged |= document.get(algorithm, {})
    return merged


def _option(setting: "dataclasses.Field[Any]", kind: type) -> Callable[[Command], Command]:
    metadata = setting.metadata
    is_required = setting.default is dataclasses.MISSING
    return click.option(
        f"--{setting.name.replace('_', '-')}",
        setting.name,
        type=_parameter_type(kind, metadata.get("choices", ())),
        default=None if is_required else setting.default,
        is_flag=kind is bool,
        show_default=kind is not bool,
        metavar=metadata.get("metavar"),
        help=metadata["help"] + ("  [required]" if is_required else ""),
    )


def _parameter_type(kind: type, choices: tuple[str, ...]) -> Any:
    if choices:
        return click.Choice(choices)
    return click.Path(path_type=Path) if kind is Path else kind


def _without_none(hint: Any) -> type:
    members = [member for member in typing.get_args(hint) if member is not types.NoneType]
    chosen: type = members[0] if members else hint
    return chosen


def _read_config_file(
    context: click.Context, parameter: click.Parameter, value: Path | None
) -> None:
    if value is None:
        return
    try:
        document = tomllib.loads(value.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise click.BadParameter(
            f"{value} cannot be read: {error}", ctx=context, param=parameter
        ) from error
    _require_known_keys(document, value, context, parameter)
    _preset_options(context, "config", document)


def _read_resumed_run(
    context: click.Context, parameter: click.Parameter, value: Path | None
) -> Path | None:
    if value is not None:
        try:
            _preset_options(context, "resume", RunFolder(value).read_config())
        except RunFolderError as error:
            raise click.BadParameter(str(error), ctx=context, param=parameter) from error
    return value


def _preset_options(context: click.Context, source: str, document: Mapping[str, Any]) -> None:
    context.meta.setdefault(_FILES_KEY, {})[source] = document
    options: dict[str, Any] = {}
    for one in _documents(context):
        options |= {name: value for name, value in one.items() if name not in CONFIGS}
    context.default_map = options


def _documents(context: click.Context) -> list[Mapping[str, Any]]:
    files = context.meta.get(_FILES_KEY, {})
    return [files[source] for source in _ORDER if source in files]


def _require_known_keys(
    document: Mapping[str, Any], path: Path, context: click.Context, parameter: click.Parameter
) -> None:
    """Refuse keys that no command of this program has; a typo must not pass."""
    group = context.find_root().command
    commands = group.commands.values() if isinstance(group, click.Group) else [context.command]
    known = {option.name for command in commands for option in command.params}
    known = (known - {parameter.name}) | set(CONFIGS)
    for name in document:
        if name not in known:
            raise click.BadParameter(
                f"{path} has the key {name!r}, which is no option", ctx=context, param=parameter
            )
    for algorithm in CONFIGS:
        if not isinstance(document.get(algorithm, {}), dict):
            raise click.BadParameter(
                f"{path}: {algorithm} must be a section", ctx=context, param=parameter
            )
