"""docker/monitoring: what Prometheus and Grafana are given is true of what a server tells.

Neither is run here. `tests/docker` brings Prometheus up where there is an engine.
"""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.contract.peer import Peer, TablePeer
from tests.server_process import ServerProcess

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "docker" / "monitoring"
DASHBOARD: dict[str, Any] = json.loads(
    (MONITORING / "grafana" / "dashboards" / "replay.json").read_text()
)
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
EVERY_QUERY = pytest.mark.parametrize("query", [query for _, query in QUERIES])
GUIDE = (ROOT / "docs" / "monitoring.md").read_text()
RATIO = {"kind": "sample_to_insert_ratio", "samples_per_insert": 1.0, "min_size": 1,
         "error_buffer": 5.0}  # fmt: skip


def parsed(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document


COMPOSE = parsed(ROOT / "docker-compose.yml")
WITH_TOKENS = parsed(ROOT / "docker" / "compose.tokens.yml")


def filled_in(query: str) -> str:
    """A query as Grafana sends it, with its variables filled in."""
    return query.replace("$__rate_interval", "1m").replace("$table", ".*")


def selectors(node: Any) -> Iterator[promql_parser.VectorSelector]:
    """Every choice of samples in a parsed query."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("lhs", "rhs", "expr", "vector_selector"):
        if getattr(node, name, None) is not None:
            yield from selectors(getattr(node, name))
    for argument in getattr(node, "args", None) or ():
        yield from selectors(argument)


def selected(query: str) -> list[promql_parser.VectorSelector]:
    found = list(selectors(promql_parser.parse(filled_in(query))))
    assert found
    return found


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Name of a sample -> its labels, of a server that has something of everything."""
    folder = tmp_path_factory.mktemp("data")
    server = ServerProcess("--port=0", f"--data-dir={folder}", "--durability=power")
    try:
        with Peer(server.url) as peer:
            table = TablePeer(peer, "ratio").make(rate_limiter=RATIO)
            table.fill([1, 2])
            table.sample(1)
            TablePeer(peer, "queue").make(rate_limiter={"kind": "queue", "size": 3})
            peer.send("PUT", "/v1/parameters/weights", b"1")
            text = peer.get("/metrics").body.decode()
    finally:
        server.stop()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        found.setdefault(f"{family.name}_total" if family.type == "counter" else family.name, set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    found["replay_refused_connections_total"] |= {"code"}  # there were none
    return found


@EVERY_QUERY
def test_a_query_is_promql_about_what_a_server_tells(labels: dict[str, set[str]], query: str):
    for selector in selected(query):
        assert selector.name in labels
        for matcher in selector.matchers.matchers:
            assert matcher.name in labels[selector.name] | {"job", "instance"}


@EVERY_QUERY
def test_a_query_sums_and_compares_by_labels_that_there_are(
    labels: dict[str, set[str]], query: str
):
    known = set().union(*(labels[each.name] for each in selected(query) if each.name))

    for grouped in re.findall(r"by \(([^)]*)\)", query):
        assert set(grouped.replace(" ", "").split(",")) <= known


def test_what_a_legend_names_is_a_label_of_its_query(labels: dict[str, set[str]]):
    for panel in PANELS:
        for target in panel["targets"]:
            named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            grouped = re.search(r"by \(([^)]*)\)", target["expr"])
            if grouped:
                kept = set(grouped[1].replace(" ", "").split(","))
            else:
                kept = set().union(*(labels[each.name] for each in selected(target["expr"])))
            assert named <= kept, panel["title"]


def test_totals_are_seen_by_their_rates_only(labels: dict[str, set[str]]):
    for title, query in QUERIES:
        for total in re.findall(r"\w+_total|\w+_bucket", query):
            assert re.search(rf"rate\({total}(\{{[^}}]*\}})?\[\$__rate_interval\]\)", query), title


def test_the_dashboard_has_only_variables_that_it_declares():
    declared = {variable["name"] for variable in DASHBOARD["templating"]["list"]}

    used = set(re.findall(r"\$(\w+)", " ".join(query for _, query in QUERIES)))

    assert used <= declared | {"__rate_interval"}
    assert declared <= used


def test_panels_lie_beside_each_other():
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_panels_are_whole():
    for panel in PANELS:
        assert panel["type"] in ("timeseries", "stat", "bargauge")
        assert panel["title"]
        assert panel["targets"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)
        assert panel["fieldConfig"]["defaults"]["unit"]
    assert DASHBOARD["schemaVersion"] >= 36
    assert DASHBOARD["id"] is None if "id" in DASHBOARD else True
    assert not DASHBOARD["editable"]


def test_every_panel_asks_the_provisioned_source():
    provisioned = parsed(MONITORING / "grafana" / "provisioning" / "datasources" / "prometheus.yml")
    (source,) = provisioned["datasources"]
    wanted = {"type": "prometheus", "uid": source["uid"]}

    asked = [panel["datasource"] for panel in PANELS]
    asked += [target["datasource"] for panel in PANELS for target in panel["targets"]]
    asked += [variable["datasource"] for variable in DASHBOARD["templating"]["list"]]
    assert all(each == wanted for each in asked)
    assert source["url"] == "http://prometheus:9090"


def test_the_verdict_has_a_word_for_every_number():
    (verdict,) = [panel for panel in PANELS if panel["title"] == "Verdict"]
    ranges = [each["options"] for each in verdict["fieldConfig"]["defaults"]["mappings"]]

    assert ranges[0]["from"] <= -1
    assert ranges[-1]["to"] >= 1
    assert all(a["to"] == b["from"] for a, b in itertools.pairwise(ranges))
    assert [each["result"]["text"] for each in ranges] == [
        *("the learner is slow", "in step", "the actors are slow")
    ]


def test_the_guide_names_every_family_and_no_other(labels: dict[str, set[str]]):
    ours = {
        re.sub(r"_(bucket|count|sum)$", "", name) for name in labels if name.startswith("replay_")
    }
    ours -= {"replay_http_request_duration_seconds_created"}
    table = {name.removeprefix("replay_table_") for name in ours if "replay_table_" in name}
    server = {name.removeprefix("replay_") for name in ours if "replay_table_" not in name}
    of_tables, _, of_server = GUIDE.partition("| of the server:")
    told = {
        "table": set(
            re.findall(r"`(\w+)(?:{[\w, ]*})?`", of_tables.partition("| of each table:")[2])
        ),
        "server": set(re.findall(r"`(\w+)(?:{[\w, ]*})?`", of_server.partition("\n\n")[0])),
    }
    words = {"bytes", "insert", "sample", "operation", "power", "process_", "python_"}

    assert table <= told["table"]
    assert server <= told["server"]
    assert told["table"] - table <= words
    assert {t for t in told["server"] if "_" in t} - server <= words


@pytest.mark.parametrize(
    "expression", re.findall(r"^\| `([^`]*rate[^`]*)` \|", GUIDE, re.MULTILINE)
)
def test_an_expression_of_the_guide_is_promql_about_what_a_server_tells(
    labels: dict[str, set[str]], expression: str
):
    assert all(selector.name in labels for selector in selected(expression))


def test_what_is_scraped_differs_by_the_token_alone():
    plain = parsed(MONITORING / "prometheus" / "prometheus.yml")
    guarded = parsed(MONITORING / "prometheus" / "prometheus.tokens.yml")
    (job,) = guarded["scrape_configs"]

    credentials = job.pop("authorization")["credentials_file"]

    assert plain == guarded
    made = WITH_TOKENS["services"]["tokens"]["command"]
    assert f"prometheus:viewer:{credentials}" in made


def test_monitoring_is_there_for_those_who_ask_for_it_only():
    profiles = {name: each.get("profiles") for name, each in COMPOSE["services"].items()}

    assert profiles["prometheus"] == profiles["grafana"] == ["monitoring"]
    assert not profiles["server"]


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_its_services_may_do_as_little_as_the_others(name: str):
    service, server = COMPOSE["services"][name], COMPOSE["services"]["server"]

    for key in ("read_only", "cap_drop", "security_opt"):
        assert service[key] == server[key]
    assert "mem_limit" in service
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])
    for volume in service["volumes"]:
        source, _, _ = volume.partition(":")
        if source.startswith("."):
            assert (ROOT / source).exists()
            assert volume.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]


def test_nobody_is_an_admin_of_grafana_without_saying_who_they_are():
    anonymous = COMPOSE["services"]["grafana"]["environment"]
    guarded = {**anonymous, **WITH_TOKENS["services"]["grafana"]["environment"]}

    assert anonymous["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert anonymous["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert guarded["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    made = WITH_TOKENS["services"]["tokens"]["command"]
    assert f"grafana:viewer:{guarded['GF_SECURITY_ADMIN_PASSWORD__FILE']}" in made


def test_dashboards_are_provided_from_where_they_are_mounted():
    provider = parsed(MONITORING / "grafana" / "provisioning" / "dashboards" / "replay.yml")
    (folder,) = [each["options"]["path"] for each in provider["providers"]]
    mounted = [volume.split(":")[1] for volume in COMPOSE["services"]["grafana"]["volumes"]]
    home = COMPOSE["services"]["grafana"]["environment"][
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"
    ]

    assert folder in mounted
    assert home == f"{folder}/replay.json"
