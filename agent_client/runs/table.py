"""The table of a run on a replay server: made, taken over, or refused; dropped or kept.

A run that names no table gets one of its own, with a name that no other run has, and drops
it at the end. A table that was named stays: it is made if there is none, and used with the
transitions that it holds if its columns and its items are the right ones.
"""

import logging
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agent_client.errors import ReplayClientError, UnknownTableError
from agent_client.replay_client import ReplayClient
from agent_client.run_errors import UnsuitableTableError

logger = logging.getLogger(__name__)

LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class RunTable:
    """A table to train with.

    Attributes:
        name: on the server.
        size: transitions that it held at first.
    """

    name: str
    size: int


@contextmanager
def open_run_table(
    client: ReplayClient, spec: Mapping[str, Any], *, name: str | None, own_name: str, keep: bool
) -> Iterator[RunTable]:
    """Give a table for the time of a ``with`` block.

    Args:
        client: of the server.
        spec: of the table, if it must be made.
        name: of a table to make or take over, which is kept; None makes one of the run's own.
        own_name: name of that one.
        keep: whether that one, too, stays on the server.

    Raises:
        UnsuitableTableError: the named table stands already, with other columns or items.
        ReplayClientError: the server cannot be reached or refuses.
    """
    if name is not None:
        yield make_or_take(client, name, spec)
        return
    client.create_table(own_name, spec)
    try:
        yield RunTable(own_name, 0)
    finally:
        if not keep:
            drop_table(client, own_name)


def own_table_name(environment_id: str, algorithm: str, seed: int) -> str:
    """Return a table name that tells what it is for and that no other run has."""
    suffix = f"-{algorithm}-seed{seed}-{secrets.token_hex(4)}"
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", environment_id).lstrip("._-") or "environment"
    return stem[: LONGEST_NAME - len(suffix)] + suffix


def fresh_table_name(name: str) -> str:
    """Return the name of the table of the newest steps beside a run's table of all."""
    return f"{name[: LONGEST_NAME - len('.fresh')]}.fresh"


def drop_table(client: ReplayClient, name: str) -> None:
    """Drop a table; that it can't be done is no reason for a run to fail, or to hide another."""
    try:
        client.delete_table(name)
    except UnknownTableError:
        pass  # the server came back without it
    except ReplayClientError as error:
        logger.warning("table %r of the run is left on the server: %s", name, error)


def make_or_take(client: ReplayClient, name: str, spec: Mapping[str, Any]) -> RunTable:
    """Return a table that stands, or make it.

    Raises:
        UnsuitableTableError: it stands with other columns or items.
    """
    document = client.ensure_table(name, spec)
    require_suitable(name, document, spec)
    return RunTable(name, int(document["stats"]["size"]))


def require_suitable(name: str, document: Mapping[str, Any], spec: Mapping[str, Any]) -> None:
    """Refuse a table that a run cannot work with.

    Args:
        name: of the table.
        document: the table's, as the server has it.
        spec: the run's.

    Raises:
        UnsuitableTableError: its columns or items are others.
    """
    actual = document["spec"].get("columns") or spec["columns"]
    items = document["spec"]["items"]
    if not _same_columns(actual, spec["columns"]) or items != spec["items"]:
        raise UnsuitableTableError(name, spec, {"columns": actual, "items": items})


def _same_columns(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return _signature(one) == _signature(other)


def _signature(columns: Mapping[str, Any]) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: (column["dtype"], tuple(column["shape"])) for name, column in columns.items()}
