import pytest

from replay_server.memory.errors import StaleSequenceError
from replay_server.memory.writers import WriterLedger


@pytest.fixture
def ledger() -> WriterLedger:
    ledger = WriterLedger(2)
    ledger.record("a", 5, range(10, 12))
    ledger.record("b", 1, range(12, 12))
    return ledger


def test_an_unknown_writer_is_new(ledger):
    assert ledger.recall("c", 0) is None


def test_the_last_sequence_is_answered_again(ledger):
    assert ledger.recall("a", 5) == range(10, 12)
    assert ledger.recall("b", 1) == range(12, 12)  # an insert of no rows is done, too


def test_a_higher_sequence_is_new_whatever_the_gap(ledger):
    assert ledger.recall("a", 6) is None
    assert ledger.recall("a", 2**63 - 1) is None


def test_a_lower_sequence_is_stale(ledger):
    with pytest.raises(StaleSequenceError) as caught:
        ledger.recall("a", 4)

    assert (caught.value.writer, caught.value.sequence, caught.value.last) == ("a", 4, 5)


def test_beyond_the_limit_the_writer_silent_longest_is_forgotten(ledger):
    ledger.record("a", 6, range(12, 13))
    ledger.record("c", 0, range(13, 14))

    assert ledger.recall("b", 0) is None
    assert ledger.recall("a", 6) == range(12, 13)
    assert ledger.recall("c", 0) == range(13, 14)


def test_a_writer_that_repeats_its_insert_is_not_silent(ledger):
    ledger.recall("a", 5)
    ledger.record("c", 0, range(12, 13))

    assert ledger.recall("a", 5) == range(10, 12)
    assert ledger.recall("b", 1) is None


def test_asking_for_a_new_insert_remembers_nothing(ledger):
    assert ledger.recall("c", 3) is None
    assert ledger.recall("c", 0) is None
    assert ledger.recall("a", 9) is None
    assert ledger.recall("a", 5) == range(10, 12)
