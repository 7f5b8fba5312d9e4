"""The file of tokens, and the command that adds to it."""

import hashlib
import os
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from replay_server.__main__ import main
from replay_server.token_file import TokenFileError, TokenRecord, add_token, read_tokens
from replay_wire.roles import Role

HEX = "0" * 64
OTHER_HEX = "1" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def names(path: Path) -> list[str]:
    return [record.name for record in read_tokens(path)]


def test_a_token_is_256_random_bits_that_are_kept_nowhere(path: Path):
    tokens = {add_token(path, f"actor-{number}", Role.ACTOR) for number in range(20)}

    assert len(tokens) == 20
    for token in tokens:
        assert re.fullmatch(r"replay_[A-Za-z0-9_-]{43}", token)
        assert token not in path.read_text()
        assert token.removeprefix("replay_") not in path.read_text()


def test_the_file_keeps_name_role_and_the_sha256_of_the_token(path: Path):
    token = add_token(path, "actor-7", Role.ACTOR)

    digest = hashlib.sha256(token.encode())
    assert path.read_text() == f"actor-7 actor sha256:{digest.hexdigest()}\n"
    assert read_tokens(path) == (TokenRecord("actor-7", Role.ACTOR, digest.digest()),)


def test_nobody_else_may_read_the_file_whatever_the_umask(path: Path):
    before = os.umask(0)
    try:
        add_token(path, "a", Role.ADMIN)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    path.chmod(0o644)
    add_token(path, "b", Role.ADMIN)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_stands_in_the_file_stays_as_it_is(path: Path):
    path.write_text(f"# ours\n\n  one\tviewer  sha256:{HEX}")

    add_token(path, "two", Role.LEARNER)

    assert path.read_text().startswith(f"# ours\n\n  one\tviewer  sha256:{HEX}\ntwo learner ")
    assert names(path) == ["one", "two"]


def test_a_name_that_is_taken_is_refused_and_the_file_is_as_it_was(path: Path):
    add_token(path, "a", Role.ACTOR)
    before = path.read_text()

    with pytest.raises(TokenFileError, match="'a'"):
        add_token(path, "a", Role.ADMIN)

    assert path.read_text() == before


@pytest.mark.parametrize("name", ["", "a b", "a\nb admin", "#a", "-a", "x" * 65, "ä"])
def test_a_name_that_is_none_is_refused(path: Path, name: str):
    with pytest.raises(TokenFileError):
        add_token(path, name, Role.ACTOR)

    assert not path.exists()


def test_a_link_stays_and_what_it_leads_to_is_replaced(path: Path, tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    real = tmp_path / "elsewhere" / "real"
    path.symlink_to(real)

    add_token(path, "a", Role.ACTOR)

    assert path.is_symlink()
    assert names(real) == ["a"]


def test_nothing_is_left_behind_when_the_file_can_not_be_replaced(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    add_token(path, "a", Role.ACTOR)
    before = path.read_text()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(TokenFileError, match="No space left"):
        add_token(path, "b", Role.ACTOR)

    assert path.read_text() == before
    assert list(path.parent.iterdir()) == [path]


def test_commands_at_the_same_time_lose_no_token(path: Path):
    def run(number: int) -> str:
        command = ["token", "--role", "actor", "--name", f"a{number}", "--tokens", str(path)]
        done = subprocess.run(
            [sys.executable, "-m", "replay_server", *command],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    with ThreadPoolExecutor(4) as pool:
        tokens = list(pool.map(run, range(8)))

    kept = {record.digest for record in read_tokens(path)}
    assert kept == {hashlib.sha256(token.encode()).digest() for token in tokens}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "no token", id="empty"),
        pytest.param("\n# a comment\n\n", "no token", id="comments"),
        pytest.param("a actor", "line 1", id="no_hash"),
        pytest.param(f"# x\na root sha256:{HEX}", "line 2", id="no_role"),
        pytest.param(f"a ADMIN sha256:{HEX}", "line 1", id="role_in_capitals"),
        pytest.param(f"a admin sha512:{HEX}", "line 1", id="other_hash"),
        pytest.param(f"a admin {HEX}", "line 1", id="no_kind_of_hash"),
        pytest.param(f"a admin sha256:{HEX[1:]}", "line 1", id="short"),
        pytest.param(f"a admin sha256:{HEX}0", "line 1", id="long"),
        pytest.param(f"a admin sha256:{HEX} # x", "line 1", id="more"),
        pytest.param(f"-a admin sha256:{HEX}", "line 1", id="name"),
        pytest.param(
            f"a admin sha256:{HEX}\na actor sha256:{OTHER_HEX}", "line 2", id="name_twice"
        ),
        pytest.param(f"a admin sha256:{HEX}\nb actor sha256:{HEX}", "line 2", id="token_twice"),
    ],
)
def test_a_broken_file_is_refused_and_told_where(path: Path, text: str, reason: str):
    path.write_text(text)

    with pytest.raises(TokenFileError, match=reason):
        read_tokens(path)


def test_a_token_that_stands_there_in_the_clear_is_not_told(path: Path):
    path.write_text("a admin replay_secret-secret")

    for use in (read_tokens, lambda path: add_token(path, "b", Role.ACTOR)):
        with pytest.raises(TokenFileError) as raised:
            use(path)
        assert "secret" not in str(raised.value)


def test_bytes_that_are_no_text_are_refused(path: Path):
    path.write_bytes(b"\xff\xfe")

    with pytest.raises(TokenFileError, match="no text"):
        read_tokens(path)


def test_the_command_prints_the_token_alone(path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["token", "--role", "learner", "--name", "l.1", "--tokens", str(path)])

    out, err = capsys.readouterr()
    assert ended.value.code == 0
    assert err == ""
    token = out.removesuffix("\n")
    assert "\n" not in token
    (record,) = read_tokens(path)
    assert (record.name, record.role) == ("l.1", Role.LEARNER)
    assert record.digest == hashlib.sha256(token.encode()).digest()


def test_the_command_refuses_a_name_that_is_taken_in_one_sentence(
    path: Path, capsys: pytest.CaptureFixture[str]
):
    add_token(path, "a", Role.ACTOR)

    with pytest.raises(SystemExit) as ended:
        main(["token", "--role", "learner", "--name", "a", "--tokens", str(path)])

    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert re.fullmatch(r"replay-server: [^\n]*'a'[^\n]*\n", err)
