"""Straight to the shards of a cluster, past the gateway: what moves rows goes where they lie.

A gateway says with every answer that it is one. From then on the client asks it for the shards,
about once a second while there is something to do, and carries out the plans of
`replay_wire.sharding` itself. Where no shard can be reached from here, or none answers, requests go
through the gateway as before.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import Any, Final, TypeVar

from agent_client.errors import (
    InvalidReplyError,
    NotAReplayServerError,
    ReplayClientError,
    ServerRejectedError,
    ServerUnavailableError,
    ServerUnreachableError,
    rejection,
)
from agent_client.transport.channel import Channel
from replay_wire import endpoints
from replay_wire.messages import InfoReply
from replay_wire.sharding.asks import Ask, Lost, Outcome, Plan, RefusalError
from replay_wire.sharding.cluster import Cluster
from replay_wire.sharding.inserting import retract_doubles
from replay_wire.sharding.members import Members

__all__ = ["DirectPath"]

Result = TypeVar("Result")

_REFRESH_S: Final = 1.0
_SILENT_S: Final = 0.5
_PING_S: Final = 0.4
_MOST_THREADS: Final = 64


class DirectPath:
    """The shards behind a gateway. Thread-safe.

    Attributes:
        cluster: what is known of them; use it within `run` only.
    """

    def __init__(self, gateway: Channel, open_channel: Callable[[str], Channel]) -> None:
        """Know no shard yet.

        Args:
            gateway: who is asked for them.
            open_channel: makes the way to a shard of its URL.
        """
        self.cluster = Cluster(Members())
        self._gateway = gateway
        self._open_channel = open_channel
        self._channels: dict[int, tuple[str, Channel]] = {}
        self._lock = threading.RLock()
        self._refreshing = threading.Lock()
        self._refreshed_s = float("-inf")
        self._threads = ThreadPoolExecutor(_MOST_THREADS, "replay-shard")
        self._is_closed = False

    def run(self, plan: Plan[Result]) -> Result:
        """Return the result of a plan.

        Raises:
            ServerRejectedError: the cluster refuses; ServerUnavailableError where no shard answers.
        """
        self._refresh_if_due()
        try:
            step = self._advance(plan, None)
            while True:
                if isinstance(step, int | float):
                    time.sleep(step)
                    step = self._advance(plan, [])
                else:
                    step = self._advance(plan, self._ask_all(step))
        except _DoneError as done:
            result: Result = done.value
            return result
        except RefusalError as error:
            raise rejection(error.problem) from error
        finally:
            with self._lock:
                plan.close()

    def close(self) -> None:
        """Close the connections to the shards."""
        self._is_closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for _, channel in self._channels.values():
            channel.close()

    def _advance(self, plan: Plan[Any], outcomes: list[Outcome] | None) -> Sequence[Ask] | float:
        """Take a plan's next step: one thread at a time, as they all share what is known."""
        with self._lock:
            try:
                return next(plan) if outcomes is None else plan.send(outcomes)
            except StopIteration as done:
                raise _DoneError(done.value) from None

    # -- asking -----------------------------------------------------------------------------------

    def _ask_all(self, asks: Sequence[Ask]) -> list[Outcome]:
        if not asks:
            return []
        futures = [self._threads.submit(self._ask, ask) for ask in asks[1:]]
        first = self._threads.submit(self._ask, asks[0])
        return [
            self._settled(ask, future) for ask, future in zip(asks, [first, *futures], strict=True)
        ]

    def _settled(self, ask: Ask, future: Future[Outcome]) -> Outcome:
        """Return what comes of an ask; a shard that is silent is asked whether it lives."""
        while not wait_for([future], timeout=_SILENT_S).done:
            if not self._lives(ask.shard):
                self._hurry()
                return Lost(f"shard {ask.shard} does not answer", may_have_happened=True)
        outcome = future.result()
        if isinstance(outcome, Lost):
            self._hurry()
        return outcome

    def _ask(self, ask: Ask) -> Outcome:
        known = self._channels.get(ask.shard)
        if known is None:
            return Lost(f"shard {ask.shard} is gone", may_have_happened=False)
        try:
            return known[1].call(ask.endpoint, table=ask.name, message=ask.message)
        except ServerUnavailableError as error:
            return Lost(str(error), may_have_happened=False)
        except ServerRejectedError as error:
            return error.problem
        except ServerUnreachableError as error:
            return Lost(str(error), may_have_happened=error.may_have_happened)
        except (InvalidReplyError, NotAReplayServerError) as error:
            return Lost(str(error), may_have_happened=True)

    def _lives(self, shard: int) -> bool:
        known = self._channels.get(shard)
        if known is None:
            return False
        try:
            known[1].without_retries(_PING_S).call(endpoints.HEALTHZ)
        except ReplayClientError:
            return False
        return True

    # -- who there is -----------------------------------------------------------------------------

    def _hurry(self) -> None:
        """Ask for the shards at the next occasion."""
        self._refreshed_s = min(self._refreshed_s, time.monotonic() - _REFRESH_S / 2)

    def _refresh_if_due(self) -> None:
        """Ask the gateway for the shards; wait for it only where none are known."""
        if time.monotonic() - self._refreshed_s < _REFRESH_S:
            return
        if not self._channels:
            with self._refreshing:
                if not self._channels:
                    self._refresh()
        elif self._refreshing.acquire(blocking=False):
            try:
                self._threads.submit(self._refresh_and_release)
            except RuntimeError:  # closed meanwhile
                self._refreshing.release()

    def _refresh_and_release(self) -> None:
        try:
            self._refresh()
        finally:
            self._refreshing.release()

    def _refresh(self) -> None:
        self._refreshed_s = time.monotonic()
        try:
            info: InfoReply = self._gateway.without_retries().call(endpoints.INFO)
        except ReplayClientError:
            return  # the shards that are known may well go on without it
        old = dict(self._channels)
        self._channels = {
            shard.number: old[shard.number]
            if shard.number in old and old[shard.number][0] == shard.url
            else (shard.url, self._open_channel(shard.url).without_retries())
            for shard in info.shards
        }
        with self._lock:
            self.cluster.max_draws = info.limits.max_draws_per_request
            self.cluster.members.replace(
                {shard.number: shard.state for shard in info.shards}, trusted=True
            )
            suspected = self.cluster.members.suspected
        for shard in suspected:
            if self._lives(shard) and self._has_settled(shard):
                with self._lock:
                    self.cluster.members.trust(shard)

    def _has_settled(self, shard: int) -> bool:
        """Have a shard that is back take back what others have done for it."""
        with self._lock:
            tables = list(self.cluster.views)
        for table in tables:
            try:
                plan = retract_doubles(self.cluster, table, shard)
                step = self._advance(plan, None)
                while not isinstance(step, int | float):
                    step = self._advance(plan, [self._ask(ask) for ask in step])
            except _DoneError:
                continue
            except RefusalError:
                return False
        return True


class _DoneError(Exception):
    """A plan has come to its end."""

    def __init__(self, value: Any) -> None:
        self.value = value
        super().__init__()
