"""SIGHUP: tokens and certificate are read again, and nobody who is being served notices."""

import http.client
import json
import shutil
import signal
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from replay_server.token_file import add_token
from replay_wire.roles import Role
from tests.certificates import Certificate
from tests.contract.peer import Peer, TablePeer, WaitingRequest
from tests.guarded_server import TokenFile
from tests.replay_server.processes import Command

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP here")

PATIENCE_S = 30.0


def eventually(condition: Callable[[], bool]) -> None:
    deadline = threading.Event()
    for _ in range(int(PATIENCE_S / 0.02)):
        if condition():
            return
        deadline.wait(0.02)
    raise AssertionError("it did not come about")


def status(peer: Peer, token: str) -> int:
    return peer.get("/v1/info", authorization=f"Bearer {token}").status


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "tokens")


def test_new_tokens_are_taken_and_removed_ones_refused_on_connections_that_stand(
    file: TokenFile, tmp_path: Path
):
    options = ("--port=0", f"--tokens={file.path}", "--log-format=json")
    with Command("serve", *options, folder=tmp_path) as command, Peer(command.url()) as peer:
        new = add_token(file.path, "new", Role.VIEWER)
        lines = file.path.read_text().splitlines(keepends=True)
        file.path.write_text("".join(line for line in lines if not line.startswith("actor ")))
        assert (status(peer, new), status(peer, file.tokens["actor"])) == (401, 200)

        command.send_signal(signal.SIGHUP)

        eventually(lambda: status(peer, new) == 200)
        assert status(peer, file.tokens["actor"]) == 401
        assert status(peer, file.tokens["viewer"]) == 200
        command.send_signal(signal.SIGTERM)
        assert command.ended() == (0, "")
    records = [json.loads(line) for line in command.errors().splitlines()]
    assert any("there are 4" in record["message"] for record in records)


@pytest.mark.parametrize("text", ["", "nonsense", "a admin replay_secret", None])
def test_a_broken_file_keeps_the_old_tokens_and_is_told(
    file: TokenFile, tmp_path: Path, text: str | None
):
    options = ("--port=0", f"--tokens={file.path}", "--log-format=json")
    with Command("serve", *options, folder=tmp_path) as command, Peer(command.url()) as peer:
        if text is None:
            file.path.unlink()
        else:
            file.path.write_text(text)

        command.send_signal(signal.SIGHUP)

        eventually(lambda: '"ERROR"' in command.errors())
        assert status(peer, file.tokens["viewer"]) == 200
        assert status(peer, "wrong") == 401
    assert "the tokens stay as they were" in command.errors()
    assert "replay_secret" not in command.errors()


def test_who_waits_is_served_though_the_tokens_change_meanwhile(file: TokenFile, tmp_path: Path):
    with (
        Command("serve", "--port=0", f"--tokens={file.path}", folder=tmp_path) as command,
        Peer(command.url()) as peer,
    ):
        admin = {"authorization": file.bearer("admin")}
        assert peer.json("PUT", "/v1/tables/t", {"capacity": 9}, **admin).status == 201
        document = {"batch_size": 1, "timeout": PATIENCE_S}
        waiting = WaitingRequest(peer, "/v1/tables/t/sample", document, **admin)
        file.path.unlink()
        new = add_token(file.path, "new", Role.ADMIN)

        command.send_signal(signal.SIGHUP)

        eventually(lambda: status(peer, new) == 200)
        assert status(peer, file.tokens["admin"]) == 401
        table = TablePeer(peer, "t")
        inserted = table.post(
            "insert",
            {"columns": {"x": {"dtype": "<i8", "shape": [1], "data": b"\0" * 8}}},
            authorization=f"Bearer {new}",
        )
        assert inserted.status == 200
        assert waiting.answer().status == 200


def test_a_storm_of_signals_does_no_harm(file: TokenFile, tmp_path: Path):
    with (
        Command("serve", "--port=0", f"--tokens={file.path}", folder=tmp_path) as command,
        Peer(command.url()) as peer,
    ):
        good = file.path.read_text()
        for number in range(200):
            file.path.write_text(good if number % 2 else "nonsense")
            command.send_signal(signal.SIGHUP)
            assert status(peer, file.tokens["viewer"]) == 200
            assert status(peer, "wrong") == 401
        command.send_signal(signal.SIGHUP)
        command.send_signal(signal.SIGTERM)
        command.send_signal(signal.SIGHUP)
        assert command.ended() == (0, "")


def test_a_signal_while_it_starts_does_not_end_it(file: TokenFile, tmp_path: Path):
    socket_file = tmp_path / "s"
    options = ("--uds", str(socket_file), f"--tokens={file.path}", "--log-format=json")
    with Command("serve", *options, folder=tmp_path) as command:
        while not socket_file.exists() and command.process.poll() is None:
            threading.Event().wait(0.002)  # it listens before it makes the application

        command.send_signal(signal.SIGHUP)

        assert command.url().startswith("http+unix://")
        eventually(lambda: "tokens read again" in command.errors())


def test_a_certificate_that_was_renewed_is_presented(file: TokenFile, tmp_path: Path):
    old, new = Certificate(tmp_path, "old"), Certificate(tmp_path, "new")
    options = (f"--tls-cert={old.chain}", f"--tls-key={old.key}", f"--tokens={file.path}")
    with Command("serve", "--port=0", *options, folder=tmp_path) as command:
        netloc = urlsplit(command.url()).netloc

        def is_trusted(certificate: Certificate) -> bool:
            context = ssl.create_default_context(cafile=certificate.authority)
            connection = http.client.HTTPSConnection(netloc, context=context, timeout=PATIENCE_S)
            try:
                connection.request("GET", "/healthz")
                return connection.getresponse().status == 200
            except ssl.SSLCertVerificationError:
                return False
            finally:
                connection.close()

        assert is_trusted(old)
        shutil.copy(new.chain, old.chain)
        command.send_signal(signal.SIGHUP)
        eventually(lambda: "certificate stays as it was" in command.errors())
        assert is_trusted(old)

        shutil.copy(new.key, old.key)
        command.send_signal(signal.SIGHUP)

        eventually(lambda: is_trusted(new))
        assert not is_trusted(old)
