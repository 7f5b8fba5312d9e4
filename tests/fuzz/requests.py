"""Inputs: bytes that stand for up to three requests to a server, and the valid ones to begin with.

A request is five bytes and a body: endpoint, name, flags, length of the body (two bytes, the high
one first). Where the endpoint looks at the query, the body's first line is that, and the second is
`If-None-Match`. Whatever bytes there are mean something; what is too much is ignored.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import msgpack
import msgspec
import numpy as np
import zstandard

from replay_server.api.examples import EXAMPLES
from replay_wire import endpoints
from replay_wire.arrays import Array
from replay_wire.codec import decode, encode
from replay_wire.endpoints import Endpoint
from replay_wire.json_codec import decode_json, encode_json
from tests.fuzz.tables import SPECS, STEPS, steps

ENDPOINTS: Final = [value for value in vars(endpoints).values() if isinstance(value, Endpoint)]
NAMES: Final = [*SPECS, "new", "another", "-bad", "no/such", "\u00e9", "x" * 65]
CONTENT_TYPES: Final = (b"application/msgpack", b"application/json", None, b"text/plain")
ACCEPTS: Final = (None, b"application/json", b"application/msgpack", b"*/*;q=0.5, text/html")
MOST_REQUESTS: Final = 3
JSON_FLAG: Final = 1
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


def _request(endpoint: Endpoint, name: str, document: Any = None, flags: int = 0) -> Request:
    body = b"" if document is None else b"".join(encode(document))
    return Request(ENDPOINTS.index(endpoint), NAMES.index(name), flags, body)


def _documents(name: str) -> Iterator[tuple[Endpoint, Any]]:
    """Return requests that the table `name` takes."""
    keys = Array.from_numpy(np.array([0, 1, 2**40], np.int64))
    priorities = Array.from_numpy(np.array([0.0, 1.5, 3.0]))
    update = {"keys": keys, "priorities": priorities}
    if name in STEPS:
        columns = {key: Array.from_numpy(value) for key, value in steps(3, 0).items()}
        streams = {"streams": Array.from_numpy(np.zeros(3, np.int64))}
    else:
        observations = Array.from_numpy(np.ones((3, 2), np.float32))
        columns, streams = {"x": observations, "a": Array.from_numpy(np.arange(3))}, {}
    yield endpoints.INSERT, {"columns": columns, "priorities": priorities, **streams}
    yield endpoints.INSERT, {"columns": columns, "writer": {"id": "w", "sequence": 3}}
    yield endpoints.SAMPLE, {"batch_size": 2, "batches": 2, "update": update, "timeout": 0.001}
    yield endpoints.SAMPLE, {"batch_size": 3, "beta": 0.5, "normalize": "table"}
    if name in STEPS:
        yield endpoints.SAMPLE, {"batch_size": 2, "layout": "indexed", "columns": ["reward"]}
    yield endpoints.MIXED_SAMPLE, {"parts": [{"table": t, "batch_size": 2} for t in (name, "rows")]}
    yield endpoints.UPDATE_PRIORITIES, update
    yield endpoints.DELETE_ROWS, {"keys": keys}
    yield endpoints.SCAN, {"after": 0, "limit": 2, "order": "priority"}
    yield endpoints.CHANGE_TABLE, {"sampler": {"kind": "prioritized", "alpha": 1.0}}
    yield endpoints.CHANGE_TABLE, {"rate_limiter": {"kind": "min_size", "min_size": 2}}
    yield endpoints.CHANGE_TABLE, {"max_times_sampled": 1}
    yield endpoints.CREATE_TABLE, SPECS[name]


def _of_parameters() -> Iterator[list[Request]]:
    """Give requests of parameters."""
    put = replace(_request(endpoints.PUT_PARAMETERS, "rows"), body=b"weights")
    get = _request(endpoints.GET_PARAMETERS, "rows")
    yield [put]
    yield [put, replace(get, body=b'newer_than=1&wait=0.5\n"1", W/"2"'), get]
    yield [replace(get, body=b"newer_than=1&wait=0.5")]
    yield [replace(get, body=b'\n"1"')]
    yield [_request(endpoints.DELETE_PARAMETERS, "rows"), put]
    yield [_request(endpoints.LIST_PARAMETERS, "rows")]


def valid_programs() -> list[list[Request]]:
    """Return requests that a server takes: the examples of the OpenAPI document, and one of each.

    Those of messages are there in both forms.
    """
    programs = list(_of_parameters())
    for endpoint in ENDPOINTS:
        if "/parameters" in endpoint.path:
            continue
        if endpoint.request is None:
            programs.append([_request(endpoint, "rows")])
            continue
        example = json.dumps(EXAMPLES[endpoint.request]).encode()
        as_json = replace(_request(endpoint, "new", None, JSON_FLAG), body=example)
        message = decode_json(example, endpoint.request)
        document = message.document() if hasattr(message, "document") else message
        programs += [[as_json], [_request(endpoint, "new", document)]]
    for name in SPECS:
        every = [_request(endpoint, name, body) for endpoint, body in _documents(name)]
        programs += [[one] for one in every]
        programs += [[in_json(one)] for one in every]
        programs += [every[start : start + 3] for start in range(0, len(every), 3)]
    gzipped, zstd = (_request(endpoints.DESCRIBE_TABLE, "rows", {}, flags) for flags in (4, 8))
    programs += [[gzipped, replace(zstd, endpoint_byte=ENDPOINTS.index(endpoints.CREATE_TABLE))]]
    return programs


def valid_inputs() -> list[bytes]:
    """Return `valid_programs` as inputs."""
    return [pack(requests) for requests in valid_programs()]


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
