"""What goes on in the tables: the messages that a page or a monitor asks for again and again.

Docs: section 11 of docs/protocol.md. A number that can't be told yet, such as a rate at the first
look, is None.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

__all__ = [
    "ActivityReply",
    "Durability",
    "Histogram",
    "History",
    "Memory",
    "Side",
    "Slow",
    "State",
    "TableActivity",
    "TableActivityReply",
    "Verdict",
    "Writer",
]

State: TypeAlias = Literal[
    "empty", "filling", "idle", "no_inserts", "no_draws", "actors_slow", "learner_slow", "in_step",
    "balanced", "free", "stuck",
]  # fmt: skip

Slow: TypeAlias = Literal["actors", "learner"]


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Verdict(_Reply, frozen=True):
    """What the numbers of a table mean, in plain words.

    Attributes:
        state: the same as one word, for programs.
        slow: who keeps the other waiting, if anybody does.
        headline: who is slow, or what is going on.
        detail: how that is known.
        advice: what to change.
    """

    state: State
    slow: Slow | None
    headline: str
    detail: str
    advice: str


class Side(_Reply, frozen=True):
    """Those who insert into a table, or those who draw from it.

    Attributes:
        per_second: rows that came in, or items drawn, a second.
        waiting: requests that wait for the limiter now.
        held_share: the share of the time, 0 to 1, in which the limiter held some of them back.
        wait_share: the share of its time in which it held one of those who insert back, on average;
            `held_share` of draws, and where nobody can tell how many insert.
        held_seconds_total: for how many seconds at least one request has waited.
        refused_total: requests that the limiter refused, at once or when their time was over.
    """

    per_second: float | None
    waiting: int
    held_share: float
    wait_share: float
    held_seconds_total: float
    refused_total: int


class TableActivity(_Reply, frozen=True):
    """What goes on in a table. Rates and shares are over the last seconds.

    Attributes:
        name: of the table.
        items, sampler: their kinds in its spec.
        rate_limiter: as in its spec.
        capacity: rows.
        size, rows, bytes, inserted_total, sampled_total, updated_total, stale_total: as in its
            stats, but for `bytes`, which counts what closed streams of steps have left, too.
        samples_per_insert: items drawn for each row that came in.
        limiter_position: from 0, where the next draw has to wait, to 1, where the next insert has
            to; None where the limiter never holds inserts back.
        inserts, draws: both sides.
        writers_at_work: who inserted in the last 30 seconds, as far as looks go back, or waits to;
            up to 1,024. None where that is nobody, or nobody can tell.
        verdict: what it means.
    """

    name: str
    items: str
    sampler: str
    rate_limiter: dict[str, Any]
    capacity: int
    size: int
    rows: int
    bytes: int
    inserted_total: int
    sampled_total: int
    updated_total: int
    stale_total: int
    samples_per_insert: float | None
    limiter_position: float | None
    inserts: Side
    draws: Side
    writers_at_work: int | None
    verdict: Verdict


class Memory(_Reply, frozen=True):
    """Bytes that tables and parameters take, may take, and that the process has in memory."""

    taken: int
    limit: int
    resident: int | None


class Durability(_Reply, frozen=True):
    """What the tables survive, and for how many seconds something has not been on the disk.

    Attributes:
        survives: "memory" is nothing, "process" its death, "power" the machine's.
        lag_seconds: None where the operating system sees to it, or nobody.
    """

    survives: str
    lag_seconds: float | None


class ActivityReply(_Reply, frozen=True):
    """What goes on in the server, and in every table by name."""

    tables: list[TableActivity]
    memory: Memory
    durability: Durability


class Histogram(_Reply, frozen=True):
    """How often values of a range occur.

    Attributes:
        edges: [k + 1] ascending, of k bins; each holds its lower edge, the last its upper one, too.
        counts: [k], how many of the values that were looked at are in each.
        zeros: how many are 0; where the bins are logarithmic they are in none.
        looked_at: how many values that were.
        is_logarithmic: whether the edges are.
    """

    edges: list[float]
    counts: list[int]
    zeros: int
    looked_at: int
    is_logarithmic: bool


class History(_Reply, frozen=True):
    """What went on between looks at a table, oldest first; somebody has to look, or there are none.

    Attributes:
        seconds: when each look was; 0 is now, those before it are negative.
        inserts_per_second, draws_per_second, samples_per_insert: since the look before it.
        inserts_held, draws_held: the share of that time in which some waited.
        inserts_wait: the share in which one of those who insert did, on average.
        size: items at the look.
    """

    seconds: list[float]
    inserts_per_second: list[float]
    draws_per_second: list[float]
    samples_per_insert: list[float | None]
    inserts_held: list[float]
    inserts_wait: list[float]
    draws_held: list[float]
    size: list[int]


class Writer(_Reply, frozen=True):
    """Who inserts: the sequence of their last insert, and what came after it.

    Attributes:
        id: theirs.
        sequence: of their last insert.
        rows_since: rows that came in since; None where keys don't tell.
        is_waiting: whether an insert of theirs waits for the limiter.
    """

    id: str
    sequence: int
    rows_since: int | None
    is_waiting: bool


class TableActivityReply(_Reply, frozen=True):
    """A closer look at a table; it may be some seconds old.

    Attributes:
        table: as in the list of all.
        history: the last minutes.
        priorities: of the items, raw; of every k-th where there are many.
        ages: of the items drawn most recently, in rows.
        age_quantiles: as `sample_age` in its stats.
        writers: those who inserted last, the latest first.
        writers_total: how many are remembered.
    """

    table: TableActivity
    history: History
    priorities: Histogram
    ages: Histogram
    age_quantiles: dict[str, float | None]
    writers: list[Writer]
    writers_total: int
