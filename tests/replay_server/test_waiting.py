import asyncio

import pytest

from replay_server.errors import UnavailableError
from replay_server.memory.errors import NothingToDrawError, RateLimitedError
from replay_server.waiting import Demand, WaitingLine, Waits, wait_in_line

LONG_S = 60.0


class Gate:
    """Attempts that are held back while it is shut."""

    def __init__(self) -> None:
        self.open = False
        self.error: Exception | None = None
        self.passed: list[str] = []
        self.attempts = 0

    def demand(self, of: str = "same", *, is_all: bool = False) -> Demand:
        return Demand(of, lambda: not self.open, is_all)

    def attempt(self, name: str = "a") -> str:
        self.attempts += 1
        if self.error is not None:
            raise self.error
        if not self.open:
            raise RateLimitedError("patience")
        self.passed.append(name)
        return name


async def until_waiting(line: WaitingLine, count: int) -> None:
    while len(line) < count:
        await asyncio.sleep(0)


async def start(line: WaitingLine, gate: Gate, *names: str) -> list[asyncio.Task[str]]:
    tasks = []
    for name in names:
        run = wait_in_line(
            [line], lambda name=name: gate.attempt(name), gate.demand(), LONG_S, None
        )
        tasks.append(asyncio.create_task(run))
        await until_waiting(line, len(tasks))
    return tasks


def test_who_waits_is_done_in_the_order_they_came():
    async def scenario() -> None:
        line, gate = WaitingLine(), Gate()
        tasks = await start(line, gate, "a", "b", "c")
        line.advance()
        assert (gate.passed, len(line)) == ([], 3)

        gate.open = True
        line.advance()

        assert (gate.passed, len(line)) == (["a", "b", "c"], 0)  # at that very moment
        assert [await task for task in tasks] == ["a", "b", "c"]

    asyncio.run(scenario())


def test_a_last_attempt_is_made_when_the_time_is_over():
    async def scenario() -> None:
        line, gate = WaitingLine(), Gate()
        with pytest.raises(RateLimitedError):
            await wait_in_line([line], gate.attempt, gate.demand(), 0.01, None)
        gate.open = True
        assert await wait_in_line([line], gate.attempt, gate.demand(), 0.01, None) == "a"
        assert len(line) == 0

    asyncio.run(scenario())


def test_whoever_has_gone_is_not_served():
    async def scenario() -> None:
        line, gate = WaitingLine(), Gate()
        gone = asyncio.Event()
        task = asyncio.create_task(
            wait_in_line([line], gate.attempt, gate.demand(), LONG_S, gone.wait())  # type: ignore[arg-type]
        )
        await until_waiting(line, 1)

        gone.set()
        with pytest.raises(asyncio.CancelledError):
            await task

        gate.open = True
        line.advance()
        assert (gate.passed, len(line)) == ([], 0)

    asyncio.run(scenario())


def test_everyone_can_be_sent_away_with_an_error():
    async def scenario() -> None:
        line, gate = WaitingLine(), Gate()
        tasks = await start(line, gate, "a", "b")

        line.dismiss(UnavailableError())

        for task in tasks:
            with pytest.raises(UnavailableError):
                await task
        assert len(line) == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("error", [NothingToDrawError(3), MemoryError()], ids=["ours", "any"])
def test_an_error_is_theirs_who_wait_and_not_of_who_advances_the_line(error: Exception):
    async def scenario() -> None:
        line, gate = WaitingLine(), Gate()
        (task,) = await start(line, gate, "a")

        gate.error, gate.open = error, True
        line.advance()

        with pytest.raises(type(error)):
            await task

    asyncio.run(scenario())


def test_a_thousand_who_wait_for_the_same_are_not_tried_one_by_one():
    async def scenario() -> None:
        line, gate = WaitingLine(), Gate()
        tasks = await start(line, gate, *map(str, range(1000)))

        line.advance()

        assert (gate.attempts, len(line)) == (0, 1000)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(line) == 0

    asyncio.run(scenario())


class Stock:
    """Something to be had; whoever takes the last of it leaves those after them waiting."""

    def __init__(self) -> None:
        self.left = 0
        self.attempts: list[str] = []
        self.passed: list[str] = []

    def wait(self, line: WaitingLine, name: str, amount: int, spare: int | None = None) -> "Wait":
        """Wait for an amount; `spare` is what has to be there, beyond what the demand tells."""

        def attempt() -> str:
            self.attempts.append(name)
            if self.left < (amount if spare is None else spare):
                raise RateLimitedError("patience")
            self.left -= amount
            self.passed.append(name)
            return name

        demand = Demand(amount, lambda: self.left < amount, is_all=spare is None)
        return asyncio.create_task(wait_in_line([line], attempt, demand, LONG_S, None))


Wait = asyncio.Task[str]


async def abandon(*waits: Wait) -> None:
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


def test_a_smaller_demand_passes_a_larger_one_and_otherwise_they_go_by_arrival():
    async def scenario() -> None:
        line, stock = WaitingLine(), Stock()
        sizes = {"large": 5, "first": 2, "small": 1, "second": 2}
        waits = [stock.wait(line, name, amount) for name, amount in sizes.items()]
        await until_waiting(line, 4)

        stock.left = 4
        line.advance()

        assert (stock.passed, stock.left, len(line)) == (["first", "small"], 1, 2)
        await abandon(*waits)

    asyncio.run(scenario())


def test_one_that_is_refused_for_its_own_sake_does_not_hold_back_its_like():
    async def scenario() -> None:
        line, stock = WaitingLine(), Stock()
        waits = [stock.wait(line, "choosy", 1, spare=9), stock.wait(line, "modest", 1, spare=1)]
        await until_waiting(line, 2)

        stock.left = 1
        line.advance()

        assert (stock.passed, stock.attempts) == (["modest"], ["choosy", "modest"])
        await abandon(*waits)

    asyncio.run(scenario())


def test_whoever_is_made_possible_by_one_who_came_later_gets_through_as_well():
    async def scenario() -> None:
        line, stock = WaitingLine(), Stock()
        early = stock.wait(line, "early", 3)
        giver = stock.wait(line, "giver", -3, spare=0)  # it brings what the others wait for
        late = stock.wait(line, "late", 3)
        await until_waiting(line, 3)

        line.advance()

        assert (stock.passed, len(line)) == (["giver", "early"], 1)
        await abandon(early, giver, late)

    asyncio.run(scenario())


def test_the_time_in_which_some_wait_counts_once_however_many():
    waits = Waits()
    waits.begin(10.0)
    waits.begin(11.0)

    assert (waits.now, waits.held_s(12.0)) == (2, 2.0)
    waits.end(13.0)
    assert waits.held_s(14.0) == 4.0
    waits.end(15.0)
    assert (waits.now, waits.held_s(20.0)) == (0, 5.0)
    waits.begin(30.0)
    assert waits.held_s(31.0) == 6.0


def test_inserts_and_draws_that_wait_are_counted_apart():
    async def scenario() -> None:
        line, gate = WaitingLine(), Gate()
        insert = Demand("rows", lambda: not gate.open, is_all=True, writer="w", inserts=True)
        runs = [
            wait_in_line([line], gate.attempt, demand, LONG_S, None)
            for demand in (insert, gate.demand(), gate.demand())
        ]
        tasks = [asyncio.create_task(run) for run in runs]
        await until_waiting(line, 3)
        assert (line.inserts.now, line.draws.now) == (1, 2)
        assert line.waiting_writers(5) == ["w"]
        assert line.waiting_writers(0) == []

        tasks[1].cancel()
        await asyncio.gather(tasks[1], return_exceptions=True)
        assert (line.inserts.now, line.draws.now) == (1, 1)

        gate.open = True
        line.advance()
        assert (line.inserts.now, line.draws.now) == (0, 0)
        await asyncio.gather(tasks[0], tasks[2])

    asyncio.run(scenario())


def test_waits_sum_up_those_of_all_who_wait_and_the_time_in_which_any_does():
    waits = Waits()

    #  a  |------------|
    #  b       |------------|          c |----
    #     1    2       4    6            10   13
    waits.begin(1.0)
    waits.begin(2.0)
    waits.end(4.0)
    assert (waits.now, waits.begun) == (1, 2)
    assert (waits.waited_s(5.0), waits.held_s(5.0)) == (3 + 3, 4)
    waits.end(6.0)
    assert (waits.waited_s(9.0), waits.held_s(9.0)) == (3 + 4, 5)
    waits.begin(10.0)
    assert (waits.waited_s(13.0), waits.held_s(13.0)) == (3 + 4 + 3, 5 + 3)
    assert (waits.now, waits.begun) == (1, 3)
