"""The file of tokens: names, roles and hashes.

A line of the file is `NAME ROLE sha256:HEX`; empty lines and lines that begin with # are skipped:

    actor-7 actor sha256:5f2b...

A token is 256 random bits, so its SHA-256 gives nothing away: there is no list of likely tokens to
try, which is what the slow hashes of passwords are against.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from replay_wire.errors import InvalidMessageError
from replay_wire.roles import Role
from replay_wire.specs import check_resource_name

if sys.platform != "win32":
    import fcntl

__all__ = ["TokenFileError", "TokenRecord", "add_token", "read_tokens"]

_RANDOM_BYTES: Final = 32
_PREFIX: Final = (
    "replay_"  # so that scanners for leaked secrets, and people, know it for what it is
)
_HASH: Final = re.compile(r"sha256:([0-9a-f]{64})")


class TokenFileError(ValueError):
    """A file of tokens can't be used. What it holds is not told: it might be a token by mistake.

    Attributes:
        path: the file.
        reason: what is wrong with it.
    """

    def __init__(self, path: Path, reason: str) -> None:
        """Keep the facts and make a sentence of them."""
        self.path, self.reason = path, reason
        super().__init__(f"--tokens {path}: {reason}")


@dataclass(frozen=True)
class TokenRecord:
    """What is known of a token.

    Attributes:
        name: whose it is; unique in the file.
        role: what it may.
        digest: SHA-256 of the token, 32 bytes.
    """

    name: str
    role: Role
    digest: bytes = field(repr=False)


def read_tokens(path: Path) -> tuple[TokenRecord, ...]:
    """Return the records of a file, at least one, in its order.

    Raises:
        TokenFileError: it can't be read, a line is none, a name or a token stands twice, or there
            is no token at all.
    """
    records = _parsed(path, _text(path))
    if not records:
        raise TokenFileError(path, "it holds no token; replay-server token adds one")
    return records


def add_token(path: Path, name: str, role: Role) -> str:
    """Make a token, add its hash to a file and return it. It is kept nowhere else.

    The file is made where there is none, and replaced as a whole (mode 0600): a server that reads
    it meanwhile sees it with the token or without. Two commands at a time wait for each other.

    Raises:
        TokenFileError: the name is none or taken, or the file is broken or can't be written.
    """
    try:
        check_resource_name(name, "name")
    except InvalidMessageError as error:
        raise TokenFileError(path, str(error)) from error
    token = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    target = path.resolve()  # the link stays, what it leads to is replaced
    try:
        with _locked(target.parent):
            text = _text(path) if target.exists() else ""
            if name in (record.name for record in _parsed(path, text)):
                raise TokenFileError(
                    path, f"there is a token named {name!r}; take another name or remove its line"
                )
            end = "" if not text or text.endswith("\n") else "\n"
            digest = hashlib.sha256(token.encode()).hexdigest()
            _replace(target, f"{text}{end}{name} {role} sha256:{digest}\n")
    except OSError as error:
        raise TokenFileError(path, f"can't be written: {error.strerror}") from error
    return token


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise TokenFileError(path, f"can't be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise TokenFileError(path, "it is no text") from None


def _parsed(path: Path, text: str) -> tuple[TokenRecord, ...]:
    records: dict[str, TokenRecord] = {}
    digests: set[bytes] = set()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        record = _record(line)
        if record is None:
            raise TokenFileError(
                path, f"line {number}: expected NAME {'|'.join(Role)} sha256:64-HEX-DIGITS"
            )
        if record.name in records:
            raise TokenFileError(path, f"line {number}: the name {record.name!r} stands twice")
        if record.digest in digests:
            raise TokenFileError(path, f"line {number}: its token stands under another name, too")
        records[record.name] = record
        digests.add(record.digest)
    return tuple(records.values())


def _record(line: str) -> TokenRecord | None:
    try:
        name, role, hashed = line.split()
        check_resource_name(name, "name")
        found = _HASH.fullmatch(hashed)
        return found and TokenRecord(name, Role(role), bytes.fromhex(found[1]))
    except ValueError:
        return None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other commands out of a folder's files of tokens, where the platform has such locks."""
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(target: Path, text: str) -> None:
    """Put a text in a file's place, whole or not at all, for its owner's eyes only."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        if target.exists():
            _keep_owner(Path(name), target)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _keep_owner(file: Path, old: Path) -> None:
    """Give a file to whom another belongs: root may add a token for a server that is not root."""
    owner = old.stat()
    if hasattr(os, "chown") and (owner.st_uid, owner.st_gid) != (os.getuid(), os.getgid()):
        os.chown(file, owner.st_uid, owner.st_gid)
