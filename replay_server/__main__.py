"""The command `replay-server`: command line, environment and file into settings, and off it goes.

Each option is an environment variable and a key of the file, too. The command line wins, then the
environment, then the file, then the default.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from replay_server import __version__, client_commands, dataset_commands
from replay_server.cluster_command import cluster
from replay_server.options import (
    CONFIG_HELP,
    IN_CONTEXT,
    config_option,
    declared_tables,
    epilog,
    field_options,
)
from replay_server.settings import ServerSettings
from replay_server.token_file import TokenFileError, add_token, read_tokens
from replay_wire.roles import Role

__all__ = ["main"]


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


@_cli.command("serve", context_settings=IN_CONTEXT, epilog=epilog("PORT"))
@field_options(ServerSettings)
@config_option("TOML file of options; [tables.NAME] declares a table.")
@click.pass_context
def _serve(context: click.Context, /, **options: Any) -> None:
    """Serve tables of experience until SIGTERM or SIGINT."""
    settings = ServerSettings(tables=declared_tables(context), **options)
    _check(settings)
    from replay_server.durability.errors import DataDirectoryError
    from replay_server.errors import InvalidSpecError
    from replay_server.logs import configure_logging
    from replay_server.memory.errors import ReplayError
    from replay_server.server import serve
    from replay_server.tls import TlsFilesError

    configure_logging(settings.log_level, settings.log_format)
    try:
        serve(settings)
    except DataDirectoryError as error:
        raise click.UsageError(f"can't use --data-dir: {error}") from error
    except (TokenFileError, TlsFilesError) as error:  # changed since they were checked
        raise click.UsageError(str(error)) from error
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
    from replay_server.tls import TlsFilesError, server_context

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
    try:
        if settings.tls_cert is not None and settings.tls_key is not None:
            server_context(settings.tls_cert, settings.tls_key)
        if settings.tokens is not None:
            read_tokens(settings.tokens)
    except (TlsFilesError, TokenFileError) as error:
        raise click.UsageError(str(error)) from error
    if (
        settings.uds is None
        and settings.tokens is None
        and not settings.allow_unauthenticated
        and not is_loopback(settings.host)
    ):
        raise click.UsageError(
            f"refusing to listen on {settings.host}, which others can reach, without asking who "
            "they are; give --tokens, listen on 127.0.0.1 or --uds, or give "
            "--allow-unauthenticated on a private network"
        )


@_cli.command("token", context_settings=IN_CONTEXT, epilog=epilog("TOKENS"))
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    required=True,
    help="What the token may: see the docs.",
)
@click.option("--name", required=True, help="Whose it is; unique in the file.")
@click.option(
    "--tokens",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File to add its hash to; made (mode 0600) where there is none.",
)
@config_option(CONFIG_HELP)
def _token(role: str, name: str, tokens: Path) -> None:
    """Make a token and print it, this once: the file keeps its hash only.

    A server that runs with the file reads it again on SIGHUP. A token whose line is gone is void.
    """
    try:
        click.echo(add_token(tokens, name, Role(role)))
    except TokenFileError as error:
        raise click.UsageError(str(error)) from error
    if sys.stdout.isatty():  # a person reads it, no script
        click.echo(
            f"{name} is in {tokens} as {role}. Keep the line above: it is shown this once. "
            "A server that runs with the file takes it after a SIGHUP.",
            err=True,
        )


for _command in (*client_commands.COMMANDS, *dataset_commands.COMMANDS, cluster):
    _cli.add_command(_command)


def _sentence(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    main()
