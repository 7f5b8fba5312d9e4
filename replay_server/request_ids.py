"""What a request is called, so that lines of the log and an answer can be told to be of it.

A client may name its request (`X-Request-Id`); what it says goes into logs as it is, so it is taken
only where it is short, plain, and no token. Every other request gets a name of the server's own.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Final

__all__ = ["REQUEST_ID_HEADER", "RequestIds", "current_request_id"]

REQUEST_ID_HEADER: Final = b"x-request-id"
_NAME: Final = re.compile(rb"(?!replay_)[A-Za-z0-9._:/+=@-]{1,128}")  # tokens begin with replay_

current_request_id: ContextVar[bytes | None] = ContextVar("request_id", default=None)
"""The id of the request that is being worked on; None outside of any."""


class RequestIds:
    """Names requests; no two of them alike, in this process or another."""

    def __init__(self) -> None:
        """Begin to count."""
        self._prefix = secrets.token_hex(4).encode()
        self._numbers = itertools.count(1)

    def id_of(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """Return what a request calls itself, if it may; else a new id.

        Args:
            headers: of the request, names in lower case.
        """
        for name, value in headers:
            if name == REQUEST_ID_HEADER and _NAME.fullmatch(value):
                return value
        return b"%s-%d" % (self._prefix, next(self._numbers))
