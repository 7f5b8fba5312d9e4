"""The command `replay-server cluster`: starts a cluster on Ray, or changes one that runs."""

from __future__ import annotations

import signal
import threading
from typing import Any, Final

import click

from replay_server.options import CONFIG_HELP, IN_CONTEXT, config_option, epilog, field_options
from replay_server.settings import ClusterSettings

__all__ = ["cluster"]

_LOOK_S: Final = 0.5


@click.command("cluster", context_settings=IN_CONTEXT, epilog=epilog("SHARDS"))
@field_options(ClusterSettings)
@click.option("--grow", type=click.IntRange(1), metavar="N", help="Add shards to one that runs.")
@click.option(
    "--drain", type=click.IntRange(0), metavar="NUMBER", help="Let a shard of it age out."
)
@config_option(CONFIG_HELP)
def cluster(grow: int | None, drain: int | None, **options: Any) -> None:
    """Serve tables over many replay servers on Ray's nodes until SIGTERM or SIGINT.

    With --grow or --drain: change the cluster that runs at --address.
    """
    settings = ClusterSettings(**options)
    _check(settings)
    from replay_server.cluster import launch
    from replay_server.logs import configure_logging

    configure_logging(settings.log_level, settings.log_format)
    try:
        if grow is not None:
            launch.grow(grow, settings.address)
        if drain is not None:
            launch.drain(drain, settings.address)
        if grow is None and drain is None:
            _serve(settings)
    except (launch.RayMissingError, launch.ClusterStartError) as error:
        raise click.ClickException(str(error)) from error


def _serve(settings: ClusterSettings) -> None:
    from replay_server.cluster.launch import launch

    stop = threading.Event()
    token = None
    if settings.token_file is not None:
        token = settings.token_file.read_text(encoding="utf-8").strip()
    running = launch(settings, token)
    for number in (signal.SIGTERM, signal.SIGINT):  # Ray has set its own
        signal.signal(number, lambda *_: stop.set())
    with running:
        click.echo(f"replay-server ready on {running.url}")
        while not stop.is_set():
            running.wait(_LOOK_S)


def _check(settings: ClusterSettings) -> None:
    """Refuse settings that contradict each other.

    Raises:
        UsageError: they do.
    """
    if settings.data_dir is None and settings.durability not in (None, "memory"):
        raise click.UsageError(
            f"--durability {settings.durability} needs a --data-dir to keep things in"
        )
    if (settings.tokens is None) != (settings.token_file is None):
        raise click.UsageError(
            "--tokens, which the shards check, and --token-file, an admin's token of that file for "
            "the gateways, go together; give both or neither"
        )
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together; give both or neither")
    for option in ("token_file", "tls_cert", "tls_key", "tls_ca"):
        path = getattr(settings, option)
        if path is not None and not path.is_file():
            raise click.UsageError(f"--{option.replace('_', '-')} {path} is no file")
