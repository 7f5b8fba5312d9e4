"""Random programs, directly on the service, end as an obvious slow twin says.

The service is mirrored: another one of the same seeds never sees what is refused, and must go on
answering alike. `python -m tests.twin` runs more of them and tells what they came to.
"""

import pytest

from tests.twin.checks import check
from tests.twin.ends import MirroredEnd
from tests.twin.mistakes import MISTAKES, RIGHT, Mistake, found_by
from tests.twin.record import Hits, missing

MOST_WRITERS = 3  # of four that there are, so that the one silent longest is forgotten


def check_programs(seeds: range) -> Hits:
    return check(seeds, 40, lambda: MirroredEnd(MOST_WRITERS), MOST_WRITERS)


@pytest.mark.parametrize("first", range(0, 160, 40))
def test_any_program_agrees_with_the_twin(first: int):
    check_programs(range(first, first + 40))


@pytest.mark.slow
def test_thousands_of_programs_come_to_everything_and_agree_with_the_twin():
    assert missing(check_programs(range(10_000, 14_000)), least=10) == []


@pytest.mark.slow
def test_without_a_mistake_nothing_is_seen():
    assert not found_by(RIGHT, programs=1000)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_in_the_memory_is_seen(mistake: Mistake):
    assert found_by(mistake, programs=1000)
