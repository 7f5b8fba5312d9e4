"""Fixtures that tests of several packages share."""

from collections.abc import Iterator

import pytest

from tests.server_process import ServerProcess


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The URL of a server that a whole session shares: give your tables names of your own."""
    server = ServerProcess("--port", "0")
    yield server.url
    server.stop()
