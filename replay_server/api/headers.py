"""The headers that decide about bodies: which form came, which is wanted, how it is compressed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from replay_wire.endpoints import MediaType

__all__ = ["RequestHeaders", "UnsupportedMediaTypeError"]

_FORMS: Final = {
    b"application/msgpack": MediaType.MSGPACK,
    b"application/x-msgpack": MediaType.MSGPACK,
    b"application/vnd.msgpack": MediaType.MSGPACK,
    b"application/json": MediaType.JSON,
}
_ANSWER_FORMS: Final = {**_FORMS, b"application/problem+json": MediaType.JSON}
_WILD_RANGES: Final = (b"application/*", b"*/*")
_CODINGS: Final = (b"zstd", b"gzip")
_IDENTITY: Final = b"identity"


class UnsupportedMediaTypeError(Exception):
    """A Content-Type or Content-Encoding that the server does not read."""


class RequestHeaders(NamedTuple):
    """The headers of one request that matter to its bodies; None where one is absent."""

    content_type: bytes | None = None
    content_length: bytes | None = None
    content_encoding: bytes | None = None
    accept: bytes | None = None
    accept_encoding: bytes | None = None

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> RequestHeaders:
        """Return those among an ASGI scope's headers, whose names are in lower case."""
        found: dict[str, bytes] = {}
        for name, value in headers:
            field = _FIELDS.get(name)
            if field is not None:  # a header given twice means its values in one list
                found[field] = found[field] + b", " + value if field in found else value
        return cls(**found)

    def body_form(self, default: MediaType) -> MediaType:
        """Return the form of the body: what Content-Type says, else the endpoint's default.

        Raises:
            UnsupportedMediaTypeError: it is neither MessagePack nor JSON.
        """
        if self.content_type is None:
            return default
        name = self.content_type.partition(b";")[0].strip().lower()
        form = _FORMS.get(name)
        if form is None:
            raise UnsupportedMediaTypeError(
                f"expected a Content-Type of {MediaType.MSGPACK} or {MediaType.JSON}, "
                f"got {name.decode('latin-1')[:80]!r}"
            )
        return form

    def body_coding(self) -> bytes | None:
        """Return how the body is compressed: b"zstd", b"gzip", or None if it is not.

        Raises:
            UnsupportedMediaTypeError: in another way.
        """
        coding = (self.content_encoding or _IDENTITY).strip().lower()
        if coding in (_IDENTITY, b""):
            return None
        if coding not in _CODINGS:
            raise UnsupportedMediaTypeError(
                "expected a Content-Encoding of zstd or gzip, "
                f"got {coding.decode('latin-1')[:80]!r}"
            )
        return coding

    def answer_form(self, default: MediaType) -> MediaType:
        """Return the form that the client likes best; the default where it can't be met."""
        return default if self.accept is None else _best_form(self.accept, default)

    def answer_coding(self) -> bytes | None:
        """Return the compression that the client asks for and likes best; None without one."""
        return None if self.accept_encoding is None else _best_coding(self.accept_encoding)


_FIELDS: Final = {name.replace("_", "-").encode(): name for name in RequestHeaders._fields}


@lru_cache(maxsize=128)  # a client's requests all say the same
def _best_form(accept: bytes, default: MediaType) -> MediaType:
    ranges = dict(_preferences(accept))
    wild = next((ranges[name] for name in _WILD_RANGES if name in ranges), 0.0)
    best, best_rank = default, (0.0, False)
    for form in (MediaType.MSGPACK, MediaType.JSON):
        # A range that names a type counts more than one that takes in many (RFC 9110, 12.5.1).
        named = [
            ranges[name] for name, of in _ANSWER_FORMS.items() if of is form and name in ranges
        ]
        rank = (max(named) if named else wild, form is default)
        if rank[0] > 0 and rank > best_rank:
            best, best_rank = form, rank
    return best


@lru_cache(maxsize=128)
def _best_coding(accept_encoding: bytes) -> bytes | None:
    wanted = {
        name: quality
        for name, quality in _preferences(accept_encoding)
        if name in (*_CODINGS, _IDENTITY) and quality > 0
    }
    order = (_IDENTITY, b"gzip", b"zstd")
    best = max(wanted, key=lambda name: (wanted[name], order.index(name)), default=_IDENTITY)
    return None if best == _IDENTITY else best


def _preferences(value: bytes) -> list[tuple[bytes, float]]:
    """Return the names in an Accept or Accept-Encoding header with their q, 1 where it has none."""
    preferences = []
    for part in value.split(b","):
        name, *parameters = part.split(b";")
        quality = 1.0
        for parameter in parameters:
            key, _, number = parameter.partition(b"=")
            if key.strip().lower() == b"q":
                try:
                    quality = float(number)
                except ValueError:
                    quality = 0.0
        preferences.append((name.strip().lower(), quality))
    return preferences
