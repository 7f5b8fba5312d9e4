"""The tables of a server as they live: sizes, rates, and who waits for whom, again and again.

All of it comes from `/metrics`, which every role may read, so that a look costs the server one
small request.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from typing import Final

import click
from prometheus_client.parser import text_string_to_metric_families

from replay_server.remote import Remote, RemoteError
from replay_server.table_report import aligned, shown_bytes

__all__ = ["Look", "live_report", "show_live"]

_HEADS: Final = (
    "TABLE", "LIMITER", "SIZE", "FULL", "BYTES", "INSERTED/S", "SAMPLED/S", "PER INSERT",
    "INSERTS HELD", "DRAWS HELD", "AGE",
)  # fmt: skip
_WORDS: Final = 2
_PREFIX: Final = "replay_table_"
_UNKNOWN: Final = "-"


class Look:
    """The numbers of all tables at one instant."""

    def __init__(self, text: str, at_s: float) -> None:
        """Take them from what a server tells Prometheus.

        Args:
            text: of `/metrics`.
            at_s: when it was told, in seconds of any clock.

        Raises:
            ValueError: it can't be read.
        """
        self.at_s = at_s
        self._numbers: dict[tuple[str, str, str], float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples if family.name.startswith(_PREFIX) else ():
                labels = dict(sample.labels)
                table, more = labels.pop("table"), ",".join(labels.values())
                self._numbers[table, sample.name.removeprefix(_PREFIX), more] = sample.value

    @property
    def tables(self) -> list[str]:
        """Their names, in order."""
        return sorted({table for table, name, _ in self._numbers if name == "rows"})

    def number(self, table: str, name: str, label: str = "") -> float | None:
        """Return a number of a table; None where it has none."""
        return self._numbers.get((table, name, label))

    def limiter(self, table: str) -> str:
        """Return the kind of a table's limiter."""
        kinds = (kind for t, name, kind in self._numbers if (t, name) == (table, "limiter_info"))
        return next(kinds, _UNKNOWN)


def live_report(before: Look, now: Look) -> str:
    """Return the tables as lines of columns; what is a rate is one between the two looks."""
    if not now.tables:
        return "there are no tables"
    return aligned([_HEADS, *(_cells(before, now, table) for table in now.tables)], words=_WORDS)


def show_live(remote: Remote, every_s: float) -> None:
    """Show the tables of a server until Ctrl-C; where it does not answer for a while, that.

    Raises:
        RemoteError: it does not answer at first, or what it answers can't be read.
    """
    try:
        before = _look(remote)
        for now in _looks(remote, every_s):
            if isinstance(now, Look):
                _show(remote, live_report(before, now))
                before = now
            else:
                _show(remote, f"{now}\n\ntrying again every {every_s:g} s")
    except KeyboardInterrupt:
        return


def _looks(remote: Remote, every_s: float) -> Iterator[Look | RemoteError]:
    """Give a look at the tables, or why there is none, again and again."""
    next_s = time.monotonic() + min(every_s, 0.5)  # the first does not let people wait
    while True:
        time.sleep(max(next_s - time.monotonic(), 0.0))
        next_s = time.monotonic() + every_s
        try:
            yield _look(remote)
        except RemoteError as error:
            yield error


def _look(remote: Remote) -> Look:
    text, at_s = remote.metrics(), time.monotonic()
    try:
        return Look(text, at_s)
    except (ValueError, KeyError) as error:
        raise RemoteError(f"the answer of {remote.address.shown} can't be read") from error


def _show(remote: Remote, text: str) -> None:
    """Let a text take the place of what was shown before; in a file or a pipe, follow it."""
    head = f"{remote.address.shown}  {time.strftime('%H:%M:%S')}\n\n"
    if not sys.stdout.isatty():
        click.echo(f"{head}{text}\n")
        return
    width, height = shutil.get_terminal_size()
    lines = f"{head}{text}".splitlines()
    shown = lines if len(lines) < height else [*lines[: height - 2], f"... {len(lines)} lines"]
    click.clear()
    click.echo("\n".join(line[:width] for line in shown))


def _cells(before: Look, now: Look, table: str) -> tuple[str, ...]:
    size, rows, capacity = (now.number(table, n) for n in ("items", "rows", "capacity_rows"))
    age = now.number(table, "sample_age_rows", "50")
    inserted = _rate(before, now, table, "inserted_rows_total")
    sampled = _rate(before, now, table, "sampled_items_total")
    return (
        table,
        now.limiter(table),
        _count(size),
        _UNKNOWN if rows is None or not capacity else f"{rows / capacity:.0%}",
        shown_bytes(now.number(table, "bytes") or 0),
        _count(inserted),
        _count(sampled),
        _UNKNOWN if not inserted or sampled is None else f"{sampled / inserted:.3g}",
        _share(_rate(before, now, table, "held_back_seconds_total", "insert")),
        _share(_rate(before, now, table, "held_back_seconds_total", "sample")),
        _count(age),
    )


def _rate(before: Look, now: Look, table: str, name: str, label: str = "") -> float | None:
    """Return by how much a counter grew a second; None where it was not there, or began anew."""
    first, last = before.number(table, name, label), now.number(table, name, label)
    if first is None or last is None or last < first:
        return None
    return (last - first) / max(now.at_s - before.at_s, 1e-9)


def _count(number: float | None) -> str:
    return _UNKNOWN if number is None else f"{number:,.0f}"


def _share(number: float | None) -> str:
    return _UNKNOWN if number is None else f"{min(number, 1):.0%}"
