"""Whose a token is: the tokens of a file, ready to be asked for."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Final

from replay_server.token_file import TokenRecord, read_tokens

__all__ = ["TokenBook"]

_KEY_BYTES: Final = 32


class TokenBook:
    """The tokens of a file, as they stood when it was read last."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            TokenFileError: it is missing, holds no token, or something else.
        """
        self._path = path
        self._key = secrets.token_bytes(_KEY_BYTES)
        self._records: dict[bytes, TokenRecord] = {}
        self.reload()

    def reload(self) -> int:
        """Read the file again and return how many tokens it holds.

        Raises:
            TokenFileError: as when it was read first; the tokens known before go on.
        """
        self._records = {self._blinded(record.digest): record for record in read_tokens(self._path)}
        return len(self._records)

    def find(self, token: bytes) -> TokenRecord | None:
        """Return whose a token is; None if nobody's.

        How long it takes tells nothing of the tokens that there are: they are looked up by a hash
        under a key that only this process knows, and compared in constant time.
        """
        digest = hashlib.sha256(token).digest()
        record = self._records.get(self._blinded(digest))
        if record is None or not hmac.compare_digest(record.digest, digest):
            return None
        return record

    def _blinded(self, digest: bytes) -> bytes:
        return hashlib.blake2b(digest, key=self._key, digest_size=_KEY_BYTES).digest()
