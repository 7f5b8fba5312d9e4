"""The tables of what Reverb's calls are here: each line is run."""

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest

from agent_client import Prefetcher, ReplayClient, RowWriter
from agent_client.integrations.torch_datasets import TableDraws
from tests.documents.blocks import ROOT
from tests.server_process import ServerProcess

_LINES = re.findall(
    r"^\| `(.+?)` \| `(.+?)` \|$", (ROOT / "docs" / "moving.md").read_text(), re.MULTILINE
)
SPECS = [line for line in _LINES if line[1].startswith("{")]
CALLS = [line for line in _LINES if not line[1].startswith("{")]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that may write checkpoints."""
    server = ServerProcess("--port", "0", "--data-dir", str(tmp_path_factory.mktemp("data")))
    yield server.url
    server.stop()


def test_the_tables_are_read() -> None:
    assert len(SPECS) >= 10
    assert len(CALLS) >= 10


@pytest.mark.parametrize("line", SPECS, ids=lambda line: line[0])
def test_a_table_is_made_as_it_was_there(url: str, line: tuple[str, str]) -> None:
    theirs, ours = line
    spec = ast.literal_eval(ours)
    with ReplayClient(url) as client:
        made = client.create_table("made", spec)["spec"]
        client.delete_table("made")

    for name, value in spec.items():
        found: Any = made[name]
        assert (value.items() <= found.items()) if isinstance(value, dict) else found == value
    for number in re.findall(r"[0-9.]*[0-9]", re.sub(r'"[^"]*"|float32', "", theirs)):
        assert float(number) in [float(n) for n in re.findall(r"(?<![<\w])[0-9.]*[0-9]", ours)]


@pytest.mark.parametrize("line", CALLS, ids=lambda line: line[0])
def test_a_call_does_what_it_did_there(url: str, line: tuple[str, str]) -> None:
    with ReplayClient(url) as client:
        client.create_table("t", {"capacity": 100})
        key = int(client.insert("t", {"x": [0.0, 1.0]}).keys[0])
        names = {
            "client": client,
            "key": key,
            "url": url,
            "RowWriter": RowWriter,
            "Prefetcher": Prefetcher,
            "TableDraws": TableDraws,
        }
        result = eval(line[1], names)
        client.insert("t", {"x": [3.0]})
        left = client.scan("t")
        client.delete_table("t")

    if "deletes" in line[0]:
        assert key not in left.keys
        assert result.deleted == 1
    elif "updates" in line[0]:
        assert left.priorities[0] == 0.5
    elif "reset" in line[0]:
        assert left.columns["x"].tolist() == [3.0]
    elif "insert" in line[0]:
        assert left.priorities[2] == 2.0
    elif "current_size" in line[0]:
        assert result == 2
    elif "sample" in line[0]:
        assert result is not None
