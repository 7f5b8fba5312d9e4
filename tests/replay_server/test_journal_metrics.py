"""What a server with a data directory tells of its journal."""

from pathlib import Path

import pytest

from tests.contract.peer import Peer, TablePeer
from tests.replay_server.scrape import Scrape
from tests.server_process import ServerProcess


@pytest.mark.parametrize(("durability", "is_synced"), [("process", False), ("power", True)])
def test_what_is_not_on_the_disk_is_told(tmp_path: Path, durability: str, is_synced: bool):
    server = ServerProcess("--port=0", f"--data-dir={tmp_path}", f"--durability={durability}")
    try:
        with Peer(server.url) as peer:
            table = TablePeer(peer, "t").make()
            before = Scrape.of(peer)
            table.fill(range(50))

            scrape = Scrape.of(peer)

            assert scrape.value("replay_durability_info", durability=durability) == 1
            grown = scrape.value("replay_journal_bytes") - before.value("replay_journal_bytes")
            assert grown > 50 * 8
            unsynced = scrape.value("replay_journal_unsynced_bytes")
            if is_synced:
                assert unsynced == 0
                assert scrape.value("replay_journal_lag_seconds") < 60
            else:
                assert unsynced - before.value("replay_journal_unsynced_bytes") == grown
                assert not scrape.samples("replay_journal_lag_seconds")
    finally:
        server.stop()


def test_there_is_no_journal_without_a_data_directory(server_url: str):
    with Peer(server_url) as peer:
        scrape = Scrape.of(peer)

    assert scrape.value("replay_durability_info", durability="memory") == 1
    assert not scrape.samples("replay_journal_bytes")
