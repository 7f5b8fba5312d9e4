import numpy as np
import pytest

from replay_server.memory.changes import Changes
from replay_server.memory.errors import StaleSequenceError
from replay_server.memory.writers import WriterLedger


@pytest.fixture
def ledger() -> WriterLedger:
    ledger = WriterLedger(2, Changes())
    ledger.record("a", 5, np.arange(10, 12))
    ledger.record("b", 1, np.arange(12, 12))
    return ledger


def keys(ledger: WriterLedger, writer: str, sequence: int) -> list[int]:
    recalled = ledger.recall(writer, sequence)
    assert recalled is not None
    return recalled.tolist()


def test_an_unknown_writer_is_new(ledger):
    assert ledger.recall("c", 0) is None


def test_the_last_sequence_is_answered_again(ledger):
    assert keys(ledger, "a", 5) == list(range(10, 12))
    assert keys(ledger, "b", 1) == list(range(12, 12))  # an insert of no rows is done, too


def test_a_higher_sequence_is_new_whatever_the_gap(ledger):
    assert ledger.recall("a", 6) is None
    assert ledger.recall("a", 2**63 - 1) is None


def test_a_lower_sequence_is_stale(ledger):
    with pytest.raises(StaleSequenceError) as caught:
        ledger.recall("a", 4)

    assert (caught.value.writer, caught.value.sequence, caught.value.last) == ("a", 4, 5)


def test_beyond_the_limit_the_writer_silent_longest_is_forgotten(ledger):
    ledger.record("a", 6, np.arange(12, 13))
    ledger.record("c", 0, np.arange(13, 14))

    assert ledger.recall("b", 0) is None
    assert keys(ledger, "a", 6) == list(range(12, 13))
    assert keys(ledger, "c", 0) == list(range(13, 14))


def test_a_writer_that_repeats_its_insert_is_not_silent(ledger):
    ledger.recall("a", 5)
    ledger.record("c", 0, np.arange(12, 13))

    assert keys(ledger, "a", 5) == list(range(10, 12))
    assert ledger.recall("b", 1) is None


def test_asking_for_a_new_insert_remembers_nothing(ledger):
    assert ledger.recall("c", 3) is None
    assert ledger.recall("c", 0) is None
    assert ledger.recall("a", 9) is None
    assert keys(ledger, "a", 5) == list(range(10, 12))


def test_keys_that_do_not_follow_one_another_are_kept_as_they_are(ledger):
    given = np.array([7, 3, 4])
    ledger.record("a", 6, given)
    given[:] = 0

    assert keys(ledger, "a", 6) == [7, 3, 4]
