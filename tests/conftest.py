"""Fixtures that tests of several packages share."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.guarded_server import GuardedServer, TokenFile
from tests.server_process import ServerProcess

# A machine that others use at the same time is no reason to fail; what failed is told whole.
settings.register_profile("suite", deadline=None, print_blob=True)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The URL of a server that a whole session shares: give your tables names of your own."""
    server = ServerProcess("--port", "0")
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedServer]:
    """A server with tokens that a whole session shares: give your tables names of your own."""
    server = GuardedServer(TokenFile(tmp_path_factory.mktemp("guarded") / "tokens"))
    yield server
    server.stop()
