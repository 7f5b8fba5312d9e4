"""How a token travels: the header that bears it, and where a client finds it.

No error here tells what came in a token's place: it might be one, with a slip of the pen.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

__all__ = ["TOKEN_VARIABLE", "authorization", "find_token", "token_in"]

TOKEN_VARIABLE: Final = "REPLAY_TOKEN"
_TOKEN: Final = r"[A-Za-z0-9._~+/=-]{1,512}"  # the characters of RFC 6750, section 2.1
_LONE_TOKEN: Final = re.compile(_TOKEN)
_HEADER: Final = re.compile(rb"bearer +(%s)" % _TOKEN.encode(), re.IGNORECASE)


def authorization(token: str) -> str:
    """Return the value of the header Authorization that bears a token.

    Raises:
        ValueError: it is no token.
    """
    if not _LONE_TOKEN.fullmatch(token):
        raise ValueError("expected a token as replay-server token prints it, got something else")
    return f"Bearer {token}"


def token_in(values: Sequence[bytes]) -> bytes | None:
    """Return the token that a request's headers Authorization bear; None unless it is one, once."""
    found = _HEADER.fullmatch(values[0]) if len(values) == 1 else None
    return None if found is None else found[1]


def find_token(file: Path | None) -> str | None:
    """Return the token of a file, else that of the variable REPLAY_TOKEN; None without either.

    Raises:
        ValueError: the file can't be read, or what it or the variable holds is no token.
    """
    where, token = TOKEN_VARIABLE, os.environ.get(TOKEN_VARIABLE, "")
    if file is not None:
        where = f"the token file {file}"
        try:
            token = file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ValueError(f"{where} can't be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise ValueError(f"{where} is no text") from None
    elif not token:
        return None
    if not _LONE_TOKEN.fullmatch(token):
        raise ValueError(f"{where} holds no token as replay-server token prints it")
    return token
