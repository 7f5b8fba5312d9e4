"""`replay-server tables` and `replay-server checkpoint`, as people use them."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from replay_server.__main__ import main
from tests.agent_client.scripted_server import (
    ReceivedRequest,
    ScriptedServer,
    answer_all,
    http_response,
)
from tests.certificates import Certificate
from tests.contract.peer import Peer, TablePeer
from tests.guarded_server import GuardedServer, TokenFile
from tests.replay_server.processes import Command
from tests.server_process import ServerProcess

Run = Callable[..., tuple[int, str, str]]
WRITTEN = b'{"name":"before","tables":2,"rows":1234567,"bytes":4500000}'
PROTOCOL = {"x_replay_protocol": "1", "content_type": "application/json"}
SENTENCE = r"replay-server: [^\n]{10,}\n"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; return its exit code, stdout and stderr."""

    def run_command(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        assert isinstance(ended.value.code, int)
        return ended.value.code, *capsys.readouterr()

    return run_command


@pytest.fixture
def own_server() -> Iterator[ServerProcess]:
    server = ServerProcess("--port", "0")
    yield server
    server.stop()


def test_tables_are_shown_by_name_with_their_sizes(own_server: ServerProcess, run: Run):
    with Peer(own_server.url) as peer:
        for name, capacity in (("a-very-long-name-of-a-table", 1_000_000), ("b", 5)):
            assert peer.json("PUT", f"/v1/tables/{name}", {"capacity": capacity}).status == 201
        row = {"columns": {"x": {"dtype": "<i8", "shape": [3], "data": b"\0" * 24}}}
        assert peer.msgpack("POST", "/v1/tables/b/insert", row).status == 200

    code, out, err = run("tables", "--server", own_server.url)

    assert (code, err) == (0, "")
    head, first, second = out.splitlines()
    assert head.split()[:8] == [
        *("TABLE", "ITEMS", "SAMPLER", "LIMITER", "SIZE", "ROWS", "CAPACITY", "INSERTED")
    ]
    assert first.split()[:8] == [
        *("a-very-long-name-of-a-table", "row", "prioritized", "min_size"),
        *("0", "0", "1,000,000", "0"),
    ]
    assert second.split()[:8] == ["b", "row", "prioritized", "min_size", "3", "3", "5", "3"]
    assert len(head) == len(first) == len(second)


def test_that_there_are_none_is_said(own_server: ServerProcess, run: Run):
    assert run("tables", "--server", own_server.url) == (0, "there are no tables\n", "")


def test_a_socket_file_is_asked_too(tmp_path: Path, run: Run):
    with Command("serve", "--uds", str(tmp_path / "a b"), folder=tmp_path) as command:
        assert run("tables", "--server", command.url())[0] == 0


def test_a_socket_file_of_nobody_is_one_sentence(tmp_path: Path):
    # In a process of its own: httpcore leaves the socket that could not connect to be collected.
    with Command("tables", "--server", "http+unix://%2Fno%2Fsuch", folder=tmp_path) as command:
        assert command.ended() == (1, "")

    assert re.fullmatch(SENTENCE, command.errors())


def test_the_token_comes_from_a_file_or_the_environment_and_the_file_wins(
    guarded: GuardedServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(f"{guarded.file.tokens['viewer']}\n")
    bad.write_text("replay_wrong")
    tables = ("tables", "--server", guarded.url)

    assert run(*tables)[0] == 1
    assert run(*tables, "--token-file", str(good))[0] == 0
    monkeypatch.setenv("REPLAY_TOKEN", guarded.file.tokens["viewer"])
    assert run(*tables)[0] == 0
    assert run(*tables, "--token-file", str(bad))[0] == 1
    monkeypatch.setenv("REPLAY_SERVER_TOKEN_FILE", str(bad))
    assert run(*tables)[0] == 1


def test_a_refusal_is_one_sentence_that_says_why(
    guarded: GuardedServer, run: Run, monkeypatch: pytest.MonkeyPatch
):
    code, out, err = run("tables", "--server", guarded.url)
    assert (code, out) == (1, "")
    assert re.fullmatch(SENTENCE, err)
    assert "401 unauthenticated" in err

    monkeypatch.setenv("REPLAY_TOKEN", "replay_wrong-wrong-wrong")
    code, out, err = run("tables", "--server", guarded.url)
    assert (code, out) == (1, "")
    assert "replay_wrong" not in err


@pytest.mark.parametrize("text", ["two words", "two\nlines", "ä", "", "\x1b[2J", b"\xff\xfe"])
def test_what_is_no_token_is_bad_usage_and_not_told(run: Run, tmp_path: Path, text: str | bytes):
    path = tmp_path / "token"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    code, out, err = run("tables", "--token-file", str(path))

    assert (code, out) == (2, "")
    assert re.fullmatch(SENTENCE, err)
    assert not text or str(text) not in err


def test_https_is_trusted_by_the_authority_that_is_named(tmp_path: Path, run: Run):
    certificate = Certificate(tmp_path)
    file = TokenFile(tmp_path / "tokens")
    token = tmp_path / "token"
    token.write_text(file.tokens["viewer"])
    server = GuardedServer(file, f"--tls-cert={certificate.chain}", f"--tls-key={certificate.key}")
    tables = ("tables", "--server", server.url, "--token-file", str(token))

    trusted = run(*tables, "--tls-ca", str(certificate.authority))
    stranger = run(*tables)
    plain = run("tables", "--server", server.url.replace("https", "http"))
    server.stop()

    assert trusted == (0, "there are no tables\n", "")
    assert stranger[:2] == plain[:2] == (1, "")
    assert re.fullmatch(SENTENCE, stranger[2])
    assert "certificate" in stranger[2].lower()
    assert re.fullmatch(SENTENCE, plain[2])


def test_nobody_there_is_one_sentence(run: Run):
    code, out, err = run("checkpoint", "--server", "http://127.0.0.1:1")

    assert (code, out) == (1, "")
    assert re.fullmatch(SENTENCE, err)
    assert "http://127.0.0.1:1" in err


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http_response(b"<html>", 200), id="another_server"),
        pytest.param(http_response(b"", 302, location="http://127.0.0.1:1/"), id="elsewhere"),
        pytest.param(http_response(b"<html>", 200, **PROTOCOL), id="no_json"),
        pytest.param(http_response(b"[]", 200, **PROTOCOL), id="no_map"),
        pytest.param(http_response(b"{}", 200, **PROTOCOL), id="nothing_in_it"),
        pytest.param(
            http_response(b'{"tables":[{"name":"t","spec":{},"stats":{}}]}', 200, **PROTOCOL),
            id="half_of_it",
        ),
        pytest.param(http_response(b"oops", 500, **PROTOCOL), id="failure"),
        pytest.param(http_response(b'{"code":1}', 403, **PROTOCOL), id="half_a_problem"),
        pytest.param(
            http_response(b'{"code":"\\u001b[2J\\n","detail":"\\u0007x"}', 403, **PROTOCOL),
            id="what_a_terminal_obeys",
        ),
        pytest.param(b"nonsense\r\n\r\n", id="no_http"),
        pytest.param(b"", id="nothing"),
    ],
)
@pytest.mark.parametrize("command", ["tables", "checkpoint"])
def test_whatever_answers_is_told_in_one_sentence(run: Run, command: str, answer: bytes):
    with ScriptedServer([answer_all(answer)] if answer else [lambda _: None]) as server:
        code, out, err = run(command, "--server", server.url)

    assert (code, out) == (1, "")
    assert re.fullmatch(SENTENCE, err)
    assert err.strip().isprintable()
    assert len(server.requests) <= 1  # no redirect was followed


@pytest.mark.parametrize(
    ("options", "body"), [((), b"{}"), (("--name", "before"), b'{"name":"before"}')]
)
def test_a_checkpoint_is_asked_for_and_shown(run: Run, options: tuple[str, ...], body: bytes):
    with ScriptedServer([answer_all(http_response(WRITTEN, 201, **PROTOCOL))]) as server:
        code, out, err = run("checkpoint", "--server", server.url, *options)

    assert (code, out, err) == (0, "before: 2 tables, 1,234,567 rows, 4.5 MB\n", "")
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/v1/checkpoints")
    assert request.body == body
    assert request.headers["accept"] == request.headers["content-type"] == "application/json"


def test_a_checkpoint_of_a_real_server_is_there_and_can_be_restored(run: Run, tmp_path: Path):
    server = ServerProcess("--port=0", f"--data-dir={tmp_path}")
    try:
        with Peer(server.url) as peer:
            table = TablePeer(peer, "t").make()
            table.fill([1, 2, 3])

            code, out, err = run("checkpoint", "--server", server.url, "--name", "before")

            assert (code, err) == (0, "")
            assert out.startswith("before: 1 table, 3 rows, ")
            (told,) = peer.send("GET", "/v1/checkpoints").document["checkpoints"]
            assert (told["name"], told["tables"], told["rows"]) == ("before", 1, 3)
            table.fill([4])
            assert peer.json("POST", "/v1/checkpoints/before/restore", {}).status == 200
            assert sorted(x for x, _ in table.contents().values()) == [1, 2, 3]
            code, out, err = run("checkpoint", "--server", server.url)
            assert code == 0
            assert re.match(r"\d{8}T\d{6}", out)
    finally:
        server.stop()


def test_the_checkpoints_there_are_are_listed_and_none_is_written(run: Run, tmp_path: Path):
    server = ServerProcess("--port=0", f"--data-dir={tmp_path}")
    try:
        listing = ("checkpoint", "--list", "--server", server.url)
        assert run(*listing) == (0, "there are no checkpoints\n", "")
        for name in ("first", "second"):
            assert run("checkpoint", "--name", name, "--server", server.url)[0] == 0

        code, out, err = run(*listing)

        assert (code, err) == (0, "")
        head, first, second = (line.split() for line in out.splitlines())
        assert head == ["CHECKPOINT", "TABLES", "ROWS", "BYTES"]
        assert (first[:3], second[:3]) == (["first", "0", "0"], ["second", "0", "0"])
    finally:
        server.stop()


def test_a_server_without_a_data_directory_says_why_it_writes_no_checkpoint(
    own_server: ServerProcess, run: Run
):
    code, out, err = run("checkpoint", "--server", own_server.url)

    assert (code, out) == (1, "")
    assert "--data-dir" in err


def test_only_what_was_told_is_sent_as_credentials(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("REPLAY_TOKEN", "replay_mine")
    seen: list[ReceivedRequest] = []

    def answer(request: ReceivedRequest) -> bytes:
        seen.append(request)
        return http_response(WRITTEN, 201, **PROTOCOL)

    with ScriptedServer([answer_all(answer)]) as server:
        assert run("checkpoint", "--server", server.url)[0] == 0

    assert [request.headers["authorization"] for request in seen] == ["Bearer replay_mine"]
