"""docs/comparison.md leaves out nothing that peers offer or got wrong, and its proofs exist.

`peer_rows.txt` lists the rows of both tables: features, an empty line, mistakes.
"""

import re
from pathlib import Path

import pytest

from tests.documents.blocks import ROOT

PAGE = ROOT / "docs" / "comparison.md"
FEATURES, MISTAKES = (
    part.splitlines()
    for part in (Path(__file__).parent / "peer_rows.txt").read_text().strip().split("\n\n")
)
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text().splitlines()
    if line.startswith("| ")
]
LINK = re.compile(r"\[[^\]]+\]\(\.\./(tests/[\w/]+\.py) \"(\w+)\"\)")
NOT_YET = "not yet"


def row(title: str) -> list[str]:
    (found,) = [cells for cells in ROWS if cells[0] == title]
    return found


@pytest.mark.parametrize("title", FEATURES)
def test_a_feature_of_peers_has_a_row_with_a_test_or_says_that_it_is_not_there(title: str):
    _, here, tests, *peers = row(title)

    assert bool(LINK.search(tests)) != (here == NOT_YET)
    assert len(peers) == 6


@pytest.mark.parametrize("title", MISTAKES)
def test_a_mistake_of_peers_has_a_row_with_a_test(title: str):
    assert LINK.search(row(title)[-1])


@pytest.mark.parametrize(
    ("file", "test"), sorted(set(LINK.findall(PAGE.read_text()))), ids=lambda it: it
)
def test_what_a_row_refers_to_exists(file: str, test: str):
    assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.MULTILINE)


def test_every_link_to_a_test_names_one():
    links = re.findall(r"\]\(\.\./tests/\S+", PAGE.read_text())

    assert len(links) == len(LINK.findall(PAGE.read_text()))
