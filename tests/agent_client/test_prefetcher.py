"""The prefetcher: batches ahead, updates in order and not lost, a prompt end."""

import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_client import (
    BatchTimeoutError,
    Prefetcher,
    PrefetcherClosedError,
    RateLimitedError,
    ReplayClient,
    SchemaMismatchError,
    ServerUnreachableError,
    StorageFullError,
    UnknownTableError,
)
from tests.agent_client.flaky_server import LASTING, Fault, FlakyServer

PATIENCE_S = 20.0


@pytest.fixture
def server() -> Iterator[FlakyServer]:
    with FlakyServer() as server:
        yield server


@pytest.fixture
def client(server: FlakyServer) -> Iterator[ReplayClient]:
    with ReplayClient(server.url) as client:
        yield client


class Gate:
    """A beta that counts how often it was asked, and lets a test wait for that."""

    def __init__(self) -> None:
        self.calls = 0
        self._changed = threading.Condition()

    def __call__(self) -> float:
        with self._changed:
            self.calls += 1
            self._changed.notify_all()
        return self.calls / 10

    def wait_for(self, calls: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.calls >= calls, PATIENCE_S)

    def stays_at(self, calls: int) -> bool:
        """Return whether it is asked no more often, as far as a tenth of a second can tell."""
        with self._changed:
            return not self._changed.wait_for(lambda: self.calls > calls, 0.1)


def test_batches_come_in_the_order_of_their_draws(client: ReplayClient) -> None:
    with Prefetcher(client, "t", 3) as batches:
        keys = [batches.next().keys.tolist() for _ in range(4)]

    assert keys == [[1, 1, 1], [2, 2, 2], [3, 3, 3], [4, 4, 4]]
    assert batches.batches_taken == 4


def test_no_more_than_depth_batches_are_drawn_ahead(
    server: FlakyServer, client: ReplayClient
) -> None:
    beta = Gate()
    with Prefetcher(client, "t", 1, depth=3, beta=beta) as batches:
        batches.next()
        beta.wait_for(4)
        assert beta.stays_at(4)
        batches.next()
        beta.wait_for(5)
        assert beta.stays_at(5)

    assert [draw.beta for draw in server.draws] == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_several_batches_come_of_one_request_when_there_is_room_for_all(
    server: FlakyServer, client: ReplayClient
) -> None:
    beta = Gate()
    with Prefetcher(client, "t", 2, depth=4, batches=2, beta=beta) as batches:
        beta.wait_for(2)
        taken = [batches.next()]
        assert beta.stays_at(2)
        taken.append(batches.next())
        beta.wait_for(3)
        taken.append(batches.next())

    assert [draw.batches for draw in server.draws] == [2, 2, 2]
    assert [batch.keys.tolist() for batch in taken] == [[1, 1], [1, 1], [2, 2]]
    assert [batch.columns["number"].tolist() for batch in taken] == [[0, 1]] * 3
    assert batches.batches_taken == 3


@pytest.mark.parametrize(("depth", "batches"), [(1, 2), (2, 0), (0, 1)])
def test_batches_that_could_never_be_drawn_are_refused(
    client: ReplayClient, depth: int, batches: int
) -> None:
    with pytest.raises(ValueError, match="expected"):
        Prefetcher(client, "t", 1, depth=depth, batches=batches)


def test_what_is_drawn_is_as_asked(server: FlakyServer, client: ReplayClient) -> None:
    with Prefetcher(client, "t", 5, beta=0.7, columns=["number"]) as batches:
        batches.next()

    draw = server.draws[0]
    assert (draw.batch_size, draw.beta, draw.columns) == (5, 0.7, ["number"])
    assert draw.timeout > 0


def test_an_update_rides_along_with_the_next_draw(
    server: FlakyServer, client: ReplayClient
) -> None:
    beta = Gate()
    with Prefetcher(client, "t", 1, depth=1, beta=beta) as batches:
        beta.wait_for(1)
        batches.update_priorities([7, 8], [1.0, 2.0])
        batches.update_priorities(np.array([8]), np.array([3.0]))
        batches.next()
        batches.next()
        batches.next()

    assert server.draws[0].update is None
    assert server.updates == [(7, 1.0), (8, 2.0), (8, 3.0)]
    assert not any(request.target.endswith("update-priorities") for request in server.requests)


def test_an_update_is_copied(server: FlakyServer, client: ReplayClient) -> None:
    keys, priorities = np.array([1]), np.array([2.0])
    with Prefetcher(client, "t", 1) as batches:
        batches.update_priorities(keys, priorities)
        keys[0] = priorities[0] = 9

    assert server.updates == [(1, 2.0)]


def test_close_sends_the_updates_that_are_left(server: FlakyServer, client: ReplayClient) -> None:
    beta = Gate()
    with Prefetcher(client, "t", 1, depth=1, beta=beta) as batches:
        batches.next()
        beta.wait_for(2)
        batches.update_priorities([5], [0.5])

    assert server.updates == [(5, 0.5)]


FOR_GOOD = (*LASTING, Fault.STORAGE_FULL)  # of draws; a writer waits for space
TRANSIENT = [fault for fault in Fault if fault not in (*FOR_GOOD, Fault.UNAVAILABLE)]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.sampled_from(TRANSIENT), max_size=4))
def test_faults_of_any_kind_lose_no_update_and_keep_their_order(faults: list[Fault]) -> None:
    with FlakyServer(faults) as server, ReplayClient(server.url) as client:
        with Prefetcher(client, "t", 2) as batches:
            for key in range(20):
                batches.update_priorities([key], [key / 2])
                batches.next()

        last_of_each = dict(server.updates)
        assert last_of_each == {key: key / 2 for key in range(20)}
        assert sorted(set(server.updates)) == list(dict.fromkeys(server.updates))


def test_a_refusing_limiter_is_waited_for_and_the_wait_is_recorded(
    server: FlakyServer, client: ReplayClient
) -> None:
    server.faults.extend([Fault.RATE_LIMITED] * 3)

    with Prefetcher(client, "t", 1) as batches:
        batches.next()

        assert batches.wait_s > 0


def test_a_batch_that_does_not_come_in_time_is_told_with_the_cause(
    server: FlakyServer, client: ReplayClient
) -> None:
    server.faults.extend([Fault.RATE_LIMITED] * 100_000)
    with (
        Prefetcher(client, "t", 1, timeout_s=0.1) as batches,
        pytest.raises(BatchTimeoutError) as raised,
    ):
        batches.next()

    assert isinstance(raised.value.__cause__, RateLimitedError)
    assert batches.wait_s >= 0.1


def test_a_server_that_is_away_is_told_with_the_cause(
    server: FlakyServer, client: ReplayClient
) -> None:
    server.faults.extend([Fault.DROP_BEFORE] * 100_000)
    with (
        Prefetcher(client, "t", 1, timeout_s=0.1) as batches,
        pytest.raises(BatchTimeoutError) as raised,
    ):
        batches.next()

    assert isinstance(raised.value.__cause__, ServerUnreachableError)


def test_a_disk_without_room_is_waited_for_as_an_outage_is(
    server: FlakyServer, client: ReplayClient
) -> None:
    server.faults.extend([Fault.STORAGE_FULL] * 2)
    with Prefetcher(client, "t", 1) as batches:
        batches.next()

    assert not server.faults


def test_a_disk_that_stays_full_is_told_with_the_cause(
    server: FlakyServer, client: ReplayClient
) -> None:
    server.faults.extend([Fault.STORAGE_FULL] * 100_000)
    with (
        Prefetcher(client, "t", 1, timeout_s=0.1) as batches,
        pytest.raises(BatchTimeoutError) as raised,
    ):
        batches.next()

    assert isinstance(raised.value.__cause__, StorageFullError)


def test_a_refusal_for_good_is_raised_after_the_batches_that_came_before(
    server: FlakyServer, client: ReplayClient
) -> None:
    server.faults.extend([Fault.NONE, Fault.REFUSED])
    with Prefetcher(client, "t", 1, depth=2) as batches:
        batches.next()
        for _ in range(2):
            with pytest.raises(SchemaMismatchError):
                batches.next()
        with pytest.raises(SchemaMismatchError):
            batches.update_priorities([1], [1.0])


def test_an_error_of_the_callers_beta_is_raised_by_next(client: ReplayClient) -> None:
    def beta() -> float:
        raise ArithmeticError

    with Prefetcher(client, "t", 1, beta=beta) as batches, pytest.raises(ArithmeticError):
        batches.next()


def test_close_is_prompt_while_the_limiter_refuses(
    server: FlakyServer, client: ReplayClient
) -> None:
    server.faults.extend([Fault.RATE_LIMITED] * 100_000)
    batches = Prefetcher(client, "t", 1)
    assert server.arrived.wait(PATIENCE_S)
    started_at = time.monotonic()

    batches.close()

    assert time.monotonic() - started_at < 5


def test_close_takes_no_longer_than_its_time_whatever_the_server_does(
    server: FlakyServer, client: ReplayClient
) -> None:
    beta = Gate()
    batches = Prefetcher(client, "t", 1, depth=1, beta=beta, timeout_s=1.0)
    batches.next()
    beta.wait_for(2)
    batches.update_priorities([1], [1.0])
    server.proceed.clear()  # from now on it answers nothing
    started_at = time.monotonic()

    with pytest.raises(ServerUnreachableError):
        batches.close()

    assert time.monotonic() - started_at < 5
    server.proceed.set()


def test_close_wakes_who_waits(server: FlakyServer, client: ReplayClient) -> None:
    server.faults.extend([Fault.RATE_LIMITED] * 100_000)
    batches = Prefetcher(client, "t", 1)
    raised: list[Exception] = []

    def wait() -> None:
        try:
            batches.next()
        except PrefetcherClosedError as error:
            raised.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert server.arrived.wait(PATIENCE_S)
    batches.close()
    waiting.join(PATIENCE_S)

    assert len(raised) == 1


def test_a_closed_prefetcher_says_so_and_closes_again_quietly(client: ReplayClient) -> None:
    batches = Prefetcher(client, "t", 1)
    batches.close()
    batches.close()

    with pytest.raises(PrefetcherClosedError):
        batches.next()
    with pytest.raises(PrefetcherClosedError):
        batches.update_priorities([1], [1.0])


def test_updates_that_could_not_be_sent_at_close_are_told(
    server: FlakyServer, client: ReplayClient
) -> None:
    beta = Gate()
    batches = Prefetcher(client, "t", 1, depth=1, beta=beta)
    batches.next()
    beta.wait_for(2)
    batches.update_priorities([1], [1.0])
    server.faults.extend([Fault.DROP_BEFORE] * 100)

    with pytest.raises(ServerUnreachableError):
        batches.close()


def test_updates_that_a_refusal_left_are_told_at_close(
    server: FlakyServer, client: ReplayClient
) -> None:
    server.faults.extend([Fault.NONE, Fault.REFUSED])
    beta = Gate()
    batches = Prefetcher(client, "t", 1, depth=1, beta=beta)
    beta.wait_for(1)
    batches.update_priorities([1], [1.0])
    batches.next()
    beta.wait_for(2)

    with pytest.raises(SchemaMismatchError):
        batches.close()


@pytest.mark.parametrize(
    ("keys", "priorities"),
    [([1, 2], [1.0]), ([[1]], [[1.0]]), ([1.5], [1.0])],
    ids=["lengths", "axes", "float_keys"],
)
def test_updates_that_make_no_sense_are_refused_at_once(
    client: ReplayClient, keys: Any, priorities: Any
) -> None:
    with Prefetcher(client, "t", 1) as batches, pytest.raises(ValueError, match="expected"):
        batches.update_priorities(keys, priorities)


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"batch_size": 1, "depth": 0}])
def test_senseless_options_are_refused(client: ReplayClient, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Prefetcher(client, "t", **options)


def test_tensors_share_the_memory_of_the_batch(client: ReplayClient) -> None:
    with Prefetcher(client, "t", 4) as batches:
        tensors = batches.next_tensors()

    assert tensors.weights.dtype == torch.float32
    assert tensors.columns["number"].tolist() == [0, 1, 2, 3]
    assert tensors.columns["number"].data_ptr() % 64 == 0


def test_a_learner_that_zeroes_priorities_at_a_real_server_sees_other_rows(
    server_url: str,
) -> None:
    table = f"prefetcher-{uuid.uuid4().hex[:8]}"
    with ReplayClient(server_url) as client:
        columns = {"number": {"dtype": "<i8", "shape": []}}
        client.create_table(table, {"capacity": 64, "columns": columns})
        client.insert(table, {"number": np.arange(64)})
        with Prefetcher(client, table, 8, depth=1) as batches:
            for _ in range(5):
                batch = batches.next()
                assert (batch.columns["number"] == batch.keys).all()
                batches.update_priorities(batch.keys, np.zeros(8))

        seen = client.scan(table)
        client.delete_table(table)
        assert 8 <= (seen.priorities == 0).sum() <= 40

        with Prefetcher(client, table, 8) as batches, pytest.raises(UnknownTableError):
            batches.next()
