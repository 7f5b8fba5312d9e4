"""Where programs run: a service in this process, or a server behind a socket."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, ClassVar, Protocol

import msgspec

from replay_server.api.error_replies import problem_of
from replay_server.durability.keeper import MemoryKeeper
from replay_server.keeping import builder
from replay_server.service import ReplayService
from replay_server.settings import ServerSettings
from replay_wire import messages
from replay_wire.arrays import Array
from replay_wire.complaints import convert
from replay_wire.specs import TableSpec
from tests.contract.peer import Peer, values_of

Answer = dict[str, Any]


class End(Protocol):
    """Something that answers requests: the members of a reply, or `code` and more of a problem."""

    def send(self, verb: str, table: str, document: Any) -> Answer: ...


class ServiceEnd:
    """A `ReplayService` of its own that keeps nothing."""

    def __init__(self, most_writers: int) -> None:
        limits = msgspec.structs.replace(
            ServerSettings().limits,
            max_writers_per_table=most_writers,
            memory_limit_bytes=1 << 40,
        )
        self.service = ReplayService(limits, MemoryKeeper(builder(most_writers)), ())

    def send(self, verb: str, table: str, document: Any) -> Answer:
        return plain(self.reply(verb, table, document))

    def reply(self, verb: str, table: str, document: Any) -> Any:
        """The service's own reply, or the document of a problem; what is unforeseen is raised."""
        try:
            return self._reply(verb, table, document)
        except Exception as error:
            problem = problem_of(error).document()
            if problem["code"] == "internal":
                raise
            return problem

    def _reply(self, verb: str, table: str, document: Any) -> Any:
        service = self.service
        match verb:
            case "put":
                spec = convert(document, TableSpec)
                described, is_new = _now(service.tables.create(table, spec))
                return {**msgspec.structs.asdict(described), "is_new": is_new}
            case "patch":
                return _now(service.tables.change(table, convert(document, messages.TableChange)))
            case "get":
                return service.tables.describe(table)
            case "drop" | "reset":
                change = service.tables.drop if verb == "drop" else service.tables.reset
                return _now(change(table)) or {}
            case "insert":
                return _now(service.rows.insert(table, convert(document, messages.InsertRequest)))
            case "sample":
                return _now(service.draws.sample(table, convert(document, messages.SampleRequest)))
            case "mixed":
                return _now(
                    service.draws.sample_mixed(convert(document, messages.MixedSampleRequest))
                )
            case "update":
                update = convert(document, messages.PriorityUpdate)
                return _now(service.rows.update_priorities(table, update))
            case "delete":
                keys = convert(document, messages.DeleteRequest).keys
                return _now(service.rows.delete(table, keys))
            case "scan":
                return service.rows.scan(table, convert(document, messages.ScanRequest))
        raise ValueError(verb)


class MirroredEnd(ServiceEnd):
    """A service beside another one of the same seeds that never sees what was refused.

    If a refused request changed anything, even the state of a generator, the two would come to
    answer differently.
    """

    def __init__(self, most_writers: int) -> None:
        super().__init__(most_writers)
        self._other = ServiceEnd(most_writers)

    def reply(self, verb: str, table: str, document: Any) -> Any:
        reply = super().reply(verb, table, document)
        if isinstance(reply, dict) and "code" in reply:
            return reply
        assert self._other.reply(verb, table, document) == reply
        return reply


class SocketEnd:
    """A server in a process of its own."""

    _ROUTES: ClassVar = {
        "put": ("PUT", ""), "patch": ("PATCH", ""), "get": ("GET", ""), "drop": ("DELETE", ""),
        "update": ("POST", "/update-priorities"),
    }  # fmt: skip

    def __init__(self, peer: Peer, prefix: str) -> None:
        self._peer, self._prefix = peer, prefix

    def send(self, verb: str, table: str, document: Any) -> Answer:
        method, path = self._ROUTES.get(verb, ("POST", f"/{verb}"))
        where = f"/v1/tables/{self._prefix}{table}{path}"
        if verb == "mixed":
            where = "/v1/sample"
            parts = [{**p, "table": self._prefix + p["table"]} for p in document["parts"]]
            document = {"parts": parts}
        if document is None:
            answer = self._peer.send(method, where)
        else:
            answer = self._peer.msgpack(method, where, document)
        if answer.status >= 400:
            assert answer.code
        reply = plain(answer.document if answer.body else {})
        return {**reply, "is_new": answer.status == 201} if verb == "put" else reply


def plain(value: Any) -> Any:
    """A reply with its arrays as ndarrays and the rest as plain values."""
    if isinstance(value, Array):
        return value.to_numpy()
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, dict):
        if "dtype" in value and "data" in value:
            return values_of(value)
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(member) for member in value]
    return value


def _now(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise AssertionError("a request without a timeout waited")
