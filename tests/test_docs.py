"""What the documents say stands beside what the code does."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from replay_server.settings import ClusterSettings, ServerSettings
from replay_wire import endpoints
from replay_wire.endpoints import Endpoint
from replay_wire.errors import ErrorCode
from replay_wire.messages import Limits, TableStats
from tests.documents.blocks import documents

ROOT = Path(__file__).parents[1]
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
CLI = (ROOT / "docs" / "cli.md").read_text()
ENDPOINTS = [value for value in vars(endpoints).values() if isinstance(value, Endpoint)]
OPTIONS = [f"--{f.name.replace('_', '-')}" for f in fields(ServerSettings) if "help" in f.metadata]
CLUSTER = CLI[CLI.index("    replay-server cluster") :]
CLUSTER_OPTIONS = [f"--{f.name.replace('_', '-')}" for f in fields(ClusterSettings)]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")
def test_every_endpoint_is_in_the_protocol(endpoint: Endpoint):
    path = re.escape(endpoint.path)

    assert re.search(rf"{endpoint.method} {path}(?![\w/{{-])", PROTOCOL)


@pytest.mark.parametrize("code", sorted(set(ErrorCode) - {ErrorCode.INTERNAL}))  # 500 is no promise
def test_every_error_code_is_in_the_protocol_beside_its_status(code: ErrorCode):
    rows = [line for line in PROTOCOL.splitlines() if line.startswith("| ") and f"`{code}`" in line]

    assert any(str(code.status) in row for row in rows)


@pytest.mark.parametrize("option", [*OPTIONS, "--config"])
def test_every_option_of_serve_is_in_the_command_lines(option: str):
    assert re.search(rf"{option}\b(?!-)", CLI)


@pytest.mark.parametrize("option", [*CLUSTER_OPTIONS, "--grow", "--drain"])
def test_every_option_of_cluster_is_in_the_command_lines(option: str):
    assert re.search(rf"{option}\b(?!-)", CLUSTER)


@pytest.mark.parametrize("name", Limits.__struct_fields__)
def test_every_limit_is_in_the_protocol(name: str):
    assert f"`{name}`" in PROTOCOL


@pytest.mark.parametrize("name", TableStats.__struct_fields__)
def test_every_counter_is_in_the_protocol(name: str):
    assert f"`{name}`" in PROTOCOL


def test_links_between_documents_lead_somewhere():
    for document in documents():
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
