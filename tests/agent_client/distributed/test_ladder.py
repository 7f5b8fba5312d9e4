"""Epsilons of many actors."""

import pytest

from agent_client.distributed.ladder import (
    ladder_epsilon,
    position_of_index,
    position_of_ticket,
)


def test_epsilons_are_those_of_the_paper() -> None:
    epsilons = [ladder_epsilon(position_of_index(i, 4)) for i in range(4)]

    assert epsilons == pytest.approx([0.4, 0.4 ** (10 / 3), 0.4 ** (17 / 3), 0.4**8])


def test_one_actor_alone_explores_most() -> None:
    assert ladder_epsilon(position_of_index(0, 1)) == 0.4


@pytest.mark.parametrize(("index", "actors"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_actor_beyond_the_last(index: int, actors: int) -> None:
    with pytest.raises(ValueError, match="index"):
        position_of_index(index, actors)


def test_the_first_tickets_halve_the_widest_gaps() -> None:
    assert [position_of_ticket(ticket) for ticket in range(6)] == [0, 0.5, 0.25, 0.75, 0.125, 0.625]


@pytest.mark.parametrize("first", [0, 5, 1023])
@pytest.mark.parametrize("actors", [1, 3, 4, 13])
def test_whoever_comes_in_a_row_stands_evenly(first: int, actors: int) -> None:
    places = sorted(position_of_ticket(ticket) for ticket in range(first, first + actors))

    gaps = [after - before for before, after in zip(places, [*places[1:], 1.0], strict=True)]
    assert max(gaps) <= 4 / actors
    assert len(set(places)) == actors
