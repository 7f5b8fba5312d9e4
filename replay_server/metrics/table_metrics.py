"""What Prometheus reads of tables: a family a number, the table's name as a label.

A table that has gone is in none of them. What would cost time that grows with a table's size is
left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from replay_server.memory.inspection import drawable_mass, writers_of
from replay_server.memory.rate_limiters import MinSize, Queue, SampleToInsertRatio
from replay_server.tables import ServedTable
from replay_server.waiting import Waits
from replay_wire.specs import PrioritizedSampler

__all__ = ["table_families"]

_Family: TypeAlias = CounterMetricFamily | GaugeMetricFamily
_Number: TypeAlias = float | Mapping[str, float] | None


@dataclass(frozen=True)
class _Kind:
    """A family of tables.

    Attributes:
        name: after `replay_table_`, without `_total`.
        help: what it is.
        read: returns a table's number; of a family with a label the numbers by the label's value;
            None where a table has none.
        label: the name of the label beside the table's.
        type: of the family.
    """

    name: str
    help: str
    read: Callable[[ServedTable], _Number]
    label: str | None = None
    type: type[_Family] = GaugeMetricFamily

    def family(self, tables: Iterable[ServedTable]) -> _Family:
        """Return it as these tables are at this instant."""
        labels = ("table",) if self.label is None else ("table", self.label)
        family = self.type(f"replay_table_{self.name}", self.help, labels=labels)
        for served in tables:
            numbers = self.read(served)
            if isinstance(numbers, Mapping):
                for value, number in numbers.items():
                    family.add_metric((served.name, value), number)
            elif numbers is not None:
                family.add_metric((served.name,), numbers)
        return family


def table_families(tables: Iterable[ServedTable]) -> Iterator[_Family]:
    """Give the families of tables as they are at this instant.

    Cost: about a hundred microseconds a table, whatever its size. For the event loop's thread.
    """
    tables = list(tables)
    return (kind.family(tables) for kind in _KINDS)


def _priority_mass(served: ServedTable) -> float | None:
    is_prioritized = isinstance(served.changed.sampler, PrioritizedSampler)
    return drawable_mass(served.table) if is_prioritized else None


def _samples_per_insert(served: ServedTable) -> float:
    inserted = served.table.inserted_total
    return served.table.sampled_total / inserted if inserted else 0.0


def _sample_ages(served: ServedTable) -> Mapping[str, float]:
    ages = served.table.sample_ages.quantiles()
    return {f"{100 * float(one):g}": age for one, age in ages.items() if age is not None}


def _limiter_kind(served: ServedTable) -> Mapping[str, float]:
    return {str(served.changed.document()["rate_limiter"]["kind"]): 1}


def _limiter(read: Callable[[SampleToInsertRatio], float]) -> Callable[[ServedTable], _Number]:
    def of_table(served: ServedTable) -> float | None:
        limiter = served.table.limiter
        return read(limiter) if isinstance(limiter, SampleToInsertRatio) else None

    return of_table


def _min_size(served: ServedTable) -> float | None:
    limiter = served.table.limiter
    return limiter.min_size if isinstance(limiter, MinSize | SampleToInsertRatio) else None


def _queue_size(served: ServedTable) -> float | None:
    limiter = served.table.limiter
    return limiter.size if isinstance(limiter, Queue) else None


def _waits(read: Callable[[Waits], float]) -> Callable[[ServedTable], _Number]:
    return lambda s: {"insert": read(s.line.inserts), "sample": read(s.line.draws)}


_COUNTER: Final = CounterMetricFamily
_KINDS: Final = (
    _Kind("items", "Items that exist.", lambda s: s.table.size),
    _Kind("rows", "Rows that exist.", lambda s: s.table.rows),
    _Kind("capacity_rows", "Rows that fit.", lambda s: s.table.capacity),
    _Kind("bytes", "Bytes that count towards the memory limit.", lambda s: s.table.nbytes),
    _Kind(
        "writers", "Writers whose last insert is remembered.", lambda s: len(writers_of(s.table))
    ),
    _Kind("max_priority", "The highest priority so far.", lambda s: s.table.max_priority),
    _Kind("priority_mass", "Sum of the items' p^alpha; prioritized tables only.", _priority_mass),
    _Kind("inserted_rows", "Rows inserted.", lambda s: s.table.inserted_total, type=_COUNTER),
    _Kind("sampled_items", "Items drawn.", lambda s: s.table.sampled_total, type=_COUNTER),
    _Kind(
        "updated_priorities", "Priorities updated.", lambda s: s.table.updated_total, type=_COUNTER
    ),
    _Kind(
        "stale_priorities",
        "Updates of priorities that came too late: the row had gone.",
        lambda s: s.table.stale_total,
        type=_COUNTER,
    ),
    _Kind(
        "deleted_rows", "Rows deleted by request.", lambda s: s.table.deleted_total, type=_COUNTER
    ),
    _Kind("samples_per_insert", "Items drawn for each row ever inserted.", _samples_per_insert),
    _Kind(
        "sample_age_rows",
        "Rows that came in since a drawn item's own; percentiles of the 4,096 items drawn last.",
        _sample_ages,
        label="percentile",  # "quantile" is for summaries
    ),
    _Kind("limiter_info", "1; the rate limiter's kind is a label.", _limiter_kind, label="kind"),
    _Kind("limiter_min_size_items", "Items that draws need.", _min_size),
    _Kind("limiter_queue_items", "Items that fit into a queue.", _queue_size),
    _Kind(
        "limiter_samples_per_insert",
        "Items to be drawn for each row inserted.",
        _limiter(lambda limiter: limiter.samples_per_insert),
    ),
    _Kind(
        "limiter_surplus_items",
        "Draws that the rows inserted since the limiter was set allow, less those made.",
        _limiter(lambda limiter: limiter.surplus),
    ),
    _Kind(
        "limiter_surplus_min_items",
        "The surplus that draws may not go below: near it, inserts are too slow.",
        _limiter(lambda each: each.samples_per_insert * each.min_size - each.error_buffer),
    ),
    _Kind(
        "limiter_surplus_max_items",
        "The surplus that inserts may not go above: near it, draws are too slow.",
        _limiter(lambda each: each.samples_per_insert * each.min_size + each.error_buffer),
    ),
    _Kind(
        "waiting_requests",
        "Requests that wait for the rate limiter now.",
        _waits(lambda waits: waits.now),
        label="operation",
    ),
    _Kind(
        "waits",
        "Requests that had to wait for the rate limiter.",
        _waits(lambda waits: waits.begun),
        label="operation",
        type=_COUNTER,
    ),
    _Kind(
        "wait_seconds",
        "Seconds that requests waited for the rate limiter, up to now.",
        _waits(lambda waits: waits.waited_s(time.monotonic())),
        label="operation",
        type=_COUNTER,
    ),
    _Kind(
        "held_back_seconds",
        "Seconds in which at least one request waited for the rate limiter, up to now.",
        _waits(lambda waits: waits.held_s(time.monotonic())),
        label="operation",
        type=_COUNTER,
    ),
    _Kind(
        "rate_limited_requests",
        "Requests that the rate limiter refused, at once or when their timeout was over.",
        _waits(lambda waits: waits.refused),
        label="operation",
        type=_COUNTER,
    ),
)
