"""Parameters by the client, against a real server."""

import os
import threading
import uuid
from collections.abc import Iterator

import httpx
import pytest

from agent_client import ReplayClient, TooLargeError, UnknownParametersError
from agent_client.errors import InvalidRequestError

LONG_S = 60.0


@pytest.fixture(params=["own transport", "httpx"])
def client(request: pytest.FixtureRequest, server_url: str) -> Iterator[ReplayClient]:
    if request.param == "httpx":
        with httpx.Client(base_url=server_url) as sender:
            yield ReplayClient(sender)
    else:
        with ReplayClient(server_url) as own:
            yield own


@pytest.fixture
def name() -> str:
    return f"policy-{uuid.uuid4().hex}"


def test_what_is_put_comes_back_under_its_version(client: ReplayClient, name: str) -> None:
    content = os.urandom(3_000_001)

    assert client.put_parameters(name, b"old") == 1
    assert client.put_parameters(name, memoryview(content)) == 2

    assert client.get_parameters(name) == (2, content)
    assert client.get_parameters(name, newer_than=1) == (2, content)


def test_nothing_newer_is_none(client: ReplayClient, name: str) -> None:
    client.put_parameters(name, b"a")

    assert client.get_parameters(name, newer_than=1) is None
    assert client.get_parameters(name, newer_than=1, wait_s=0.05) is None
    assert client.get_parameters(name) == (1, b"a")  # the connection goes on


def test_a_newer_version_is_waited_for(client: ReplayClient, name: str) -> None:
    client.put_parameters(name, b"a")
    putting = threading.Timer(0.1, client.put_parameters, (name, b"b"))
    putting.start()

    assert client.get_parameters(name, newer_than=1, wait_s=LONG_S) == (2, b"b")
    putting.join()


def test_the_list_tells_them_until_they_are_deleted(client: ReplayClient, name: str) -> None:
    client.put_parameters(name, b"abc")
    told = {each.name: (each.version, each.bytes) for each in client.list_parameters()}
    assert told[name] == (1, 3)

    client.delete_parameters(name)

    assert name not in [each.name for each in client.list_parameters()]
    with pytest.raises(UnknownParametersError):
        client.get_parameters(name, wait_s=0.01)
    with pytest.raises(UnknownParametersError):
        client.delete_parameters(name)


def test_what_the_server_refuses_is_raised(client: ReplayClient, name: str) -> None:
    with pytest.raises(TooLargeError):
        client.get_parameters(name, wait_s=1e6)
    with pytest.raises(InvalidRequestError):
        client.get_parameters(name, newer_than=-1)
    with pytest.raises(ValueError, match="name"):
        client.put_parameters("-bad", b"")
