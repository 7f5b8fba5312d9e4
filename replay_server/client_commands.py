"""Commands that ask a server, wherever it is: `tables`, `checkpoint`, `doctor`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from replay_server.options import CONFIG_HELP, IN_CONTEXT, config_option, epilog, field_options
from replay_server.remote import Remote, RemoteError
from replay_server.settings import ClientSettings

__all__ = ["COMMANDS", "connected"]

_WATCH_S: Final = 2.0


@click.command("tables", context_settings=IN_CONTEXT, epilog=epilog("SERVER"))
@field_options(ClientSettings)
@click.option(
    "--watch",
    is_flag=False,
    flag_value=_WATCH_S,
    type=click.FloatRange(0.1, 3600),
    metavar="[SECONDS]",
    help=f"Go on showing, with rates and who waits, every so often ({_WATCH_S:g}), until Ctrl-C.",
)
@config_option(CONFIG_HELP)
def _tables(watch: float | None, **options: Any) -> None:
    """Show the tables of a server, their size and use."""
    from replay_server.live_tables import show_live
    from replay_server.table_report import report

    with connected(options) as remote:
        if watch is None:
            click.echo(report(remote.tables()))
        else:
            show_live(remote, watch)


@click.command("checkpoint", context_settings=IN_CONTEXT, epilog=epilog("SERVER"))
@field_options(ClientSettings)
@click.option("--name", help="Name of the checkpoint; one of that name is replaced.")
@click.option("--list", "lists", is_flag=True, help="Write none; show those there are.")
@config_option(CONFIG_HELP)
def _checkpoint(name: str | None, lists: bool, **options: Any) -> None:
    """Have a server write a checkpoint into its data directory, and show what it holds."""
    from replay_server.table_report import checkpoint_line, checkpoint_report

    if lists and name is not None:
        raise click.UsageError("--list writes no checkpoint, so it takes no --name")
    with connected(options) as remote:
        if lists:
            click.echo(checkpoint_report(remote.checkpoints()))
        else:
            click.echo(checkpoint_line(remote.write_checkpoint(name)))


@click.command("doctor", context_settings=IN_CONTEXT, epilog=epilog("SERVER"))
@field_options(ClientSettings)
@click.option(
    "--write", is_flag=True, help="Measure with a table made for it and dropped again (an admin's)."
)
@config_option(CONFIG_HELP)
def _doctor(write: bool, **options: Any) -> None:
    """Tell what is wrong with the way to a server, and what to do; exit 0 if nothing is.

    Looks at address, TLS, token and role, protocol, clock, latency and throughput. It changes
    nothing unless --write is given.
    """
    from replay_server.doctor import diagnose

    all_well = True
    with _bad_usage():
        for finding in diagnose(ClientSettings(**options), may_write=write):
            all_well = all_well and not finding.is_wrong
            click.echo(finding.text())
    sys.exit(0 if all_well else 1)


@contextmanager
def connected(options: dict[str, Any]) -> Iterator[Remote]:
    """Give a server that is somewhere else; what goes wrong with it is told in a sentence.

    Raises:
        UsageError: the options can't be used.
        ClickException: the server can't be reached, or says no.
    """
    try:
        with _bad_usage(), Remote(ClientSettings(**options)) as remote:
            yield remote
    except RemoteError as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def _bad_usage() -> Iterator[None]:
    """Tell of a ValueError as of options that can't be used."""
    try:
        yield
    except ValueError as error:
        raise click.UsageError(str(error)) from error


COMMANDS: Final = (_tables, _checkpoint, _doctor)
