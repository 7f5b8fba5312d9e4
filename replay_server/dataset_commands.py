"""Commands that move tables into files and back: `export`, `import`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from replay_server.client_commands import connected
from replay_server.options import CONFIG_HELP, IN_CONTEXT, config_option, epilog, field_options
from replay_server.settings import ClientSettings

__all__ = ["COMMANDS"]

_FORMATS: Final = ("minari", "parquet", "npz")


@click.command("export", context_settings=IN_CONTEXT, epilog=epilog("SERVER"))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--table", required=True, metavar="T", help="Table to export.")
@field_options(ClientSettings)
@click.option(
    "--format",
    type=click.Choice(_FORMATS),
    help="Of OUT.  [default: what its name ends in, .parquet or .npz, else minari]",
)
@config_option(CONFIG_HELP)
def _export(out: Path, table: str, format: str | None, **options: Any) -> None:
    """Write the rows of a table into OUT: a file, or the folder of a Minari data set.

    Interrupted, the same command goes on where it stopped: what it has stands in OUT.partial.
    Minari and Parquet need the extras "minari" and "parquet".
    """
    from replay_server.datasets.exporting import export_table, format_of
    from replay_server.datasets.progress import bar
    from replay_server.datasets.remote_table import RemoteTable

    with _told(), connected(options) as remote:
        rows = export_table(
            RemoteTable(remote, table, _tell), out, format or format_of(out), bar, _tell
        )
        click.echo(f"{out}: {rows:,} rows of {table}")


@click.command("import", context_settings=IN_CONTEXT, epilog=epilog("SERVER"))
@click.argument("source", metavar="IN", type=click.Path(path_type=Path, exists=True))
@click.option("--table", required=True, metavar="T", help="Table to insert into.")
@field_options(ClientSettings)
@click.option(
    "--capacity",
    type=click.IntRange(1),
    metavar="N",
    help="Rows of a table that is made.  [default: that of the table exported, or the rows of IN]",
)
@click.option(
    "--writer", metavar="ID", help="Insert as this writer.  [default: one of the content of IN]"
)
@config_option(CONFIG_HELP)
def _import(
    source: Path, table: str, capacity: int | None, writer: str | None, **options: Any
) -> None:
    """Insert the rows of IN into a table, exactly once, and make the table if it is not there.

    IN is what `export` writes, any Minari data set, or a Parquet or npz file of numbers.
    Interrupted, the same command goes on where it stopped; rows that are in stay in once.
    """
    from replay_server.datasets.importing import import_rows, open_dataset
    from replay_server.datasets.progress import bar
    from replay_server.datasets.remote_table import RemoteTable

    with _told(), connected(options) as remote:
        dataset = open_dataset(source)
        for note in dataset.notes:
            _tell(note)
        remote_table = RemoteTable(remote, table, _tell)
        rows, before = import_rows(remote_table, dataset, bar, writer=writer, capacity=capacity)
        already = f"; {before:,} were in already" if before else ""
        click.echo(f"{table}: {rows:,} rows of {source}{already}")


def _tell(sentence: str) -> None:
    click.echo(f"replay-server: {sentence}", err=True)


@contextmanager
def _told() -> Iterator[None]:
    """Tell of a data set that can't be had in a sentence.

    Raises:
        ClickException: it can't.
    """
    from replay_server.datasets.errors import DatasetError

    try:
        yield
    except DatasetError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or 'a file'}: {error.strerror}") from error


COMMANDS: Final = (_export, _import)
