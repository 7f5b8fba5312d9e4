"""The publisher and the feed, around a real server."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from agent_client.distributed.weights_feed import WeightsFeed
from agent_client.distributed.weights_publisher import WeightsPublisher
from agent_client.errors import ForbiddenError, ReplayClientError
from agent_client.replay_client import ReplayClient, StoredParameters
from tests.agent_client.runs.test_outages import free_port
from tests.guarded_server import GuardedServer
from tests.server_process import ServerProcess

Found = TypeVar("Found")
LONG_S = 20.0


@pytest.fixture
def client(server_url: str) -> Iterator[ReplayClient]:
    with ReplayClient(server_url) as own:
        yield own


@pytest.fixture
def name() -> str:
    return f"policy-{uuid.uuid4().hex}"


def waited_for(look: Callable[[], Found | None]) -> Found:
    deadline = time.monotonic() + LONG_S
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        threading.Event().wait(0.01)
    pytest.fail("it did not come")


def test_what_is_published_is_brought_once(client: ReplayClient, name: str) -> None:
    with WeightsFeed(client, name) as feed, WeightsPublisher(client, name) as publisher:
        assert feed.take() is None

        publisher.publish(b"first")

        assert waited_for(feed.take) == StoredParameters(1, b"first")
        assert feed.take() is None


def test_a_slow_taker_gets_the_newest_only(client: ReplayClient, name: str) -> None:
    with WeightsFeed(client, name) as feed:
        for content in (b"a", b"b", b"c"):
            client.put_parameters(name, content)
        waited_for(lambda: True if feed._version == 3 else None)

        found = waited_for(feed.take)

        assert found == StoredParameters(3, b"c")
        assert feed.take() is None


def test_taking_never_waits_for_the_server(client: ReplayClient, name: str) -> None:
    with WeightsFeed(client, name, poll_s=20.0) as feed:
        began_at = time.monotonic()

        for _ in range(100):
            assert feed.take() is None

    assert time.monotonic() - began_at < 5.0


def test_weights_that_newer_ones_overtake_are_not_sent(client: ReplayClient, name: str) -> None:
    class Slow(ReplayClient):
        may_go = threading.Event()

        def put_parameters(self, name: str, content: object) -> int:
            self.may_go.wait(LONG_S)
            return super().put_parameters(name, content)  # type: ignore[arg-type]

    with Slow(client._channel.base_url) as slow, WeightsPublisher(slow, name) as publisher:
        for number in range(50):
            publisher.publish(b"%d" % number)
        slow.may_go.set()

        assert publisher.flush(LONG_S)

    version, content = client.get_parameters(name) or (0, b"")
    assert content == b"49"
    assert version <= 2


def test_a_refusal_for_good_is_raised(guarded: GuardedServer, name: str) -> None:
    with (
        ReplayClient(guarded.url, token=guarded.file.tokens["actor"]) as client,
        WeightsPublisher(client, name) as publisher,
    ):
        publisher.publish(b"not an actor's business")

        with pytest.raises(ForbiddenError):
            publisher.flush(LONG_S)
        with pytest.raises(ForbiddenError):
            publisher.publish(b"again")


def test_a_feed_without_a_token_says_so(guarded: GuardedServer, name: str) -> None:
    with ReplayClient(guarded.url, token="wrong") as client, WeightsFeed(client, name) as feed:

        def refusal() -> ReplayClientError | None:
            try:
                feed.take()
            except ReplayClientError as error:
                return error
            return None

        assert waited_for(refusal).code == "unauthenticated"  # type: ignore[attr-defined]


def test_a_server_that_comes_back_with_nothing_is_no_hindrance(name: str) -> None:
    port = free_port()
    server = ServerProcess(f"--port={port}")
    with (
        ReplayClient(server.url) as client,
        WeightsFeed(client, name) as feed,
        WeightsPublisher(client, name) as publisher,
    ):
        for content in (b"1", b"2", b"3"):
            publisher.publish(content)
            publisher.flush()
        waited_for(lambda: True if feed._version == 3 else None)
        feed.take()

        server.kill()
        publisher.publish(b"while it is away")
        server = ServerProcess(f"--port={port}")

        assert waited_for(feed.take) == StoredParameters(1, b"while it is away")
    server.stop()
