"""Endpoints of parameters: put, get, list, delete; their bytes go through piece by piece."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from starlette.types import Receive, Scope, Send

from replay_server.api.authentication import role_of
from replay_server.api.bodies import ByteBody, read_bytes, send_pieces
from replay_server.api.head_as_get import is_head
from replay_server.api.headers import RequestHeaders
from replay_server.api.routes import Call, WireRoute
from replay_server.durability.parameter_shelf import Parameters
from replay_server.service import ReplayService
from replay_server.traffic import Account
from replay_wire import endpoints
from replay_wire.endpoints import PARAMETERS_VERSION_HEADER, MediaType
from replay_wire.errors import ErrorCode
from replay_wire.messages import ParametersEntry, ParametersList, ParametersVersion
from replay_wire.queries import ParametersQuery, read_query
from replay_wire.roles import Role

__all__ = ["routes"]

_TAG: Final = re.compile(rb'(?:W/)?("[^"]*")')


class _Wanted(NamedTuple):
    """What a request for bytes says: its query and If-None-Match."""

    query: ParametersQuery
    if_none_match: bytes


class ByteRoute(WireRoute):
    """A route whose request or answer is bytes as they are.

    The `message` of its calls is a `ByteBody` or a `_Wanted`; its handler may answer `Parameters`.
    """

    async def read(
        self, scope: Scope, receive: Receive, headers: RequestHeaders, account: Account
    ) -> Any:
        """Return the bytes on their way in, or which are wanted."""
        if self.wire.request is bytes:
            limits = self._service.limits
            is_learner = role_of(scope) is Role.LEARNER
            limit = limits.max_parameter_bytes if is_learner else limits.max_body_bytes
            return await read_bytes(receive, headers, limit, account)
        found = [value for name, value in scope["headers"] if name == b"if-none-match"]
        return _Wanted(read_query(scope["query_string"], ParametersQuery), b",".join(found))

    async def answer(
        self, scope: Scope, send: Send, headers: RequestHeaders, status: int, reply: Any
    ) -> None:
        """Send the bytes of parameters, or what any route may answer."""
        if not isinstance(reply, Parameters):
            await super().answer(scope, send, headers, status, reply)
            return
        version = str(reply.version).encode()
        sent = [
            (b"etag", b'"%s"' % version),
            (PARAMETERS_VERSION_HEADER.encode(), version),
        ]
        pieces = None
        if status == 200:
            sent.append((b"content-type", MediaType.BYTES.encode()))
            sent.append((b"content-length", str(reply.content.size).encode()))
            pieces = None if is_head(scope) else reply.content.pieces()
        await send_pieces(send, status, sent, pieces)


async def put_parameters(call: Call) -> tuple[int, object]:
    """Store bytes as they are, as the next version of a name.

    They take effect at one instant, when the last has come and is kept: until then the version
    before is given out. Requests that wait for a newer version are answered.
    """
    body: ByteBody = call.message
    version = await call.service.parameters.put(call.names["name"], body.chunks, body.size)
    return 200, ParametersVersion(version=version)


async def get_parameters(call: Call) -> tuple[int, object]:
    """Give the bytes, or wait for a newer version of them.

    304 where `If-None-Match` names the version, or where none above `newer_than` has come when
    `wait` seconds are over.
    """
    wanted: _Wanted = call.message
    query = wanted.query
    found = await call.service.parameters.get(
        call.names["name"], query.newer_than, query.wait, call.gone
    )
    is_known = found.version <= query.newer_than or _names(wanted.if_none_match, found.version)
    return 304 if is_known else 200, found


async def list_parameters(call: Call) -> tuple[int, object]:
    """Tell all parameters: names, versions and sizes, by name."""
    found = call.service.parameters.snapshot()
    entries = [
        ParametersEntry(name=each.name, version=each.version, bytes=each.content.size)
        for each in found
    ]
    return 200, ParametersList(parameters=entries)


async def delete_parameters(call: Call) -> tuple[int, object]:
    """Delete parameters; those put under the name later get higher versions still."""
    await call.service.parameters.delete(call.names["name"])
    return 204, None


def _names(if_none_match: bytes, version: int) -> bool:
    """Return whether a version is among the tags of a header, or all are (RFC 9110, 13.1.2)."""
    if if_none_match.strip() == b"*":
        return True
    return b'"%d"' % version in _TAG.findall(if_none_match)


def routes(service: ReplayService) -> list[WireRoute]:
    """Return the routes of this module."""
    unknown, full = ErrorCode.UNKNOWN_PARAMETERS, ErrorCode.STORAGE_FULL
    large, away = ErrorCode.TOO_LARGE, ErrorCode.UNAVAILABLE
    return [
        kind(endpoint, handler, service, tag="parameters", errors=errors)
        for kind, endpoint, handler, errors in (
            (WireRoute, endpoints.LIST_PARAMETERS, list_parameters, ()),
            (ByteRoute, endpoints.PUT_PARAMETERS, put_parameters, (full,)),
            (ByteRoute, endpoints.GET_PARAMETERS, get_parameters, (unknown, large, away)),
            (WireRoute, endpoints.DELETE_PARAMETERS, delete_parameters, (unknown, full)),
        )
    ]
