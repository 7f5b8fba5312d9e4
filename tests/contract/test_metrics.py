"""Section 8: `GET /metrics`, as Prometheus reads it."""

import re
import socket

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.contract.peer import Peer, TablePeer
from tests.contract.steps import StepPeer
from tests.guarded_server import GuardedServer
from tests.replay_server.scrape import Scrape

RATIO = {"kind": "sample_to_insert_ratio", "samples_per_insert": 2.0, "min_size": 4,
         "error_buffer": 8.0}  # fmt: skip


@pytest.fixture
def families(peer: Peer, table: TablePeer) -> list[Metric]:
    """All that is told of a server that has seen some of everything."""
    table.make(rate_limiter=RATIO)
    table.fill([1, 2, 3, 4])
    assert table.sample(4).status == 200
    peer.get("/nowhere")
    return list(parse_text(peer.get("/metrics").body.decode()))


def test_prometheus_reads_what_is_told(peer: Peer, families: list[Metric]):
    answer = peer.get("/metrics")

    assert answer.status == 200
    assert answer.form == "text/plain; version=0.0.4; charset=utf-8"
    assert len(families) > 40


def test_openmetrics_is_told_where_it_is_asked_for(peer: Peer, families: list[Metric]):
    accept = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.7"

    answer = peer.get("/metrics", accept=accept)

    assert answer.form.startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in parse_openmetrics(answer.body.decode())}
    assert names >= {family.name for family in families}


def test_metrics_are_compressed_where_the_client_asks(peer: Peer):
    answer = peer.get("/metrics", accept_encoding="gzip")

    assert answer.headers["content-encoding"] == "gzip"
    assert answer.body[:2] == b"\x1f\x8b"


def test_names_and_types_follow_the_conventions(families: list[Metric]):
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    for family in families:
        assert re.fullmatch(r"(replay|process|python)(_[a-z0-9]+)+", family.name)
        assert family.documentation
        assert family.type in ("counter", "gauge", "histogram")
        if family.type == "gauge":  # what ends like these is of another type
            assert not re.search(r"_(total|sum|count|bucket)$", family.name)
        for sample in family.samples:
            assert family.type != "counter" or sample.name == f"{family.name}_total"
            assert all(re.fullmatch("[a-z]+", label) for label in sample.labels)
            assert "quantile" not in sample.labels


def test_nothing_is_told_of_that_does_not_begin_with_whose_it_is(families: list[Metric]):
    ours = {family.name for family in families if family.name.startswith("replay_")}
    theirs = {family.name for family in families} - ours

    assert {"process_cpu_seconds", "process_resident_memory_bytes", "process_open_fds"} <= theirs
    assert "replay_build_info" in ours


def test_a_table_is_told_of_as_its_document_does(peer: Peer, table: TablePeer):
    table.make()
    keys = table.fill(range(10), [0.5] * 10)
    table.sample(8)
    table.update([*keys[:3], 10**6], [2.0, 3.0, 4.0, 1.0])
    table.delete(keys[-1:])

    scrape, stats = Scrape.of(peer), table.stats()

    for name, stat in {
        "items": "size",
        "rows": "rows",
        "bytes": "bytes",
        "max_priority": "max_priority",
        "inserted_rows_total": "inserted_total",
        "sampled_items_total": "sampled_total",
        "updated_priorities_total": "updated_total",
        "stale_priorities_total": "stale_total",
        "deleted_rows_total": "deleted_total",
        "samples_per_insert": "samples_per_insert",
    }.items():
        assert scrape.of_table(table.name, name) == stats[stat], name
    assert scrape.of_table(table.name, "capacity_rows") == 100
    told = scrape.of_table(table.name, "priority_mass")
    assert told == pytest.approx(stats["priority_sum"], rel=1e-12)
    for percentile, quantile in (("50", "0.5"), ("90", "0.9"), ("99", "0.99")):
        age = scrape.of_table(table.name, "sample_age_rows", percentile=percentile)
        assert age == stats["sample_age"][quantile]


def test_writers_are_counted(peer: Peer, table: TablePeer):
    table.make()
    for writer in ("a", "b", "b"):
        table.insert([1], writer={"id": writer, "sequence": 1})

    assert Scrape.of(peer).of_table(table.name, "writers") == 2


def test_the_limiter_and_its_bounds_are_told(peer: Peer, table: TablePeer):
    table.make(rate_limiter=RATIO)
    table.fill([1, 2, 3, 4])
    table.sample(3)

    scrape = Scrape.of(peer)

    def of_limiter(name: str) -> float | None:
        return scrape.of_table(table.name, f"limiter_{name}")

    assert scrape.of_table(table.name, "limiter_info", kind="sample_to_insert_ratio") == 1
    assert (of_limiter("min_size_items"), of_limiter("samples_per_insert")) == (4, 2)
    assert of_limiter("surplus_items") == 4 * 2 - 3
    assert of_limiter("surplus_min_items") == 2 * 4 - 8
    assert of_limiter("surplus_max_items") == 2 * 4 + 8
    assert of_limiter("queue_items") is None


def test_a_queue_and_a_table_without_priorities_have_no_numbers_that_mean_nothing(
    peer: Peer, table: TablePeer
):
    table.make(rate_limiter={"kind": "queue", "size": 5})

    scrape = Scrape.of(peer)

    assert scrape.of_table(table.name, "limiter_queue_items") == 5
    for absent in ("limiter_min_size_items", "limiter_surplus_items", "priority_mass"):
        assert scrape.of_table(table.name, absent) is None
    assert scrape.of_table(table.name, "sample_age_rows", percentile="50") is None


def test_who_waits_is_told_while_it_waits_and_how_long_afterwards(peer: Peer, table: TablePeer):
    table.make()
    waiting = table.wait_for_sample(1)

    meanwhile = Scrape.of(peer)
    later = Scrape.of(peer)
    table.fill([1])
    assert waiting.answer().status == 200
    afterwards = Scrape.of(peer)

    def told(scrape: Scrape, name: str, operation: str = "sample") -> float:
        number = scrape.of_table(table.name, name, operation=operation)
        assert number is not None
        return number

    assert told(meanwhile, "waiting_requests") == told(meanwhile, "waits_total") == 1
    assert told(later, "wait_seconds_total") > told(meanwhile, "wait_seconds_total") > 0
    assert told(later, "held_back_seconds_total") > told(meanwhile, "held_back_seconds_total") > 0
    assert told(afterwards, "waiting_requests") == 0
    assert told(afterwards, "wait_seconds_total") > told(later, "wait_seconds_total")
    assert told(Scrape.of(peer), "wait_seconds_total") == told(afterwards, "wait_seconds_total")
    assert told(afterwards, "waits_total", "insert") == 0
    assert told(afterwards, "wait_seconds_total", "insert") == 0


def test_inserts_that_wait_are_told_apart_from_draws(peer: Peer, table: TablePeer):
    table.make(rate_limiter={"kind": "queue", "size": 1})
    table.fill([1])
    waiting = [table.wait_for_insert([number]) for number in (2, 3)]

    scrape = Scrape.of(peer)

    assert scrape.of_table(table.name, "waiting_requests", operation="insert") == 2
    assert scrape.of_table(table.name, "waiting_requests", operation="sample") == 0
    for each in waiting:
        each.hang_up()


@pytest.mark.parametrize("timeout", [0, 0.01])
def test_refusals_of_a_limiter_are_counted_by_table(peer: Peer, table: TablePeer, timeout: float):
    table.make(rate_limiter={"kind": "queue", "size": 1})
    assert table.sample(1, timeout=timeout).status == 429
    table.fill([1])
    for number in (2, 3):
        assert table.insert([number], timeout=timeout).status == 429

    scrape = Scrape.of(peer)

    refused = "rate_limited_requests_total"
    assert scrape.of_table(table.name, refused, operation="sample") == 1
    assert scrape.of_table(table.name, refused, operation="insert") == 2


def test_what_was_told_of_a_table_goes_with_it(peer: Peer, table: TablePeer):
    table.make().fill([1])
    assert table.name in Scrape.of(peer).tables()

    peer.send("DELETE", table.path)

    assert table.name not in Scrape.of(peer).tables()
    assert table.name not in peer.get("/metrics").body.decode()


def test_tables_of_steps_are_told_of_too(peer: Peer, steps: StepPeer):
    steps.make()

    assert Scrape.of(peer).of_table(steps.name, "items") == 0


def test_requests_are_counted_by_method_route_and_status(peer: Peer, table: TablePeer):
    before = Scrape.of(peer)
    table.make()
    table.fill([1])
    for _ in range(3):
        table.sample(1)
    assert table.sample(0).status == 422
    peer.send("HEAD", table.path)
    peer.get("/not/to/be/found")
    peer.send("PUT", "/metrics", b"")
    peer.send("TRACE", "/coffee")

    after = Scrape.of(peer)

    def more(method: str, route: str, status: str) -> float:
        labels = {"method": method, "route": route, "status": status}
        return after.value("replay_http_requests_total", **labels) - before.value(
            "replay_http_requests_total", **labels
        )

    route = "/v1/tables/{table}"
    assert more("PUT", route, "201") == 1
    assert more("POST", f"{route}/insert", "200") == 1
    assert more("POST", f"{route}/sample", "200") == 3
    assert more("POST", f"{route}/sample", "422") == 1
    assert more("HEAD", route, "200") == 1
    assert more("GET", "other", "404") == 1
    assert more("PUT", "/metrics", "405") == 1
    assert more("other", "other", "404") == 1
    assert more("GET", "/metrics", "200") == 1  # the first; the second was not over


def test_a_client_that_goes_while_it_waits_is_counted_as_gone(peer: Peer, table: TablePeer):
    table.make()
    labels = {"method": "POST", "route": "/v1/tables/{table}/sample", "status": "gone"}
    before = Scrape.of(peer).value("replay_http_requests_total", **labels)

    table.wait_for_sample(1).hang_up()
    peer.settle()

    assert Scrape.of(peer).value("replay_http_requests_total", **labels) == before + 1


def test_durations_are_a_histogram_of_as_many_as_there_were_requests(
    peer: Peer, families: list[Metric]
):
    scrape = Scrape(families)
    name = "replay_http_request_duration_seconds"
    for labels in scrape.labels(f"{name}_count"):
        buckets = [
            sample.value
            for sample in scrape.samples(f"{name}_bucket")
            if labels.items() <= sample.labels.items()
        ]
        count = scrape.value(f"{name}_count", **labels)
        assert buckets == sorted(buckets)
        assert buckets[-1] == count > 0
        assert 0 < scrape.value(f"{name}_sum", **labels) < 120 * count
        by_status = [
            sample.value
            for sample in scrape.samples("replay_http_requests_total")
            if labels.items() <= sample.labels.items()
        ]
        assert sum(by_status) == count


def test_a_request_that_waits_lasts_as_long_as_it_waits(peer: Peer, table: TablePeer):
    table.make()
    name = "replay_http_request_duration_seconds_sum"
    labels = {"method": "POST", "route": "/v1/tables/{table}/sample"}
    before = Scrape.of(peer)

    assert table.sample(1, timeout=0.2).status == 429

    after = Scrape.of(peer)
    assert 0.2 <= after.value(name, **labels) - before.value(name, **labels) < 20
    bucket = name.replace("_sum", "_bucket")
    for bound, more in (("0.1", 0), ("+Inf", 1)):
        at = {**labels, "le": bound}
        assert after.value(bucket, **at) - before.value(bucket, **at) == more


def test_connections_and_requests_under_way_are_told(peer: Peer, table: TablePeer, server_url: str):
    table.make()
    before = Scrape.of(peer)
    with Peer(server_url) as other:
        other.get("/healthz")
        waiting = table.wait_for_sample(1)
        scrape = Scrape.of(peer)
    waiting.hang_up()

    assert scrape.value("replay_connections") == before.value("replay_connections") + 2
    under_way = "replay_http_requests_under_way"
    assert scrape.value(under_way) == before.value(under_way) + 1
    assert scrape.value("replay_connections_limit") == 4096


def test_connections_that_are_refused_are_counted_by_code(peer: Peer):
    before = Scrape.of(peer).value("replay_refused_connections_total", code="malformed")
    host, _, port = peer.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")

    after = Scrape.of(peer).value("replay_refused_connections_total", code="malformed")
    assert after == before + 1


def test_memory_parameters_and_the_version_are_told(peer: Peer, table: TablePeer):
    table.make()
    assert peer.send("PUT", "/v1/parameters/metrics-test", b"12345").status == 200
    peer.send("PUT", "/v1/parameters/metrics-test", b"1234")

    scrape, info = Scrape.of(peer), peer.get("/v1/info").document

    assert scrape.value("replay_memory_limit_bytes") == info["limits"]["memory_limit_bytes"]
    assert scrape.value("replay_memory_bytes") >= table.stats()["bytes"]
    assert scrape.value("replay_build_info", version=info["version"], protocol="1") == 1
    assert scrape.value("replay_parameters_version", name="metrics-test") == 2
    assert scrape.value("replay_parameters_bytes", name="metrics-test") == 4
    assert scrape.value("replay_ready") == 1
    peer.send("DELETE", "/v1/parameters/metrics-test")
    assert "metrics-test" not in peer.get("/metrics").body.decode()


def test_metrics_ask_for_a_token_where_others_do(guarded: GuardedServer):
    with Peer(guarded.url) as peer:
        assert peer.get("/metrics").code == "unauthenticated"
        for role in ("viewer", "actor", "learner", "admin"):
            assert peer.get("/metrics", authorization=guarded.bearer(role)).status == 200
        told = peer.get("/metrics", authorization=guarded.bearer("viewer")).body.decode()

    assert not any(token in told for token in guarded.file.tokens.values())
    refused = Scrape(list(parse_text(told))).value(
        "replay_http_requests_total", method="GET", route="/metrics", status="401"
    )
    assert refused >= 1
