"""What an input is fed to, and what has to hold whatever it is."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import resource
from typing import Any, Final

import msgspec
import numpy as np
import zstandard

from replay_server.api.app import create_app
from replay_server.durability.keeper import StandingTable
from replay_server.memory.table import Table
from replay_server.settings import ServerSettings
from replay_wire import codec, endpoints, json_codec
from replay_wire.arrays import Array
from replay_wire.errors import ErrorCode, WireFormatError
from replay_wire.messages import Limits
from replay_wire.specs import TableSpec
from tests.fuzz.requests import ENDPOINTS, Request, parse
from tests.fuzz.tables import EMPTY, SPECS, STEPS, rows, steps

MESSAGES: Final = sorted(
    {kind for one in ENDPOINTS for kind in (one.request, one.reply) if kind},
    key=lambda kind: kind.__name__,
)
BODY_BYTES: Final = 4096
_MORE_KIB: Final = 64 * 1024
Fingerprint = tuple[object, ...]


class _Foreseen(logging.Handler):
    """Keeps the error that nobody foresaw, so that a failure can be told with its cause."""

    error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.error = record.exc_info[1]


class _Narrow(ServerSettings):
    """Limits so narrow that inputs come to them."""

    @property
    def limits(self) -> Limits:
        return msgspec.structs.replace(
            super().limits,
            max_draws_per_request=64,
            max_scan_rows=64,
            max_columns=8,
            max_wait_seconds=0.002,
            max_writers_per_table=4,
        )


class Target:
    """A whole server but for its sockets, with the tables of `SPECS`."""

    def __init__(self) -> None:
        self._app = create_app(_Narrow(max_body_bytes=BODY_BYTES, memory_limit_bytes=1 << 20))
        self._service = self._app.state.service
        self._keeper = self._service._keeper
        self._documented = {
            (method.upper(), path): {int(status) for status in operation["responses"]}
            for path, item in self._app.openapi()["paths"].items()
            for method, operation in item.items()
        }
        self._loop = asyncio.new_event_loop()
        self._log = _Foreseen()
        logger = logging.getLogger("replay_server")
        logger.addHandler(self._log)
        logger.propagate = False
        self._fresh: dict[str, StandingTable] = {}
        self._untouched: dict[str, Fingerprint] = {}
        self._state: dict[str, Fingerprint] = {}
        self._lay_out()
        self.requests = self.refused = 0

    def close(self) -> None:
        """Let go of the loop."""
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        logging.getLogger("replay_server").removeHandler(self._log)

    def feed(self, data: bytes) -> list[int]:
        """Decode an input as every message, send its requests; return their statuses.

        Raises:
            AssertionError: something that has to hold does not.
            Exception: the server let one out.
        """
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        statuses = []
        try:
            for request in parse(data):
                _decode(request.body, MESSAGES[request.name_byte % len(MESSAGES)])
                statuses.append(self._send(request))
        except BaseException:
            self._state = self._fingerprints()
            raise
        finally:
            self._lay_out()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
        assert grown < _MORE_KIB, f"one input took {grown} KiB more than all before it"
        return statuses

    # -- one request ----------------------------------------------------------------------------

    def _send(self, request: Request) -> int:
        endpoint = request.endpoint
        before, specs = self._state, self._specs(endpoint)
        self._log.error = None
        status, headers, body = self._loop.run_until_complete(self._exchange(request))
        told = f"{status} of {endpoint.method} {request.path}: {body[:300]!r}"
        assert self._log.error is None, f"{told}: {self._log.error!r}"
        is_nowhere = request.name.count("/") and "{" in endpoint.path
        documented = {404, 405} if is_nowhere else self._documented[endpoint.method, endpoint.path]
        assert status in documented, told
        self.requests += 1
        self._state = self._fingerprints()
        if status >= 400:
            self.refused += 1
            assert self._state == before, f"a refused request changed something: {told}"
            assert self._specs(endpoint) == specs, f"a refused request changed a spec: {told}"
            _check_problem(status, headers, body)
        else:
            _check_reply(endpoint.reply, headers, body)
            for standing in self._service.tables.standing:
                if self._state[standing.name] != before.get(standing.name):
                    _check_table(standing.table)
        return status

    async def _exchange(self, request: Request) -> tuple[int, dict[bytes, bytes], bytes]:
        chunks, sent = request.chunks(), list[Any]()
        events = [
            {"type": "http.request", "body": chunk, "more_body": place < len(chunks) - 1}
            for place, chunk in enumerate(chunks)
        ]

        async def receive() -> dict[str, Any]:
            if events:
                return events.pop(0)
            await asyncio.Event().wait()
            raise AssertionError

        async def send(event: Any) -> None:
            sent.append(event)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.endpoint.method,
            "scheme": "http",
            "path": request.path,
            "raw_path": request.path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": request.headers(),
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        await self._app(scope, receive, send)
        body = b"".join(bytes(event.get("body", b"")) for event in sent[1:])
        return sent[0]["status"], dict(sent[0]["headers"]), body

    # -- the state ------------------------------------------------------------------------------

    def _fingerprints(self) -> dict[str, Fingerprint]:
        return {one.name: _fingerprint(one) for one in self._service.tables.standing}

    def _specs(self, endpoint: endpoints.Endpoint) -> list[object]:
        if endpoint is not endpoints.CHANGE_TABLE:
            return []
        names = (one.name for one in self._service.tables.standing)
        return [self._service.tables.describe(name).spec for name in names]

    def _lay_out(self) -> None:
        """Put the tables back that an input has changed, keys and all."""
        if self._state and self._state == self._untouched:
            return
        there = {one.name: one for one in self._service.tables.standing}
        changed = [name for name in SPECS if self._state.get(name) != self._untouched.get(name, ())]
        for name in changed:
            if name in there:
                there[name].table.restore(there[name].table.state)  # raises if it is in no order
            self._fresh[name] = self._made(name)
            self._untouched[name] = _fingerprint(self._fresh[name])
        self._keeper.replace_all(())
        self._keeper.floors.clear()
        self._keeper.replace_all(list(self._fresh.values()))
        self._service.tables.take_over(self._fresh.values())
        self._state = dict(self._untouched)

    def _made(self, name: str) -> StandingTable:
        self._keeper.replace_all(())
        self._keeper.floors.clear()
        spec = codec.decode(b"".join(codec.encode(SPECS[name])), TableSpec)
        standing = self._keeper.make(name, {"made": spec.document(), "now": spec.document()})
        if name not in EMPTY:
            columns = steps(6, 0) if name in STEPS else rows(3)
            count = len(next(iter(columns.values())))
            standing.table.insert(columns, np.arange(count) + 0.5, ("w", 2))
        return standing


def _fingerprint(standing: StandingTable) -> Fingerprint:
    """Return all that makes up a table, byte by byte."""
    table, arrays = standing.table, standing.arrays
    state = table.state
    return (
        id(table),
        vars(state.numbers),
        state.streams,
        repr(state.writers),
        repr(vars(table.sampler)),
        repr(vars(table.limiter)),
        table.takes_away,
        table.signature,
        table.sample_ages.drawn,
        *(array.tobytes() for name, array in arrays.index.items() if name != "ages"),
        *(array.tobytes() for array in arrays.columns.values()),
    )


def _check_table(table: Table) -> None:
    """Check what holds of a table at any time."""
    assert 0 <= table.size <= table.rows <= table.capacity
    slots = table.live_slots()
    keys, priorities = table.keys_at(slots)
    assert len(slots) == table.rows == len(set(keys.tolist()))
    assert table.rows == 0 or keys.max() < table.next_key
    assert bool(np.isfinite(priorities).all())
    assert bool((priorities >= 0).all())
    assert math.isfinite(table.priority_sum)
    assert math.isfinite(table.max_priority)


def _check_problem(status: int, headers: dict[bytes, bytes], body: bytes) -> None:
    problem = _plain(headers, body)
    assert problem["status"] == status == ErrorCode(problem["code"]).status, problem
    assert 0 < len(problem["detail"]) <= 400, problem


def _check_reply(
    kind: type[msgspec.Struct] | None, headers: dict[bytes, bytes], body: bytes
) -> None:
    if kind is None:
        assert not body
        return
    document = _plain(headers, body)
    assert document.keys() == set(kind.__struct_fields__)


def _plain(headers: dict[bytes, bytes], body: bytes) -> dict[str, Any]:
    """Return the document of an answer."""
    assert int(headers[b"content-length"]) == len(body)
    if headers.get(b"content-encoding") == b"zstd":
        body = zstandard.ZstdDecompressor().decompress(body)
    if b"msgpack" in headers[b"content-type"]:
        document: dict[str, Any] = msgspec.msgpack.decode(body)
    else:
        document = json.loads(body)
    return document


def _decode(body: bytes, kind: type[msgspec.Struct]) -> None:
    """Decode bytes as a message in both forms, and look at every array, as a server does."""
    for decode in (codec.decode, json_codec.decode_json):
        try:
            message: Any = decode(body, kind)
            for name in message.__struct_fields__:
                part = getattr(message, name)
                for one in part.values() if isinstance(part, dict) else (part,):
                    if isinstance(one, Array):
                        one.to_numpy(name)
        except WireFormatError as error:
            told = str(error)
        else:
            told = ""
        assert len(told) < 1000
