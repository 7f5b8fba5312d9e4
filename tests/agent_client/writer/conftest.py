"""A flaky server with a table of numbers, and a client of it."""

from collections.abc import Iterator

import pytest

from agent_client import ReplayClient
from tests.agent_client.flaky_server import FlakyServer


@pytest.fixture
def server() -> Iterator[FlakyServer]:
    with FlakyServer() as server:
        yield server


@pytest.fixture
def client(server: FlakyServer) -> Iterator[ReplayClient]:
    with ReplayClient(server.url) as client:
        yield client
