"""What the tests of the contract share: a connection, and a table that goes with the test."""

import itertools
from collections.abc import Iterator

import pytest

from tests.contract.peer import SMALL_BODY_BYTES, SMALL_MEMORY_BYTES, Peer, TablePeer
from tests.contract.steps import StepPeer
from tests.server_process import ServerProcess

_numbers = itertools.count()


@pytest.fixture
def peer(server_url: str) -> Iterator[Peer]:
    with Peer(server_url) as connection:
        yield connection


@pytest.fixture
def table(peer: Peer) -> Iterator[TablePeer]:
    """A name that no other test has taken; nothing stands there yet."""
    own = TablePeer(peer, f"contract-{next(_numbers)}")
    yield own
    peer.send("DELETE", own.path)


@pytest.fixture(scope="session")
def small_server_url() -> Iterator[str]:
    """The URL of a server whose limits are soon reached; its tables are whoever's came last."""
    server = ServerProcess(
        "--port=0",
        f"--max-body-bytes={SMALL_BODY_BYTES}",
        f"--memory-limit-bytes={SMALL_MEMORY_BYTES}",
    )
    yield server.url
    server.stop()


@pytest.fixture
def steps(table: TablePeer) -> StepPeer:
    """A table of steps that nobody has made yet."""
    return StepPeer(table.peer, table.name)
