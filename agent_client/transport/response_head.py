"""The head of an HTTP/1.1 response: status line, headers, and what they say of the body.

Parsed by hand because every batch comes with one; strict, because a lenient reader and its
proxy may disagree about where a body ends (RFC 9112, sections 4 to 6). `connection` reads the
bytes.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import httpx

__all__ = ["ResponseHead", "parse_chunk_size", "parse_response_head"]

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: ([^\r\n\0]*))?")
_HEADER: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\0]*?)[ \t]*")
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)
_DECIMAL: Final = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status line and headers.

    Attributes:
        status: 100 to 999.
        reason: the phrase after the status, often empty.
        headers: names as they came and values without surrounding blanks, in order.
        fields: the same by name in lower case; the values of a name given twice are one list.
        keep_alive: whether the server will answer another request on this connection.
        is_chunked: whether the body comes in chunks.
        content_length: the body's bytes; None where the headers do not say.
    """

    status: int
    reason: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    fields: dict[str, str]
    keep_alive: bool
    is_chunked: bool
    content_length: int | None

    def has_body(self, method: str) -> bool:
        """Return whether a body follows in answer to ``method`` (RFC 9112, section 6.3)."""
        return not (method == "HEAD" or self.status < 200 or self.status in (204, 304))


def parse_response_head(head: bytes) -> ResponseHead:
    """Return the parsed head.

    Args:
        head: everything before the empty line, without it.

    Raises:
        httpx.RemoteProtocolError: it is no HTTP/1.x response head, or its headers contradict
            each other about the body.
    """
    lines = head.split(b"\r\n")
    status_line = _STATUS_LINE.fullmatch(lines[0])
    if status_line is None:
        raise httpx.RemoteProtocolError(f"not an HTTP/1.1 status line: {lines[0][:80]!r}")
    minor_version, status, reason = status_line.groups()
    headers = [_parse_header(line) for line in lines[1:]]
    fields: dict[str, str] = {}
    for _, _, name, text in headers:
        fields[name] = f"{fields[name]}, {text}" if name in fields else text
    length, encoding = fields.get("content-length"), fields.get("transfer-encoding")
    if encoding is not None and encoding.lower() != "chunked":
        raise httpx.RemoteProtocolError(f"transfer encoding {encoding[:80]!r} is not understood")
    if encoding is not None and length is not None:
        raise httpx.RemoteProtocolError("both Content-Length and Transfer-Encoding came")
    options = {option.strip() for option in fields.get("connection", "").lower().split(",")}
    return ResponseHead(
        status=int(status),
        reason=reason or b"",
        headers=tuple((raw_name, raw_value) for raw_name, raw_value, _, _ in headers),
        fields=fields,
        keep_alive="close" not in options if minor_version == b"1" else "keep-alive" in options,
        is_chunked=encoding is not None,
        content_length=None if length is None else _parse_length(length),
    )


def parse_chunk_size(line: bytes) -> int:
    """Return the size that a chunk's first line announces; its extensions are ignored.

    Raises:
        httpx.RemoteProtocolError: the line does not start with a hexadecimal number.
    """
    found = _CHUNK_SIZE.fullmatch(line)
    if found is None:
        raise httpx.RemoteProtocolError(f"not a chunk size: {line[:80]!r}")
    return int(found[1], 16)


@lru_cache(maxsize=256)  # all but one or two lines of a server's answers are the same
def _parse_header(line: bytes) -> tuple[bytes, bytes, str, str]:
    """Return a header's name and value, as they came and as text, the name in lower case.

    Raises:
        httpx.RemoteProtocolError: it is none.
    """
    header = _HEADER.fullmatch(line)
    if header is None:
        raise httpx.RemoteProtocolError(f"not an HTTP header: {line[:80]!r}")
    name, value = header.groups()
    return name, value, name.decode("ascii").lower(), value.decode("latin-1")


def _parse_length(value: str) -> int:
    """Return a Content-Length, which may be repeated but must not change."""
    lengths = {part.strip(" \t") for part in value.split(",")}
    length = lengths.pop()
    if lengths or _DECIMAL.fullmatch(length) is None:
        raise httpx.RemoteProtocolError(f"not a content length: {value[:80]!r}")
    return int(length)
