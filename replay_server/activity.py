"""What goes on in a server, for those who watch it: rates, waiting, histograms, verdicts.

All of it is found out when somebody asks, on the event loop's thread and within a hundredth of its
time (`remembered`). The way of a request does nothing for it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import msgspec

from replay_server.durability.keeper import Keeper
from replay_server.histograms import histogram
from replay_server.histories import Look, Pace
from replay_server.memory.inspection import (
    full_bytes,
    lately_inserted,
    some_priorities,
    writers_of,
)
from replay_server.memory.rate_limiters import Queue, SampleToInsertRatio
from replay_server.memory_budget import MemoryBudget
from replay_server.remembered import Remembered
from replay_server.tables import ServedTable, Tables
from replay_server.verdicts import Facts, verdict
from replay_server.waiting import Waits
from replay_wire.activity import (
    ActivityReply,
    Durability,
    Memory,
    Side,
    TableActivity,
    TableActivityReply,
    Writer,
)
from replay_wire.specs import FifoRemover

__all__ = ["Activity"]

_OVERVIEW_S: Final = 0.4
_ABOUT_PRIORITIES: Final = 1 << 15
_MOST_WRITERS: Final = 32
_MOST_WAITING: Final = 4096
_MOST_COUNTED: Final = 1024
_STATM: Final = Path("/proc/self/statm")


class Activity:
    """What goes on in all tables."""

    def __init__(self, tables: Tables, keeper: Keeper, budget: MemoryBudget) -> None:
        """Watch `tables`, which `keeper` keeps, once somebody asks."""
        self._tables = tables
        self._keeper = keeper
        self._budget = budget
        self._overview: Remembered[ActivityReply] = Remembered(_OVERVIEW_S)

    def overview(self) -> ActivityReply:
        """Return what goes on everywhere; about half a second old at the most, with few tables.

        Raises UnavailableError. Cost: O(tables), some 50 us each.
        """
        served = self._tables.served
        return self._overview.get(lambda: self._look_at(served))

    def closer_look(self, name: str) -> TableActivityReply:
        """Return what goes on in a table; a second old, or more where it costs more.

        Raises UnknownTableError, UnavailableError. Cost: some ms where it is made anew.
        """
        served = self._tables.find(name)
        return served.closer_look.get(lambda: _look_closer(served))

    def _look_at(self, served: list[ServedTable]) -> ActivityReply:
        return ActivityReply(
            tables=[_look(each) for each in served],
            memory=Memory(
                taken=self._budget.taken_bytes,
                limit=self._budget.limit_bytes,
                resident=_resident_bytes(),
            ),
            durability=Durability(survives=self._keeper.durability, lag_seconds=self._keeper.lag_s),
        )


def _look(served: ServedTable) -> TableActivity:
    """Return what goes on in a table, and note the look. Cost: O(1)."""
    table, line, spec = served.table, served.line, served.changed
    now_s = time.monotonic()
    writers = _writers_at_work(served, now_s)
    look = Look(
        at_s=now_s,
        inserted=table.inserted_total,
        drawn=table.sampled_total,
        inserts_held_s=line.inserts.held_s(now_s),
        draws_held_s=line.draws.held_s(now_s),
        inserts_refused=line.inserts.refused,
        draws_refused=line.draws.refused,
        size=table.size,
        inserts_waited_s=line.inserts.waited_s(now_s),
        writers=writers,
    )
    pace = served.looks.pace(look)
    served.looks.add(look)
    inserts = _side(line.inserts, look.inserts_held_s, pace.inserts)
    draws = _side(line.draws, look.draws_held_s, pace.draws)
    facts = Facts(
        limiter=spec.rate_limiter,
        size=table.size,
        inserted_total=table.inserted_total,
        inserts=inserts,
        draws=draws,
    )
    return TableActivity(
        name=served.name,
        items=_kind(spec.items),
        sampler=_kind(spec.sampler),
        rate_limiter=msgspec.to_builtins(spec.rate_limiter),
        capacity=table.capacity,
        size=table.size,
        rows=table.rows,
        bytes=full_bytes(table),
        inserted_total=table.inserted_total,
        sampled_total=table.sampled_total,
        updated_total=table.updated_total,
        stale_total=table.stale_total,
        samples_per_insert=pace.samples_per_insert,
        limiter_position=_position(served),
        inserts=inserts,
        draws=draws,
        writers_at_work=writers or None,
        verdict=verdict(facts),
    )


def _writers_at_work(served: ServedTable, now_s: float) -> int:
    """Return how many have inserted lately, or wait to; 0 where nobody can tell."""
    table = served.table
    if not isinstance(served.changed.remover, FifoRemover):
        return 0
    rows = int(served.looks.rows_lately(now_s, table.inserted_total))
    inserted = lately_inserted(table, rows, _MOST_COUNTED)
    return len(inserted.union(served.line.waiting_writers(_MOST_COUNTED)))


def _side(waits: Waits, held_s: float, pace: Pace) -> Side:
    at_first = float(waits.now > 0)
    return Side(
        per_second=pace.per_second,
        waiting=waits.now,
        held_share=at_first if pace.held_share is None else pace.held_share,
        wait_share=at_first if pace.wait_share is None else pace.wait_share,
        held_seconds_total=held_s,
        refused_total=waits.refused,
    )


def _position(served: ServedTable) -> float | None:
    """Return where a table stands between what its limiter holds back: draws at 0, inserts at 1."""
    table, limiter = served.table, served.table.limiter
    if isinstance(limiter, Queue):
        return min(table.size / limiter.size, 1.0)
    if isinstance(limiter, SampleToInsertRatio):
        above_lowest = limiter.surplus - (
            limiter.samples_per_insert * limiter.min_size - limiter.error_buffer
        )
        return min(max(above_lowest / (2 * limiter.error_buffer), 0.0), 1.0)
    return None


def _look_closer(served: ServedTable) -> TableActivityReply:
    table, line = served.table, served.line
    activity, writers = _look(served), writers_of(table)
    waiting = set(line.waiting_writers(_MOST_WAITING))
    goes_by_key = isinstance(served.changed.remover, FifoRemover)
    return TableActivityReply(
        table=activity,
        history=served.looks.history(time.monotonic()),
        priorities=histogram(some_priorities(table, _ABOUT_PRIORITIES)),
        ages=histogram(table.sample_ages.recent),
        age_quantiles=table.sample_ages.quantiles(),
        writers=[
            Writer(
                id=writer,
                sequence=sequence,
                rows_since=table.next_key - 1 - key if goes_by_key and key is not None else None,
                is_waiting=writer in waiting,
            )
            for writer, sequence, key in writers.latest(_MOST_WRITERS)
        ],
        writers_total=len(writers),
    )


def _kind(spec: msgspec.Struct) -> str:
    return str(spec.__struct_config__.tag)


def _resident_bytes() -> int | None:
    """Return the memory that the process has; None where the system does not tell."""
    try:
        pages = int(_STATM.read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
