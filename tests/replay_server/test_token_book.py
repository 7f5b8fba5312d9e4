"""Whose a token is."""

from pathlib import Path

import pytest

from replay_server.token_book import TokenBook
from replay_server.token_file import TokenFileError, add_token
from replay_wire.roles import Role


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def test_each_token_is_its_owners(path: Path):
    tokens = {
        name: add_token(path, name, role) for name, role in (("a", Role.ACTOR), ("b", Role.VIEWER))
    }
    book = TokenBook(path)

    for name, token in tokens.items():
        record = book.find(token.encode())
        assert record is not None
        assert record.name == name


@pytest.mark.parametrize("change", [b"", b"x"], ids=["nothing", "longer"])
def test_other_tokens_are_nobodys(path: Path, change: bytes):
    token = add_token(path, "a", Role.ACTOR).encode()
    book = TokenBook(path)

    assert book.find(change) is None
    assert book.find(token + b"x") is None
    assert book.find(token[:-1]) is None
    assert book.find(path.read_text().split()[2].encode()) is None
    assert book.find(bytes.fromhex(path.read_text().split(":")[1])) is None


def test_what_is_compared_is_all_of_the_hash(path: Path, monkeypatch: pytest.MonkeyPatch):
    token = add_token(path, "a", Role.ACTOR).encode()
    book = TokenBook(path)
    monkeypatch.setattr(book, "_blinded", lambda _digest: next(iter(book._records)))

    assert book.find(token) is not None
    assert book.find(token + b"x") is None  # though the index leads to a record


def test_the_index_is_another_one_in_each_process(path: Path):
    add_token(path, "a", Role.ACTOR)

    assert TokenBook(path)._records.keys() != TokenBook(path)._records.keys()


def test_a_file_that_is_read_again_gives_and_takes(path: Path):
    old = add_token(path, "old", Role.ACTOR).encode()
    book = TokenBook(path)
    path.unlink()
    new = add_token(path, "new", Role.ADMIN).encode()

    assert book.reload() == 1

    assert book.find(old) is None
    found = book.find(new)
    assert found is not None
    assert found.role is Role.ADMIN


@pytest.mark.parametrize("text", ["", "nonsense", None])
def test_a_broken_file_changes_nothing(path: Path, text: str | None):
    token = add_token(path, "a", Role.ACTOR).encode()
    book = TokenBook(path)
    path.unlink() if text is None else path.write_text(text)

    with pytest.raises(TokenFileError):
        book.reload()

    assert book.find(token) is not None


def test_a_record_does_not_show_its_hash(path: Path):
    token = add_token(path, "a", Role.ACTOR).encode()

    assert "digest" not in repr(TokenBook(path).find(token))
