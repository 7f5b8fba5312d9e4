"""The table of sentences is whole and true.

Every sentence of the protocol's sections stands in it, cut no coarser than it has to be, with
tests that exist or with a reason of a known kind.
"""

import re

import pytest

from tests.contract.sentences import SECTIONS, Statement, sentences, squeezed, statements
from tests.names import exists

TABLE = statements()
REASONS = re.compile(r"no promise: .+")


@pytest.mark.parametrize("section", SECTIONS)
def test_every_sentence_is_in_the_table_in_its_order(section: str):
    pieces = [piece for piece in TABLE if piece.section == section]

    for sentence in sentences(section):
        told = ""
        while pieces and len(told) < len(squeezed(sentence)):
            told += squeezed(pieces.pop(0).text)

        assert told == squeezed(sentence), f"section {section}: {sentence.strip()}"
    assert not pieces


@pytest.mark.parametrize("piece", TABLE, ids=lambda piece: f"{piece.section}: {piece.text[:40]}")
def test_a_statement_has_tests_or_a_reason(piece: Statement):
    assert bool(piece.tests) != bool(piece.reason)
    assert not piece.reason or REASONS.fullmatch(piece.reason)


@pytest.mark.parametrize("test", sorted({test for piece in TABLE for test in piece.tests}))
def test_the_test_of_a_statement_exists(test: str):
    assert exists(test)
