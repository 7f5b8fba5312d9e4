"""docs/cli.md: options, environment, file; bad usage is exit 2 and one sentence on stderr."""

import json
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from replay_server import __version__
from replay_server.__main__ import main
from replay_server.settings import ServerSettings
from replay_server.token_file import add_token
from replay_wire.roles import Role
from tests.certificates import Certificate
from tests.replay_server.processes import Command


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(list(arguments))
    code = exit_.value.code
    assert isinstance(code, int)
    return code


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[ServerSettings]:
    """What `serve` would have served."""
    calls: list[ServerSettings] = []
    monkeypatch.setattr("replay_server.server.serve", calls.append)
    monkeypatch.setattr("replay_server.logs.configure_logging", lambda *_: None)
    return calls


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "server.toml"


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--help"], ["-h"], ["serve", "--help"], ["token", "--help"]),
        *(["tables", "--help"], ["checkpoint", "--help"], ["doctor", "--help"]),
        *(["export", "--help"], ["import", "--help"]),
    ],
)
def test_help_fits_a_screen(capsys: pytest.CaptureFixture[str], arguments: list[str]):
    assert run(*arguments) == 0

    text = capsys.readouterr().out
    assert len(text.splitlines()) <= 40
    assert max(map(len, text.splitlines())) <= 100


def test_help_of_serve_tells_defaults_and_units(capsys: pytest.CaptureFixture[str]):
    run("serve", "--help")

    text = " ".join(capsys.readouterr().out.split())
    for told in ("127.0.0.1", "default: 8000", "0 takes a free one", "268435456", "80 %",
                 "--max-body-bytes", "REPLAY_SERVER_PORT"):  # fmt: skip
        assert told in text


def test_version(capsys: pytest.CaptureFixture[str]):
    assert run("--version") == 0
    assert __version__ in capsys.readouterr().out


def test_defaults_are_those_of_the_document(served: list[ServerSettings]):
    assert run("serve") == 0

    (settings,) = served
    assert (settings.host, settings.port, settings.uds) == ("127.0.0.1", 8000, None)
    assert settings.max_body_bytes == 268_435_456
    assert (settings.log_level, settings.log_format) == ("info", "text")
    assert 0 < settings.limits.memory_limit_bytes < 2**63


def test_the_line_wins_over_the_environment_and_that_over_the_file(
    served: list[ServerSettings], config: Path, monkeypatch: pytest.MonkeyPatch
):
    config.write_text('port = 1\nmax_body_bytes = 10\nlog_format = "json"\nlog_level = "error"\n')
    monkeypatch.setenv("REPLAY_SERVER_PORT", "2")
    monkeypatch.setenv("REPLAY_SERVER_MAX_BODY_BYTES", "20")
    monkeypatch.setenv("REPLAY_SERVER_LOG_FORMAT", "text")

    run("serve", "--config", str(config), "--port", "3")

    (settings,) = served
    assert (settings.port, settings.max_body_bytes) == (3, 20)
    assert (settings.log_format, settings.log_level) == ("text", "error")


def test_every_option_is_a_variable_and_a_key_of_the_file(
    served: list[ServerSettings], config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    certificate = Certificate(tmp_path)
    add_token(tmp_path / "tokens", "someone", Role.VIEWER)
    values: dict[str, Any] = {
        "host": "127.0.0.2",
        "port": 5,
        "uds": str(tmp_path / "s"),
        "max_body_bytes": 6,
        "memory_limit_bytes": 7,
        "tokens": str(tmp_path / "tokens"),
        "tls_cert": str(certificate.chain),
        "tls_key": str(certificate.key),
        "log_level": "debug",
        "log_format": "json",
        "allow_unauthenticated": True,
    }
    config.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items()))
    run("serve", "--config", str(config))
    for name, value in values.items():
        monkeypatch.setenv(f"REPLAY_SERVER_{name.upper()}", str(value))
    run("serve")

    by_file, by_environment = served
    assert by_file == by_environment
    for name, value in values.items():
        got = getattr(by_file, name)
        assert (str(got) if isinstance(got, Path) else got) == value


def test_the_file_itself_may_be_named_by_the_environment(
    served: list[ServerSettings], config: Path, monkeypatch: pytest.MonkeyPatch
):
    config.write_text("port = 7\n[tables.t]\ncapacity = 3\n")
    monkeypatch.setenv("REPLAY_SERVER_CONFIG", str(config))

    run("serve")

    assert (served[0].port, served[0].tables) == (7, {"t": {"capacity": 3}})


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--nope"],
        ["serve", "extra"],
        ["nope"],
        ["serve", "--port", "x"],
        ["serve", "--port", "65536"],
        ["serve", "--port", "-1"],
        ["serve", "--max-body-bytes", "0"],
        ["serve", "--log-level", "loud"],
        ["serve", "--config", "no/such/file.toml"],
        ["serve", "--tls-cert", "cert.pem"],
        ["serve", "--tls-key", "key.pem"],
        ["serve", "--tls-cert", "no-such.pem", "--tls-key", "no-such.pem"],
        ["serve", "--tls-cert", __file__, "--tls-key", __file__],
        ["serve", "--tokens", "no-such-file"],
        ["serve", "--tokens", "."],
        ["serve", "--tokens", __file__],
        ["serve", "--tokens", "/dev/null"],
        ["serve", "--tokens", "/dev/null", "--allow-unauthenticated"],
        ["token"],
        ["token", "--role", "viewer", "--name", "a"],
        ["token", "--role", "viewer", "--tokens", "x"],
        ["token", "--name", "a", "--tokens", "x"],
        ["token", "--role", "root", "--name", "a", "--tokens", "x"],
        ["token", "--role", "viewer", "--name", "a b", "--tokens", "x"],
        ["token", "--role", "viewer", "--name", "a", "--tokens", "/no/such/folder/x"],
        ["tables", "--server", "ftp://x"],
        ["tables", "--server", "127.0.0.1:8000"],
        ["tables", "--token-file", "no-such-file"],
        ["tables", "--token-file", "/dev/null"],
        ["tables", "--server", "https://127.0.0.1:1", "--tls-ca", "no-such-file"],
        ["tables", "--server", "https://127.0.0.1:1", "--tls-ca", __file__],
        ["checkpoint", "--tables", "x"],
        ["checkpoint", "--list", "--name", "x"],
        ["tables", "--watch", "0"],
        ["doctor", "--server", "ftp://x"],
        ["doctor", "--token-file", "/dev/null"],
        ["doctor", "--server", "https://127.0.0.1:1", "--tls-ca", "no-such-file"],
        ["serve", "--host", "0.0.0.0"],
        ["serve", "--host", "::"],
        ["serve", "--host", ""],
        ["serve", "--host", "192.0.2.1"],
        ["serve", "--host", "no-such-host.invalid"],
    ],
    ids=" ".join,
)
def test_bad_usage_is_exit_2_and_one_sentence(
    served: list[ServerSettings], capsys: pytest.CaptureFixture[str], arguments: list[str]
):
    assert run(*arguments) == 2

    captured = capsys.readouterr()
    assert re.fullmatch(r"replay-server: [^\n]{10,}\n", captured.err)
    assert captured.out == ""
    assert served == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("prot = 1", id="unknown_key"),
        pytest.param("[server]\nport = 1", id="unknown_section"),
        pytest.param("port = = 1", id="no_toml"),
        pytest.param("port = 'x'", id="no_number"),
        pytest.param("port = 70000", id="out_of_range"),
        pytest.param("allow_unauthenticated = 'maybe'", id="no_bool"),
        pytest.param("log_format = 'xml'", id="no_choice"),
        pytest.param("host = '0.0.0.0'", id="the_world"),
        pytest.param("config = 'x.toml'", id="a_file_in_the_file"),
        pytest.param("tables = 3", id="tables_are_no_section"),
        pytest.param("[tables]\nt = 3", id="a_table_is_no_section"),
        pytest.param("[[tables]]\ncapacity = 3", id="tables_are_a_list"),
    ],
)
def test_a_bad_file_is_exit_2_and_one_sentence(
    served: list[ServerSettings], capsys: pytest.CaptureFixture[str], config: Path, text: str
):
    config.write_text(text)

    assert run("serve", "--config", str(config)) == 2

    assert re.fullmatch(r"replay-server: [^\n]{10,}\n", capsys.readouterr().err)
    assert served == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_loopback_needs_no_permission(served: list[ServerSettings], host: str):
    run("serve", "--host", host)

    assert served[0].host == host


def test_a_socket_file_needs_no_permission_whatever_the_host(
    served: list[ServerSettings], tmp_path: Path
):
    run("serve", "--host", "0.0.0.0", "--uds", str(tmp_path / "s"))

    assert served[0].uds == tmp_path / "s"


def test_the_world_needs_no_permission_where_tokens_are_asked_for(
    served: list[ServerSettings], tmp_path: Path
):
    add_token(tmp_path / "tokens", "someone", Role.VIEWER)

    assert run("serve", "--host", "0.0.0.0", "--tokens", str(tmp_path / "tokens")) == 0

    assert served[0].tokens == tmp_path / "tokens"


def test_a_file_may_hold_options_of_other_commands_too(served: list[ServerSettings], config: Path):
    config.write_text('port = 3\nserver = "http://127.0.0.1:3"\ntoken_file = "x"\nname = "n"\n')

    assert run("serve", "--config", str(config)) == 0

    assert served[0].port == 3


def test_the_world_is_let_in_where_that_is_said(tmp_path: Path):
    arguments = ("serve", "--host", "0.0.0.0", "--port", "0", "--allow-unauthenticated")
    with Command(*arguments, folder=tmp_path) as command:
        port = int(command.url().removeprefix("http://0.0.0.0:"))

        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    "table",
    [
        pytest.param("[tables.'a b']\ncapacity = 3", id="name"),
        pytest.param("[tables.t]\ncapacity = 3\nrate_limiter = {min_size = 4}", id="infeasible"),
    ],
)
def test_an_invalid_declared_table_is_exit_2(tmp_path: Path, config: Path, table: str):
    config.write_text(table)

    with Command("serve", "--port", "0", "--config", str(config), folder=tmp_path) as command:
        code, out = command.ended()

    told = [line for line in command.errors().splitlines() if line.startswith("replay-server: ")]
    assert (code, out, len(told)) == (2, "", 1)
    assert "Traceback" not in command.errors()


def test_a_port_that_is_taken_is_told_in_one_sentence(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with Command("serve", "--port", port, folder=tmp_path) as command:
            code, out = command.ended()

    assert (code, out) == (1, "")
    assert re.fullmatch(rf"replay-server: [^\n]*{port}[^\n]*\n", command.errors())


def test_the_console_script_is_installed():
    script = shutil.which("replay-server", path=str(Path(sys.executable).parent))
    assert script is not None

    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)

    assert __version__ in done.stdout
