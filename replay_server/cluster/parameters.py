"""Endpoints of parameters: each name lives on one shard, the first in the order of its name."""

from __future__ import annotations

from typing import Any

from starlette.types import Receive, Scope, Send

from replay_server.api.bodies import read_bytes, send_pieces
from replay_server.api.head_as_get import is_head
from replay_server.api.headers import RequestHeaders
from replay_server.api.routes import Call
from replay_server.cluster.courier import outcome_of
from replay_server.cluster.handling import Gateway, GatewayRoute, good, is_plain
from replay_server.cluster.links import Answer
from replay_server.traffic import Account
from replay_wire import endpoints
from replay_wire.codec import Buffer
from replay_wire.endpoints import PARAMETERS_VERSION_HEADER, Endpoint
from replay_wire.errors import ErrorCode
from replay_wire.messages import ParametersList, Problem
from replay_wire.sharding.asks import Lost, RefusalError, refusal
from replay_wire.sharding.cluster import unavailable
from replay_wire.sharding.homes import ranked

__all__ = ["routes"]

_PASSED_ON = (b"etag", PARAMETERS_VERSION_HEADER.encode(), b"content-type")


class _ParametersRoute(GatewayRoute):
    """A route whose request or answer is bytes as they are.

    The `message` of its calls is the whole body, or the query and the line of If-None-Match.
    """

    async def read_asked(
        self, scope: Scope, receive: Receive, headers: RequestHeaders, account: Account
    ) -> Any:
        """Return the bytes, or which are wanted."""
        if self.wire.request is bytes:
            body = await read_bytes(receive, headers, self._service.limits.max_body_bytes, account)
            return b"".join([chunk async for chunk in body.chunks])
        found = [value for name, value in scope["headers"] if name == b"if-none-match"]
        tags, query = b", ".join(found), scope["query_string"]
        if not (is_plain(tags) and is_plain(query) and b" " not in query):
            raise refusal(ErrorCode.INVALID_REQUEST, "query: expected plain text", field="query")
        line = b"if-none-match: %s\r\n" % tags if tags else b""
        return (f"?{query.decode('latin-1')}" if query else "", line)

    async def answer(
        self, scope: Scope, send: Send, headers: RequestHeaders, status: int, reply: Any
    ) -> None:
        """Send the bytes that a shard gave, or what any route may answer."""
        if not isinstance(reply, Answer):
            await super().answer(scope, send, headers, status, reply)
            return
        sent = [(name, reply.headers[name]) for name in _PASSED_ON if name in reply.headers]
        pieces = None
        if status == 200:
            sent.append((b"content-length", str(len(reply.body)).encode()))

            async def whole() -> Any:
                yield bytes(reply.body)

            pieces = None if is_head(scope) else whole()
        await send_pieces(send, status, sent, pieces)


class _Handlers:
    """The endpoints of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def put_parameters(self, call: Call) -> tuple[int, object]:
        """Store bytes as they are, as the next version of a name, on the shard that has it."""
        answer = await self._send(call, endpoints.PUT_PARAMETERS, body=[call.message.message])
        return 200, outcome_of(endpoints.PUT_PARAMETERS, answer)

    async def get_parameters(self, call: Call) -> tuple[int, object]:
        """Give the bytes, or wait for a newer version of them; 304 where there is none."""
        query, line = call.message.message
        answer = await self._send(call, endpoints.GET_PARAMETERS, query=query, headers=line)
        return answer.status, answer

    async def list_parameters(self, call: Call) -> tuple[int, object]:
        """Tell all parameters: names, versions and sizes, by name."""
        newest: dict[str, Any] = {}
        for reply in good(await self._gateway.ask_live(call, endpoints.LIST_PARAMETERS)):
            for entry in reply.parameters:
                if entry.name not in newest or newest[entry.name].version < entry.version:
                    newest[entry.name] = entry
        return 200, ParametersList(parameters=[newest[name] for name in sorted(newest)])

    async def delete_parameters(self, call: Call) -> tuple[int, object]:
        """Delete parameters; those put under the name later get higher versions still."""
        await self._send(call, endpoints.DELETE_PARAMETERS)
        return 204, None

    async def _send(
        self,
        call: Call,
        endpoint: Endpoint,
        *,
        query: str = "",
        headers: bytes = b"",
        body: list[Buffer] | None = None,
    ) -> Answer:
        """Return the answer of the shard where a name lives. Raises RefusalError."""
        await self._gateway.membership.follow()
        name, members = call.names["name"], self._gateway.cluster.members
        home = next(iter(ranked(name, members.every)), None)
        if home is None or home not in members.live:
            raise unavailable(f"the shard that has the parameters {name!r} is away")
        answer = await self._gateway.courier.send(
            home,
            endpoint,
            endpoint.url(name=name) + query,
            call.message.authorization,
            body,
            headers,
        )
        if isinstance(answer, Answer) and answer.status < 400:
            return answer
        found = answer if isinstance(answer, Lost) else outcome_of(endpoint, answer)
        if isinstance(found, Problem):
            raise RefusalError(found)
        members.suspect(home)
        raise unavailable(f"the shard that has the parameters {name!r} does not answer")


def routes(gateway: Gateway) -> list[GatewayRoute]:
    """Return the routes of this module."""
    handlers = _Handlers(gateway)
    unknown, full = ErrorCode.UNKNOWN_PARAMETERS, ErrorCode.STORAGE_FULL
    return [
        kind(endpoint, handler, gateway, tag="parameters", errors=errors)
        for kind, endpoint, handler, errors in (
            (GatewayRoute, endpoints.LIST_PARAMETERS, handlers.list_parameters, ()),
            (_ParametersRoute, endpoints.PUT_PARAMETERS, handlers.put_parameters, (full,)),
            (
                _ParametersRoute,
                endpoints.GET_PARAMETERS,
                handlers.get_parameters,
                (unknown, ErrorCode.TOO_LARGE),
            ),
            (
                GatewayRoute,
                endpoints.DELETE_PARAMETERS,
                handlers.delete_parameters,
                (unknown, full),
            ),
        )
    ]
