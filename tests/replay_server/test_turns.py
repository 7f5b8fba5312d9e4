"""Turns: an asyncio loop, a clock that only work moves, and the rounds of the loop counted."""

import asyncio
from collections import Counter

import pytest

from replay_server.errors import OverloadedError
from replay_server.turns import FEW, Turns


class Crowd:
    """Requests that come at once, each with some work to do.

    Attributes:
        done: numbers of those that had their turn, in order.
        refused: of those that were refused.
        begun_in: round of the loop -> how many began in it.
        waited_s: of those that were refused, from when they came.
    """

    def __init__(self, patience_s: float = 1e9) -> None:
        self.now = 100.0
        self.turns = Turns(patience_s, lambda: self.now)
        self.done: list[int] = []
        self.refused: list[int] = []
        self.begun_in: Counter[int] = Counter()
        self.waited_s: list[float] = []
        self._round = 0

    def come(self, count: int, work_s: float) -> None:
        asyncio.run(self._come(count, work_s))

    async def _come(self, count: int, work_s: float) -> None:
        requests = [asyncio.ensure_future(self._ask(number, work_s)) for number in range(count)]
        while not all(one.done() for one in requests):
            await asyncio.sleep(0)
            self._round += 1

    async def _ask(self, number: int, work_s: float) -> None:
        came = self.now
        try:
            await self.turns.turn()
        except OverloadedError:
            self.refused.append(number)
            self.waited_s.append(self.now - came)
            return
        self.begun_in[self._round] += 1
        self.now += work_s
        self.done.append(number)


def test_one_that_comes_alone_has_its_turn_at_once():
    async def scenario() -> None:
        turn = Turns(1.0).turn()
        with pytest.raises(StopIteration):
            turn.send(None)

    asyncio.run(scenario())


def test_a_round_has_no_more_than_a_slice_of_work():
    crowd = Crowd()

    crowd.come(50, work_s=0.004)

    assert crowd.done == [*range(50)]
    assert max(crowd.begun_in.values()) == 2  # the first slice has time for it, the later for one


def test_many_that_take_no_time_begin_in_a_few_rounds():
    crowd = Crowd()

    crowd.come(1000, work_s=0.00005)

    assert crowd.done == [*range(1000)]
    assert len(crowd.begun_in) < 25


def test_one_that_comes_later_does_not_overtake():
    crowd = Crowd()

    async def scenario() -> None:
        first = [asyncio.ensure_future(crowd._ask(number, 0.02)) for number in range(5)]
        await asyncio.sleep(0)
        await asyncio.gather(*first, crowd._ask(5, 0.0))

    asyncio.run(scenario())

    assert crowd.done == [*range(6)]


def test_where_many_stand_in_line_those_who_stood_for_long_are_refused():
    crowd = Crowd(patience_s=0.5)

    crowd.come(1000, work_s=0.01)

    assert len(crowd.refused) > 700
    assert max(crowd.waited_s) < 0.55
    assert crowd.done[-1] == 999  # the last few are not many
    assert sorted(crowd.done + crowd.refused) == [*range(1000)]


def test_a_few_may_stand_for_long():
    crowd = Crowd(patience_s=0.5)

    crowd.come(FEW, work_s=1.0)

    assert crowd.done == [*range(FEW)]


def test_one_that_is_cancelled_in_line_holds_nobody_up():
    crowd = Crowd()

    async def scenario() -> None:
        requests = [asyncio.ensure_future(crowd._ask(number, 0.02)) for number in range(5)]
        await asyncio.sleep(0)
        requests[3].cancel()
        await asyncio.gather(*requests, return_exceptions=True)

    asyncio.run(scenario())

    assert crowd.done == [0, 1, 2, 4]


def test_a_loop_that_ended_leaves_nobody_standing():
    crowd = Crowd()

    async def one() -> None:
        await crowd._ask(1, 1.0)

    for _ in range(2):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(one())
        loop.close()  # before the round in which the slice would have ended

    assert crowd.done == [1, 1]
