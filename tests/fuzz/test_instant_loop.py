import asyncio
import threading
import time

import pytest

from tests.fuzz.instant_loop import InstantLoop, NothingLeftError


@pytest.fixture
def loop():
    made = InstantLoop()
    yield made
    made.close()


def test_time_passes_in_no_time(loop: InstantLoop):
    began = time.monotonic()

    loop.run_until_complete(asyncio.sleep(3600))

    assert loop.time() >= 3600
    assert time.monotonic() - began < 60


def test_what_nobody_will_ever_do_is_not_waited_for(loop: InstantLoop):
    waiting = asyncio.Event().wait()

    with pytest.raises(NothingLeftError):
        loop.run_until_complete(waiting)


def test_functions_for_threads_are_called_and_their_errors_passed_on(loop: InstantLoop):
    async def both() -> int:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return await asyncio.to_thread(len, "ab")

    assert loop.run_until_complete(both()) == 2


def test_no_time_passes_while_a_thread_is_at_work(loop: InstantLoop):
    may_end = threading.Event()

    async def wait_for_thread() -> float:
        asyncio.get_running_loop().call_later(3600, may_end.set)
        under_way = asyncio.wrap_future(loop.threads.submit(may_end.wait, 0.05))
        await under_way
        return loop.time()

    assert loop.run_until_complete(wait_for_thread()) < 3600
    assert not may_end.is_set()
