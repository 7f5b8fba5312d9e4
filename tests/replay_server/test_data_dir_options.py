"""`--data-dir`, `--durability`, `--restore` as docs/cli.md says."""

import signal
import sys
from pathlib import Path

import pytest

from tests.contract.peer import Peer, TablePeer
from tests.replay_server.processes import Command
from tests.server_process import ServerProcess


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a live table `t` of three rows and a checkpoint `two` of two."""
    folder = tmp_path / "data"
    server = ServerProcess("--port=0", f"--data-dir={folder}")
    with Peer(server.url) as peer:
        table = TablePeer(peer, "t").make()
        table.fill([1, 2])
        assert peer.json("POST", "/v1/checkpoints", {"name": "two"}).status == 201
        table.fill([3])
    assert server.stop() == 0
    return folder


def refusal(tmp_path: Path, *options: str) -> str:
    """The one sentence with which a start is refused."""
    with Command("serve", "--port=0", *options, folder=tmp_path) as command:
        code, told = command.ended()
        assert (code, told) == (2, "")
        errors = [line for line in command.errors().splitlines() if "replay-server:" in line]
    assert len(errors) == 1
    return errors[0]


def numbers(url: str) -> list[int]:
    with Peer(url) as peer:
        return sorted(x for x, _ in TablePeer(peer, "t").contents().values())


def test_a_second_server_on_a_data_directory_is_refused(tmp_path: Path):
    server = ServerProcess("--port=0", f"--data-dir={tmp_path / 'data'}")

    assert "another server" in refusal(tmp_path, f"--data-dir={tmp_path / 'data'}")
    server.stop()


def test_live_tables_are_not_replaced_unless_they_may_go(tmp_path: Path, data: Path):
    options = [f"--data-dir={data}", "--restore=two"]

    assert "--discard-existing" in refusal(tmp_path, *options)
    server = ServerProcess("--port=0", *options, "--discard-existing")
    assert numbers(server.url) == [1, 2]
    server.stop()


def test_a_start_from_an_unknown_checkpoint_is_refused(tmp_path: Path, data: Path):
    assert "nowhere" in refusal(
        tmp_path, f"--data-dir={data}", "--restore=nowhere", "--discard-existing"
    )
    server = ServerProcess("--port=0", f"--data-dir={data}")
    assert numbers(server.url) == [1, 2, 3]
    server.stop()


def test_memory_durability_does_not_lose_live_tables_behind_ones_back(tmp_path: Path, data: Path):
    assert "live tables" in refusal(tmp_path, f"--data-dir={data}", "--durability=memory")


def test_memory_durability_starts_from_a_checkpoint_and_keeps_nothing(tmp_path: Path, data: Path):
    for table in (data / "tables").iterdir():
        for path in sorted(table.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        table.rmdir()
    options = ("--port=0", f"--data-dir={data}", "--durability=memory")

    server = ServerProcess(*options, "--restore=two")
    with Peer(server.url) as peer:
        TablePeer(peer, "t").fill([9])
    assert numbers(server.url) == [1, 2, 9]
    server.kill()

    server = ServerProcess(*options)
    with Peer(server.url) as peer:
        assert peer.get("/v1/tables").document == {"tables": []}
    server.stop()


@pytest.mark.parametrize(
    "options", [["--durability=process"], ["--durability=power"], ["--restore=x"]]
)
def test_what_needs_a_data_directory_says_so(tmp_path: Path, options: list[str]):
    assert "--data-dir" in refusal(tmp_path, *options)


def test_a_stopped_server_has_made_its_data_durable(tmp_path: Path):
    with Command(
        "serve", "--port=0", f"--data-dir={tmp_path / 'data'}", folder=tmp_path
    ) as command:
        url = command.url()
        with Peer(url) as peer:
            TablePeer(peer, "t").make().fill([4, 5])
        command.send_signal(signal.SIGTERM)
        assert command.ended()[0] == 0

    assert len(list((tmp_path / "data" / "journal").iterdir())) == 1  # nothing to play
    server = ServerProcess("--port=0", f"--data-dir={tmp_path / 'data'}")
    assert numbers(server.url) == [4, 5]
    server.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="a system whose files have no modes")
def test_nobody_else_can_read_list_or_lock_a_data_directory(data: Path):
    with_parameters = ServerProcess("--port=0", f"--data-dir={data}")
    with Peer(with_parameters.url) as peer:
        assert peer.send("PUT", "/v1/parameters/p", b"x").status == 200
        open_to_others = {
            str(path.relative_to(data)): oct(path.stat().st_mode)
            for path in [data, *data.rglob("*")]
            if path.stat().st_mode & 0o077
        }
    with_parameters.stop()

    assert open_to_others == {}
