"""What holds of every answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec
import zstandard

from replay_wire.endpoints import PARAMETERS_VERSION_HEADER, Endpoint
from replay_wire.errors import ErrorCode

_MOST_TOLD = 400


@dataclass(frozen=True)
class Answer:
    """One answer, as it was sent."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def is_refusal(self) -> bool:
        return self.status >= 400

    def check(self, endpoint: Endpoint) -> None:
        """Check that it is a problem, or what the endpoint promises."""
        assert self.headers.get(b"content-length", b"0") == str(len(self.body)).encode()
        if self.is_refusal:
            problem = self._document()
            assert problem["status"] == self.status == ErrorCode(problem["code"]).status, problem
            assert 0 < len(problem["detail"]) <= _MOST_TOLD, problem
        elif endpoint.reply is None or self.status == 304:
            assert not self.body
        elif endpoint.reply is str:
            assert any(form in self.headers[b"content-type"] for form in (b"text", b"json"))
        elif issubclass(endpoint.reply, msgspec.Struct):
            fields = {each.encode_name: each for each in msgspec.structs.fields(endpoint.reply)}
            told = self._document().keys()
            assert told <= fields.keys(), told
            if not endpoint.reply.__struct_config__.omit_defaults:
                assert told == fields.keys(), told
            assert told >= {name for name, each in fields.items() if each.required}, told
        else:
            version = self.headers[PARAMETERS_VERSION_HEADER.encode()]
            assert int(version) > 0
            assert self.headers[b"etag"] == b'"%s"' % version

    def _document(self) -> dict[str, Any]:
        body = self.body
        if self.headers.get(b"content-encoding") == b"zstd":
            body = zstandard.ZstdDecompressor().decompress(body)
        if b"msgpack" in self.headers[b"content-type"]:
            document: dict[str, Any] = msgspec.msgpack.decode(body)
        else:
            document = json.loads(body)
        return document
