"""The catalogue fits the code, and leaves out no test that the tables name."""

import pytest

from tests.contract.sentences import statements
from tests.mutations.catalogue import ROOT, Mutation, mutations
from tests.mutations.mistakes import MISTAKES
from tests.names import exists

CATALOGUE = mutations()
CAUGHT = {test for mutation in CATALOGUE for test in mutation.tests}


@pytest.mark.parametrize("mutation", CATALOGUE, ids=lambda mutation: mutation.name)
def test_a_mistake_can_be_made_in_one_place(mutation: Mutation):
    text = (ROOT / mutation.file).read_text(encoding="utf-8")

    assert text.count(mutation.old) == 1
    assert mutation.new != mutation.old
    assert mutation.tests


def test_mistakes_have_names_of_their_own():
    names = [mutation.name for mutation in CATALOGUE]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("test", sorted(CAUGHT))
def test_a_test_that_catches_something_exists(test: str):
    assert exists(test)


@pytest.mark.parametrize("test", sorted({test for each in statements() for test in each.tests}))
def test_a_test_of_the_protocol_catches_something(test: str):
    assert test in CAUGHT


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_of_a_peer_is_put_in_and_caught(mistake: str):
    assert MISTAKES[mistake]
    assert set(MISTAKES[mistake]) <= CAUGHT
