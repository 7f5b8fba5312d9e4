"""Inputs: bytes that stand for up to three requests to a server.

A request is five bytes and a body: endpoint, name, flags, length of the body (two bytes, the high
one first). Where the endpoint looks at the query, the body's first line is that, and the second is
`If-None-Match`. Whatever bytes there are mean something; what is too much is ignored.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import msgpack
import msgspec
import zstandard

from replay_wire import endpoints
from replay_wire.codec import decode
from replay_wire.endpoints import Endpoint
from replay_wire.json_codec import encode_json
from replay_wire.queries import ParametersQuery
from tests.fuzz.tables import SPECS

# What people see, of which the OpenAPI document has nothing. Their queries mean nothing.
PAGES: Final = {
    label: Endpoint("GET", path, None, str, query=ParametersQuery)
    for label, path in (
        ("PAGE", "/"),
        ("ASSET", "/assets/{name}"),
        ("DOCS", "/docs"),
        ("OPENAPI", "/openapi.json"),
    )
}
BY_LABEL: Final = {
    **{label: value for label, value in vars(endpoints).items() if isinstance(value, Endpoint)},
    **PAGES,
}
ENDPOINTS: Final = list(BY_LABEL.values())
NAMES: Final = [*SPECS, "new", "another", "-bad", "no/such", "\u00e9", "x" * 65, "page.css"]
CONTENT_TYPES: Final = (b"application/msgpack", b"application/json", None, b"text/plain")
ACCEPTS: Final = (None, b"application/json", b"application/msgpack", b"*/*;q=0.5, text/html")
MOST_REQUESTS: Final = 3
JSON_FLAG: Final = 1
HANGS_UP_FLAG: Final = 0x20
HEAD: Final = 5


@dataclass(frozen=True)
class Request:
    """One request; the numbers are bytes."""

    endpoint_byte: int
    name_byte: int
    flags: int
    body: bytes = b""

    @property
    def endpoint(self) -> Endpoint:
        return ENDPOINTS[self.endpoint_byte % len(ENDPOINTS)]

    @property
    def name(self) -> str:
        return NAMES[self.name_byte % len(NAMES)]

    @property
    def path(self) -> str:
        return self.endpoint.url(table=self.name, name=self.name)

    @property
    def is_json(self) -> bool:
        return self.flags & 3 == JSON_FLAG

    @property
    def query(self) -> bytes:
        return b"" if self.endpoint.query is None else self.body.partition(b"\n")[0]

    def headers(self) -> list[tuple[bytes, bytes]]:
        content_type, accept = CONTENT_TYPES[self.flags & 3], ACCEPTS[self.flags >> 4 & 3]
        headers = [] if content_type is None else [(b"content-type", content_type)]
        headers += [] if accept is None else [(b"accept", accept)]
        headers += [(b"accept-encoding", b"zstd")] if self.flags & 0x80 else []
        coding = (None, b"gzip", b"zstd", b"gzip")[self.flags >> 2 & 3]
        headers += [] if coding is None else [(b"content-encoding", coding)]
        if not self.flags & 0x40:
            headers.append((b"content-length", str(len(self.sent_body())).encode()))
        if self.endpoint.query is not None and b"\n" in self.body:
            headers.append((b"if-none-match", self.body.partition(b"\n")[2]))
        return headers

    def sent_body(self) -> bytes:
        """Return the body as it goes out; one of the codings lies, so that anything comes in."""
        coding = self.flags >> 2 & 3
        if self.endpoint.query is not None:
            return b""
        if coding == 1:
            return gzip.compress(self.body, 1, mtime=0)
        return zstandard.ZstdCompressor(level=1).compress(self.body) if coding == 2 else self.body

    def chunks(self) -> list[bytes]:
        body = self.sent_body()
        half = len(body) // 2
        return [body[:half], body[half:]] if self.flags & 0x40 else [body]


def parse(data: bytes) -> list[Request]:
    """Return the requests that bytes stand for."""
    requests: list[Request] = []
    while len(data) >= HEAD and len(requests) < MOST_REQUESTS:
        end = HEAD + int.from_bytes(data[3:HEAD], "big")
        requests.append(Request(*data[:3], data[HEAD:end]))
        data = data[end:]
    return requests


def pack(requests: Iterable[Request]) -> bytes:
    """Return the bytes that stand for requests."""
    return b"".join(
        bytes((one.endpoint_byte, one.name_byte, one.flags))
        + len(one.body).to_bytes(2, "big")
        + one.body
        for one in requests
    )


def in_json(request: Request) -> Request:
    """Return a request of MessagePack in JSON. Raises ValueError where its body is no message."""
    kind = request.endpoint.request
    if kind is None or not issubclass(kind, msgspec.Struct):
        raise ValueError(kind)
    body = encode_json(decode(request.body, kind))
    return replace(request, flags=request.flags & ~3 | JSON_FLAG, body=body)


def unpacked(request: Request) -> Any:
    """Return the document of a request's body. Raises ValueError where it is none."""
    if request.is_json:
        return json.loads(request.body)
    return msgpack.unpackb(request.body, strict_map_key=False)
