"""What Prometheus reads of a server: its requests, connections, memory, journal and tables.

Nothing is counted for it that is not counted anyway, but for `RequestCounts`. All of it is read
when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import CollectorRegistry

from replay_server import __version__
from replay_server.errors import UnavailableError
from replay_server.metrics.request_counts import BOUNDS_S, CLIENT_GONE, RequestCounts, Timings
from replay_server.metrics.table_metrics import table_families
from replay_server.service import ReplayService
from replay_server.tables import ServedTable
from replay_wire.endpoints import PROTOCOL_VERSION

__all__ = ["ServerMetrics"]

_BUCKETS: Final = (*(str(bound) for bound in BOUNDS_S), "+Inf")


class ServerMetrics:
    """All that a server tells Prometheus."""

    def __init__(self, service: ReplayService, requests: RequestCounts) -> None:
        """Read a service, its requests, and the process they are in."""
        self._service = service
        self._requests = requests
        self._process = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._process)

    def collect(self) -> list[Metric]:
        """Return every family, all of one instant. For the event loop's thread.

        Cost: about a hundred microseconds for each table.
        """
        return [
            *self._server(),
            *self._memory(),
            *_requests(self._requests),
            *self._parameters(),
            *self._journal(),
            *table_families(self._tables()),
            *self._process.collect(),
        ]

    def _server(self) -> Iterator[Metric]:
        service, requests = self._service, self._requests
        build = GaugeMetricFamily(
            "replay_build_info", "1; what is running is in labels.", labels=("version", "protocol")
        )
        build.add_metric((__version__, str(PROTOCOL_VERSION)), 1)
        yield build
        yield _gauge("ready", "1 where requests are served; as /readyz.", self._is_ready())
        yield _gauge("tables", "Tables that are served.", len(self._tables()))
        yield _gauge("connections", "Connections now.", len(requests.connections))
        yield _gauge(
            "connections_limit", "Connections that there may be.", service.limits.max_connections
        )
        refused = CounterMetricFamily(
            "replay_refused_connections",
            "Connections that were closed for what their client did or left undone, by code.",
            labels=("code",),
        )
        for code, count in requests.refused_connections.items():
            refused.add_metric((code,), count)
        yield refused
        yield _gauge("requests_in_line", "Requests that stand in line.", service.turns.in_line)

    def _tables(self) -> list[ServedTable]:
        """Return the tables; none while others are restored."""
        try:
            return self._service.tables.served
        except UnavailableError:
            return []

    def _is_ready(self) -> bool:
        try:
            self._service.tables.check_open()
        except UnavailableError:
            return False
        return True

    def _memory(self) -> Iterator[Metric]:
        budget, traffic = self._service.budget, self._service.traffic
        yield _gauge(
            "memory_bytes",
            "Memory that tables, when full, and parameters take of the limit.",
            budget.taken_bytes,
        )
        yield _gauge("memory_limit_bytes", "The limit of it.", budget.limit_bytes)
        yield _gauge("traffic_bytes", "Requests and answers that are under way.", traffic.under_way)
        yield _gauge("traffic_limit_bytes", "The limit of them.", traffic.limit)

    def _parameters(self) -> Iterator[Metric]:
        version = GaugeMetricFamily(
            "replay_parameters_version", "The version that stands.", labels=("name",)
        )
        size = GaugeMetricFamily("replay_parameters_bytes", "Its bytes.", labels=("name",))
        for each in self._service.parameters.snapshot():
            version.add_metric((each.name,), each.version)
            size.add_metric((each.name,), each.content.size)
        yield from (version, size)

    def _journal(self) -> Iterator[Metric]:
        keeper = self._service.keeper
        kept = GaugeMetricFamily(
            "replay_durability_info", "1; what tables survive is a label.", labels=("durability",)
        )
        kept.add_metric((keeper.durability,), 1)
        yield kept
        if keeper.journal is not None:
            yield _gauge(
                "journal_bytes", "The journal since it last began anew.", keeper.journal.size
            )
            yield _gauge(
                "journal_unsynced_bytes",
                "Bytes of the journal that are not known to be on the disk.",
                keeper.journal.unsynced_bytes,
            )
        if keeper.lag_s is not None:
            yield _gauge(
                "journal_lag_seconds",
                "Since when something has not been on the disk; 0 where all is.",
                keeper.lag_s,
            )


def _requests(requests: RequestCounts) -> Iterator[Metric]:
    count = CounterMetricFamily(
        "replay_http_requests",
        "Requests that are over; status is that of the answer, gone where the client was.",
        labels=("method", "route", "status"),
    )
    by_route: dict[tuple[str, str], list[Timings]] = {}
    for (method, route, status), timings in requests.by_kind.items():
        told = "gone" if status == CLIENT_GONE else str(status)
        count.add_metric((method, route, told), timings.count)
        by_route.setdefault((method, route), []).append(timings)
    yield count
    durations = HistogramMetricFamily(
        "replay_http_request_duration_seconds",
        "From a request's head to the end of its answer; waiting for a rate limiter is in it.",
        labels=("method", "route"),
    )
    for labels, every in by_route.items():
        durations.add_metric(labels, _buckets(every), sum(each.seconds for each in every))
    yield durations
    yield _gauge("http_requests_under_way", "Requests that are not over.", requests.under_way)


def _buckets(every: Iterable[Timings]) -> list[tuple[str, float]]:
    """Return how many took no longer than each bound, all below it included."""
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, *counts in zip(_BUCKETS, *(each.below for each in every), strict=True):
        total += sum(counts)
        buckets.append((bound, total))
    return buckets


def _gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"replay_{name}", help_text, value=value)
