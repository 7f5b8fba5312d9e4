import asyncio
import threading
import time
from typing import Any, cast

from replay_server.durability.syncer import Syncer


class SlowJournal:
    """A journal whose syncs end when they are let."""

    def __init__(self) -> None:
        self.appended = 0
        self.may_end = threading.Event()
        self.syncing = threading.Event()

    def sync(self) -> None:
        self.syncing.set()
        self.may_end.wait()


def syncer_of(journal: SlowJournal) -> Syncer:
    return Syncer(cast("Any", journal))


def test_nothing_lags_that_was_never_appended():
    syncer = syncer_of(SlowJournal())

    assert syncer.lag_s == 0.0
    syncer.close()


def test_what_was_appended_lags_until_it_is_synced():
    async def scenario() -> None:
        journal = SlowJournal()
        syncer = syncer_of(journal)
        began_s = time.monotonic()
        journal.appended = 1
        syncer.sync_soon(())
        waiting = asyncio.create_task(syncer.wait())
        await asyncio.to_thread(journal.syncing.wait)

        assert 0 < syncer.lag_s <= time.monotonic() - began_s
        journal.may_end.set()
        await waiting
        assert syncer.lag_s == 0.0
        syncer.close()

    asyncio.run(scenario())


def test_what_came_during_a_sync_lags_since_it_began():
    async def scenario() -> None:
        journal = SlowJournal()
        syncer = syncer_of(journal)
        journal.appended = 1
        syncer.sync_soon(())
        first = asyncio.create_task(syncer.wait())
        await asyncio.to_thread(journal.syncing.wait)
        began_s = time.monotonic()
        journal.appended = 2
        syncer.sync_soon(())
        before_s = syncer.lag_s
        journal.may_end.set()
        await first

        assert 0 < syncer.lag_s < before_s + time.monotonic() - began_s
        await syncer.wait()
        assert syncer.lag_s == 0.0
        syncer.close()

    asyncio.run(scenario())
