"""The command `replay-server`: command line, environment and file into settings, and off it goes.

Each option of `ServerSettings` is an environment variable and a key of the file, too. The command
line wins, then the environment, then the file, then the default.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, Final

import click

from replay_server import __version__
from replay_server.settings import ServerSettings

__all__ = ["main"]

_CONFIG_KEY: Final = "replay_server.config"


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit: 0 when all went well, 1 when it failed, 2 for bad usage.

    Whatever goes wrong is told in one sentence on stderr.
    """
    try:
        _cli.main(arguments, prog_name="replay-server", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        click.echo(f"replay-server: {_sentence(error.format_message())}", err=True)
        sys.exit(2 if isinstance(error, click.UsageError) else 1)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    sys.exit(0)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="replay-server")
def _cli() -> None:
    """Experience replay as a service."""


def _read_config(context: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """Put a TOML file's keys behind the environment, and its tables aside.

    Raises:
        UsageError: the file can't be read, or has a key that is no option.
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
    context.meta[_CONFIG_KEY] = tables
    known = {field.name for field in fields(ServerSettings)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise click.UsageError(
            f"--config {path} has the unknown key {unknown[0]!r}; "
            f"known are {', '.join(sorted(known))}"
        )
    context.default_map = values
    return path


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an option for each field of ServerSettings that has a help text."""
    for field in reversed(fields(ServerSettings)):
        if "help" in field.metadata:
            command = _option(field)(command)
    return command


def _option(field: Field[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
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
        metavar="N" if isinstance(kind, range) else None,
        help=field.metadata["help"],
    )


@_cli.command(
    "serve",
    context_settings={"auto_envvar_prefix": "REPLAY_SERVER", "max_content_width": 100},
    epilog="Each option is an environment variable (REPLAY_SERVER_PORT) and a key of --config.",
)
@_options
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    callback=_read_config,
    is_eager=True,
    expose_value=False,
    help="TOML file of options; [tables.NAME] declares a table.",
)
@click.pass_context
def _serve(context: click.Context, /, **options: Any) -> None:
    """Serve tables of experience until SIGTERM or SIGINT."""
    settings = ServerSettings(tables=context.meta.get(_CONFIG_KEY, {}), **options)
    _check(settings)
    from replay_server.durability.errors import DataDirectoryError
    from replay_server.errors import InvalidSpecError
    from replay_server.logs import configure_logging
    from replay_server.memory.errors import ReplayError
    from replay_server.server import serve

    configure_logging(settings.log_level, settings.log_format)
    try:
        serve(settings)
    except DataDirectoryError as error:
        raise click.UsageError(f"can't use --data-dir: {error}") from error
    except OSError as error:
        where = settings.uds or f"{settings.host}:{settings.port}"
        raise click.ClickException(f"can't serve on {where}: {error}") from error
    except InvalidSpecError as error:
        raise click.UsageError(f"a table in --config can't be made: {error}") from error
    except ReplayError as error:
        raise click.UsageError(f"can't start: {error}") from error


def _check(settings: ServerSettings) -> None:
    """Refuse settings that contradict each other, or would let the world in.

    Raises:
        UsageError: they do.
    """
    from replay_server.listening import is_loopback

    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together; give both or neither")
    for option, path in (("--tls-cert", settings.tls_cert), ("--tls-key", settings.tls_key)):
        if path is not None and not path.is_file():
            raise click.UsageError(f"{option} {path} is no file")
    if settings.data_dir is None and settings.durability_kept != "memory":
        raise click.UsageError(
            f"--durability {settings.durability} needs a --data-dir to keep things in"
        )
    if settings.restore is not None and settings.data_dir is None:
        raise click.UsageError("--restore needs the --data-dir that holds the checkpoint")
    if (
        settings.uds is None
        and not settings.allow_unauthenticated
        and not is_loopback(settings.host)
    ):
        raise click.UsageError(
            f"refusing to listen on {settings.host}, which others can reach, without asking who "
            "they are; listen on 127.0.0.1 or --uds, or give --allow-unauthenticated on a "
            "private network"
        )


def _sentence(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    main()
