import asyncio

import pytest

from replay_server.errors import UnavailableError
from replay_server.memory.errors import NothingToDrawError, RateLimitedError
from replay_server.waiting import WaitingLine, wait_in_line

LONG_S = 60.0


class Gate:
    """Attempts that are held back while it is shut."""

    def __init__(self) -> None:
        self.open = False
        self.error: Exception | None = None
        self.passed: list[str] = []

    def attempt(self, name: str = "a") -> str:
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
        run = wait_in_line([line], lambda name=name: gate.attempt(name), LONG_S, None)
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
            await wait_in_line([line], gate.attempt, 0.01, None)
        gate.open = True
        assert await wait_in_line([line], gate.attempt, 0.01, None) == "a"
        assert len(line) == 0

    asyncio.run(scenario())


def test_whoever_has_gone_is_not_served():
    async def scenario() -> None:
        line, gate = WaitingLine(), Gate()
        gone = asyncio.Event()
        task = asyncio.create_task(wait_in_line([line], gate.attempt, LONG_S, gone.wait()))  # type: ignore[arg-type]
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

        gate.error = error
        line.advance()

        with pytest.raises(type(error)):
            await task

    asyncio.run(scenario())
