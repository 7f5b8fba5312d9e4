"""`replay-server doctor`: what is wrong with the way to a server, told with what to do."""

import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from replay_server.__main__ import main
from tests.agent_client.scripted_server import ScriptedServer, answer_all, http_response
from tests.certificates import Certificate
from tests.contract.peer import Peer, TablePeer
from tests.guarded_server import GuardedServer
from tests.replay_server.processes import Command
from tests.server_process import ServerProcess

Doctor = Callable[..., "Told"]
ALL = ["address", "server", "protocol", "clock", "token", "latency", "throughput"]


class Told:
    """What the doctor told: exit code, and mark, line and advice by what was looked at."""

    def __init__(self, code: int, out: str, err: str) -> None:
        assert err == ""
        self.code = code
        self.out = out
        self.marks: dict[str, str] = {}
        self.lines: dict[str, str] = {}
        self.advice: dict[str, str] = {}
        name = ""
        for line in out.splitlines():
            if line.startswith(" "):
                self.advice[name] = line.strip().removeprefix("-> ")
                continue
            mark, name, told = line.split(maxsplit=2)
            self.marks[name], self.lines[name] = mark, told

    def is_well(self) -> bool:
        return self.code == 0 and "WRONG" not in self.marks.values()

    def is_wrong_only_in(self, name: str) -> bool:
        wrong = [each for each, mark in self.marks.items() if mark == "WRONG"]
        return self.code == 1 and wrong == [name] and bool(self.advice[name])


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Doctor:
    monkeypatch.delenv("REPLAY_TOKEN", raising=False)

    def run(server: str, *arguments: str) -> Told:
        with pytest.raises(SystemExit) as ended:
            main(["doctor", "--server", server, *arguments])
        assert isinstance(ended.value.code, int)
        return Told(ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def token(tmp_path: Path, guarded: GuardedServer) -> Callable[[str], str]:
    """Give the option that names a role's token."""

    def of(role: str) -> str:
        path = tmp_path / role
        path.write_text(guarded.file.tokens[role])
        return f"--token-file={path}"

    return of


def test_where_all_is_well_every_line_says_so(doctor: Doctor, server_url: str):
    told = doctor(server_url)

    assert told.is_well()
    assert list(told.marks) == ALL
    assert "asks for none" in told.lines["token"]
    median, worst, count = re.fullmatch(
        r"median (\S+) ms, p99 (\S+) ms of (\d+) empty requests", told.lines["latency"]
    ).groups()  # type: ignore[union-attr]
    assert 0 < float(median) <= float(worst)
    assert 1 <= int(count) <= 200  # fewer on a machine that has much else to do


def test_nothing_is_changed_unless_that_is_allowed(doctor: Doctor, tmp_path: Path):
    server = ServerProcess("--port=0")
    try:
        with Peer(server.url) as peer:
            assert doctor(server.url).marks["throughput"] == "-"
            assert peer.get("/v1/tables").document["tables"] == []

            written = doctor(server.url, "--write")

            assert written.is_well()
            assert "inserted" in written.lines["throughput"]
            assert "drawn" in written.lines["throughput"]
            assert peer.get("/v1/tables").document["tables"] == []
    finally:
        server.stop()


def test_what_is_there_is_read_to_measure_with(doctor: Doctor, tmp_path: Path):
    server = ServerProcess("--port=0")
    try:
        with Peer(server.url) as peer:
            TablePeer(peer, "small").make().fill([1])
            table = TablePeer(peer, "large").make(capacity=20_000)
            table.fill(range(20_000))
            assert "of table large" in doctor(server.url).lines["throughput"]
            assert table.stats()["sampled_total"] == 0

            peer.send("PUT", "/v1/parameters/weights", bytes(1 << 17))
            assert "of parameters" in doctor(server.url).lines["throughput"]
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("role", "may"),
    [("admin", "everything"), ("actor", "insert"), ("learner", "draw"), ("viewer", "metrics")],
)
def test_the_role_of_a_token_is_told(
    doctor: Doctor, guarded: GuardedServer, token: Callable[[str], str], role: str, may: str
):
    told = doctor(guarded.url, token(role))

    assert told.is_well()
    assert told.lines["token"].startswith(f"its role is {role}: ")
    assert may in told.lines["token"]


def test_a_token_that_is_missing_or_wrong_is_told_apart(
    doctor: Doctor, guarded: GuardedServer, tmp_path: Path
):
    (tmp_path / "wrong").write_text("replay_wrong")

    missing = doctor(guarded.url)
    wrong = doctor(guarded.url, f"--token-file={tmp_path / 'wrong'}")

    assert missing.is_wrong_only_in("token")
    assert "--token-file" in missing.advice["token"]
    assert wrong.is_wrong_only_in("token")
    assert "does not know it" in wrong.lines["token"]
    assert "replay_wrong" not in wrong.out


def test_who_may_not_make_a_table_is_told(
    doctor: Doctor, guarded: GuardedServer, token: Callable[[str], str]
):
    told = doctor(guarded.url, token("learner"), "--write")

    assert told.is_wrong_only_in("throughput")
    assert "admin" in told.advice["throughput"]


def test_nobody_at_a_port(doctor: Doctor):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    told = doctor(f"http://127.0.0.1:{port}")

    assert told.is_wrong_only_in("address")
    assert f"refuses connections to port {port}" in told.lines["address"]


def test_a_name_that_nobody_knows(doctor: Doctor):
    told = doctor("http://no-such-host.invalid:8000")

    assert told.is_wrong_only_in("address")
    assert "no-such-host.invalid is not known" in told.lines["address"]


@pytest.fixture
def socket_file(tmp_path: Path) -> Iterator[str]:
    with Command("serve", "--uds", str(tmp_path / "live"), folder=tmp_path) as command:
        yield command.url()


def test_a_socket_file_is_looked_at(doctor: Doctor, socket_file: str):
    told = doctor(socket_file)

    assert told.is_well()
    assert list(told.marks) == ALL


@pytest.mark.parametrize(
    ("kind", "words"),
    [("missing", "there is no file"), ("file", "is no socket file"), ("dead", "nobody listens")],
)
def test_a_socket_file_of_nobody(doctor: Doctor, tmp_path: Path, kind: str, words: str):
    path = tmp_path / "s"
    if kind == "file":
        path.write_text("")
    if kind == "dead":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))

    told = doctor(f"http+unix://{str(path).replace(os.sep, '%2F')}")

    assert told.is_wrong_only_in("address")
    assert words in told.lines["address"]


def test_tls_that_is_trusted_is_well(doctor: Doctor, tmp_path: Path):
    certificate = Certificate(tmp_path)
    options = (f"--tls-cert={certificate.chain}", f"--tls-key={certificate.key}")
    server = ServerProcess("--port=0", *options)
    try:
        trusted = doctor(server.url, f"--tls-ca={certificate.authority}")
        stranger = doctor(server.url)
        plain = doctor(server.url.replace("https", "http"))
    finally:
        server.stop()

    assert trusted.is_well()
    assert list(trusted.marks) == [ALL[0], "tls", *ALL[1:]]
    assert "certificate good until" in trusted.lines["tls"]
    assert stranger.is_wrong_only_in("tls")
    assert "--tls-ca" in stranger.advice["tls"]
    assert plain.is_wrong_only_in("server")
    assert "https://" in plain.advice["server"]


def test_a_certificate_of_another_name(doctor: Doctor, tmp_path: Path):
    certificate = Certificate(tmp_path)
    options = (f"--tls-cert={certificate.chain}", f"--tls-key={certificate.key}")
    server = ServerProcess("--port=0", "--host=127.0.0.2", *options)
    try:
        told = doctor(server.url, f"--tls-ca={certificate.authority}")
    finally:
        server.stop()

    assert told.is_wrong_only_in("tls")
    assert "name" in told.advice["tls"]


def test_tls_asked_of_who_speaks_none(doctor: Doctor, server_url: str):
    told = doctor(server_url.replace("http", "https"))

    assert told.is_wrong_only_in("tls")
    assert "http://" in told.advice["tls"]


def answered(
    doctor: Doctor, body: bytes = b'{"status":"ok"}', status: int = 200, **headers: str
) -> Told:
    """What is told of one who answers everything so."""
    answer = answer_all(http_response(body, status, **headers))
    with ScriptedServer([answer] * 3) as server:
        return doctor(server.url)


def test_somebody_else_at_the_port(doctor: Doctor):
    told = answered(doctor, b"<html>", 404)

    assert told.is_wrong_only_in("server")
    assert "no replay server" in told.lines["server"]


def test_another_version_of_the_protocol(doctor: Doctor):
    told = answered(doctor, x_replay_protocol="2")

    assert told.is_wrong_only_in("protocol")
    assert "version 2" in told.lines["protocol"]


@pytest.mark.parametrize(("seconds", "words"), [(-90, "behind"), (90, "ahead of")])
def test_a_clock_that_is_wrong(doctor: Doctor, seconds: int, words: str):
    date = formatdate(time.time() + seconds, usegmt=True)

    told = answered(doctor, x_replay_protocol="1", date=date)

    assert told.marks["clock"] == "WRONG"
    assert words in told.lines["clock"]
    assert told.code == 1


def test_a_server_that_is_not_ready(doctor: Doctor):
    problem = b'{"code":"unavailable","detail":"a checkpoint is being restored"}'

    told = answered(doctor, problem, 503, x_replay_protocol="1")

    assert told.marks["server"] == "WRONG"
    assert "a checkpoint is being restored" in told.lines["server"]


def test_what_is_said_for_a_terminal_to_obey_is_not_passed_on(doctor: Doctor):
    problem = b'{"code":"\\u001b[2J","detail":"\\u0007"}'

    told = answered(doctor, problem, 503, x_replay_protocol="\x7f2")

    assert told.out.replace("\n", "").isprintable()
