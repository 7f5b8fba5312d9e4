"""Section 1: what carries the requests."""

import socket
import tempfile
from pathlib import Path

import pytest

from tests.contract.peer import Peer, TablePeer
from tests.server_process import ServerProcess


def test_a_connection_is_kept_alive(peer: Peer, table: TablePeer):
    peer.get("/healthz")
    port = peer.local_port

    table.make()
    table.fill([1, 2])
    refused = table.sample(0)

    assert refused.status == 422
    assert table.sample(1).status == 200
    assert peer.local_port == port
    assert "connection" not in peer.get("/healthz").headers


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="a system without Unix domain sockets")
def test_the_protocol_is_spoken_over_a_unix_domain_socket():
    with tempfile.TemporaryDirectory() as folder:  # pytest's own paths may be too long for one
        server = ServerProcess("--uds", str(Path(folder) / "s"))
        with Peer(server.url) as peer:
            table = TablePeer(peer, "t").make()
            keys = table.fill([5, 6])

            drawn = table.sample(2)

            assert sorted(drawn.array("keys").tolist()) == keys
            assert peer.get("/v1/tables/t", accept="application/json").status == 200
        assert server.stop() == 0
