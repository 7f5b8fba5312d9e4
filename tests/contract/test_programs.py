"""Random programs through a real socket end as an obvious slow twin says (`tests.twin`)."""

import itertools

import pytest

from tests.contract.peer import Peer
from tests.twin.checks import check
from tests.twin.ends import SocketEnd

ANY_WRITERS = 1 << 30  # more than a program has, so that the server forgets none
_numbers = itertools.count()


def check_programs(server_url: str, seeds: range) -> None:
    with Peer(server_url) as peer:
        check(
            seeds,
            requests=40,
            make=lambda: SocketEnd(peer, f"program{next(_numbers)}-"),
            most_writers=ANY_WRITERS,
        )


def test_any_program_agrees_with_the_twin(server_url: str):
    check_programs(server_url, range(50_000, 50_030))


@pytest.mark.slow
def test_hundreds_of_programs_agree_with_the_twin(server_url: str):
    check_programs(server_url, range(51_000, 51_400))
