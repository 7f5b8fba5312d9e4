"""The table of sentences is true: each stands in docs/protocol.md, and each of its tests exists."""

import re
from pathlib import Path

import pytest

from tests.contract.sentences import SENTENCES

FOLDER = Path(__file__).parent
PROTOCOL = " ".join((FOLDER.parents[1] / "docs" / "protocol.md").read_text().split())


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_stands_in_the_protocol(sentence: str):
    assert sentence in PROTOCOL


@pytest.mark.parametrize("test", sorted(set(SENTENCES.values())))
def test_the_test_of_a_sentence_exists(test: str):
    module, _, name = test.partition(".")
    text = (FOLDER / f"test_{module}.py").read_text()

    assert re.search(rf"^def test_{name}\(", text, re.MULTILINE)
