"""Long work in the background leaves most of the machine to others."""

import pytest

from replay_server.durability.pace import Pace


class Clock:
    """A clock that goes on by what is worked and slept."""

    def __init__(self) -> None:
        self.now = 50.0
        self.rests: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.rests.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_three_times_as_long_as_a_piece_took_is_rested(clock: Clock):
    pace = Pace(clock, clock.sleep)
    for worked_s in (0.002, 0.001, 0.0):
        clock.now += worked_s
        pace.rest()

    assert clock.rests == pytest.approx([0.006, 0.003, 0.0])


def test_a_piece_that_took_long_is_followed_by_a_short_rest(clock: Clock):
    pace = Pace(clock, clock.sleep)
    clock.now += 5.0
    pace.rest()

    assert clock.rests == [0.1]
