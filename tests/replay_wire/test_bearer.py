"""How a token travels, and where a client finds it."""

from pathlib import Path

import pytest

from replay_wire.bearer import authorization, find_token, token_in


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "token"


def test_what_one_end_writes_the_other_reads():
    token = "replay_Az09-._~+/="

    assert token_in([authorization(token).encode()]) == token.encode()


@pytest.mark.parametrize("token", ["", "a b", "a\r\nb: c", "ä", "x" * 513, '"a"'])
def test_what_is_no_token_goes_nowhere_and_is_not_told(token: str):
    with pytest.raises(ValueError, match="token") as raised:
        authorization(token)

    assert token not in str(raised.value) or not token
    assert token_in([b"Bearer " + token.encode()]) is None


@pytest.mark.parametrize(
    "values", [[], [b"Bearer a", b"Bearer a"], [b"Bearer a", b""], [b"Bearer"], [b"Basic a"]]
)
def test_there_is_one_header_of_one_kind(values: list[bytes]):
    assert token_in(values) is None


def test_the_file_wins_over_the_environment(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("REPLAY_TOKEN", raising=False)
    assert find_token(None) is None

    monkeypatch.setenv("REPLAY_TOKEN", "of-the-environment")
    assert find_token(None) == "of-the-environment"

    path.write_text("  of-the-file\r\n")
    assert find_token(path) == "of-the-file"


@pytest.mark.parametrize("text", [b"", b"\n", b"two words", b"two\nlines", b"\xff"])
def test_a_file_without_a_token_is_refused_and_not_told(path: Path, text: bytes):
    path.write_bytes(text)

    with pytest.raises(ValueError, match="the token file") as raised:
        find_token(path)

    assert "two" not in str(raised.value)


def test_a_variable_that_holds_no_token_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REPLAY_TOKEN", "not one")

    with pytest.raises(ValueError, match="REPLAY_TOKEN") as raised:
        find_token(None)

    assert "not one" not in str(raised.value)


def test_a_file_that_is_not_there_is_refused(path: Path):
    with pytest.raises(ValueError, match="can't be read"):
        find_token(path)
