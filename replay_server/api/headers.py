"""The headers that decide about bodies: which form came, which is wanted, how it is compressed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from replay_wire.endpoints import MediaType

__all__ = ["RequestHeaders", "UnsupportedMediaTypeError"]

_FORMS: Final = {
    b"application/msgpack": MediaType.MSGPACK,
    b"application/x-msgpack": MediaType.MSGPACK,
    b"application/vnd.msgpack": MediaType.MSGPACK,
    b"application/json": MediaType.JSON,
}
_ANSWER_FORMS: Final = {**_FORMS, b"application/problem+json": MediaType.JSON}
_CODINGS: Final = (b"zstd", b"gzip")


class UnsupportedMediaTypeError(Exception):
    """A Content-Type or Content-Encoding that the server does not read."""


@dataclass(frozen=True)
class RequestHeaders:
    """The headers of one request that matter to its bodies; None where one is absent."""

    content_type: bytes | None = None
    content_length: bytes | None = None
    content_encoding: bytes | None = None
    accept: bytes | None = None
    accept_encoding: bytes | None = None

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> RequestHeaders:
        """Return those among an ASGI scope's headers, whose names are in lower case."""
        found = {_FIELDS[name]: value for name, value in headers if name in _FIELDS}
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
        coding = (self.content_encoding or b"identity").strip().lower()
        if coding in (b"identity", b""):
            return None
        if coding not in _CODINGS:
            raise UnsupportedMediaTypeError(
                "expected a Content-Encoding of zstd or gzip, "
                f"got {coding.decode('latin-1')[:80]!r}"
            )
        return coding

    def answer_form(self, default: MediaType) -> MediaType:
        """Return the form that the client likes best; the default where it can't be met."""
        if self.accept is None:
            return default
        best, best_rank = default, (0.0, False)
        for name, quality in _preferences(self.accept):
            if name == b"*/*" or name == b"application/*":
                form = default
            elif name in _ANSWER_FORMS:
                form = _ANSWER_FORMS[name]
            else:
                continue
            rank = (quality, form is default)
            if quality > 0 and rank > best_rank:
                best, best_rank = form, rank
        return best

    def answer_coding(self) -> bytes | None:
        """Return the compression that the client asks for and likes best; None without one."""
        if self.accept_encoding is None:
            return None
        wanted = {
            name: quality
            for name, quality in _preferences(self.accept_encoding)
            if name in _CODINGS and quality > 0
        }
        return max(wanted, key=lambda name: (wanted[name], name == b"zstd")) if wanted else None


_FIELDS: Final = {
    name.replace("_", "-").encode(): name for name in RequestHeaders.__dataclass_fields__
}


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
