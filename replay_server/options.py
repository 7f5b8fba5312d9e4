"""Options of the commands, made of the fields of settings; what stands in a file of them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, Final

import click

__all__ = [
    "CONFIG_HELP",
    "IN_CONTEXT",
    "config_option",
    "declared_tables",
    "epilog",
    "field_options",
]

IN_CONTEXT: Final = {"auto_envvar_prefix": "REPLAY_SERVER", "max_content_width": 100}
CONFIG_HELP: Final = "TOML file of options."
_TABLES_KEY: Final = "replay_server.tables"

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def epilog(example: str) -> str:
    """Return what the help of a command ends with; `example` is one of its variables."""
    return (
        f"Each option is an environment variable (REPLAY_SERVER_{example}) and a key of --config."
    )


def field_options(settings: type) -> Decorator:
    """Give a command an option for each field of a settings class that has a help text."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for field in reversed(fields(settings)):
            if "help" in field.metadata:
                command = _option(field)(command)
        return command

    return decorate


def config_option(help_text: str) -> Decorator:
    """Give a command `--config`, a file of options for this command and the others."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        callback=_read_config,
        is_eager=True,
        expose_value=False,
        help=help_text,
    )


def declared_tables(context: click.Context) -> dict[str, Any]:
    """Return the tables that the file of `--config` declares: NAME -> spec."""
    tables: dict[str, Any] = context.meta.get(_TABLES_KEY, {})
    return tables


def _option(field: Field[Any]) -> Decorator:
    kind, default = field.metadata["kind"], field.default
    types: dict[type, Any] = {
        range: lambda: click.IntRange(kind[0], kind[-1] if len(kind) < 1 << 20 else None),
        tuple: lambda: click.Choice(kind),
        type: lambda: click.Path(path_type=Path, dir_okay=False),
        str: lambda: click.Path(path_type=Path, file_okay=False),
    }
    is_flag = isinstance(default, bool)
    return click.option(
        f"--{field.name.replace('_', '-')}",
        default=default,
        is_flag=is_flag,
        type=None if kind is None else types[type(kind)](),
        show_default=default is not None and not is_flag,
        metavar=field.metadata.get("metavar") or ("N" if isinstance(kind, range) else None),
        help=field.metadata["help"],
    )


def _read_config(context: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """Put a TOML file's keys behind the environment, and its tables aside.

    Raises:
        UsageError: the file can't be read, or has a key that is no option of any command.
    """
    if path is None:
        return None
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise click.UsageError(f"--config {path} can't be read: {error}") from error
    tables = values.pop("tables", {})
    if not (isinstance(tables, dict) and all(isinstance(spec, dict) for spec in tables.values())):
        raise click.UsageError(f"--config {path}: expected tables to be declared as [tables.NAME]")
    context.meta[_TABLES_KEY] = tables
    known = _known_keys(context)
    unknown = sorted(key for key in values if key not in known or isinstance(values[key], dict))
    if unknown:
        raise click.UsageError(
            f"--config {path} has the unknown key {unknown[0]!r}; "
            f"known are {', '.join(sorted(known))}"
        )
    context.default_map = values
    return path


def _known_keys(context: click.Context) -> set[str]:
    """Return the names of all options of all commands, so that they can share a file."""
    group = context.find_root().command
    commands = group.commands.values() if isinstance(group, click.Group) else [context.command]
    return {
        option.name
        for command in commands
        for option in command.params
        if isinstance(option, click.Option) and option.name and option.expose_value
    }
