"""A route of the protocol: one endpoint of `replay_wire.endpoints` and the function that does it.

It stands in FastAPI's router and in the OpenAPI document like any other, but its function is
called straight from ASGI: FastAPI's way by dependencies and response models costs as much as all
the rest of a small request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from replay_server.admission import Gone
from replay_server.api import openapi
from replay_server.api.bodies import ClientGoneError, client_gone, read_message, send_answer
from replay_server.api.error_replies import headers_of, problem_of
from replay_server.api.headers import RequestHeaders
from replay_server.service import ReplayService
from replay_server.traffic import Account
from replay_wire.endpoints import Endpoint, MediaType
from replay_wire.errors import ErrorCode
from replay_wire.specs import check_resource_name

__all__ = ["Call", "Handler", "WireRoute"]


@dataclass(frozen=True)
class Call:
    """One request, decoded.

    Attributes:
        service: whom to ask.
        message: an instance of the endpoint's request type; None where it has none. Routes of
            another kind say what theirs is.
        names: what stood in the path's braces, checked.
        gone: makes an awaitable that is done when the client has hung up.
        account: what its bytes and its answer's are counted on.
    """

    service: ReplayService
    message: Any
    names: dict[str, str]
    gone: Gone
    account: Account


Handler = Callable[[Call], Awaitable[tuple[int, object]]]
"""Does a request; returns the status and the message to answer with, None for no body."""


class WireRoute(APIRoute):
    """A route that decodes, calls its handler and encodes, with nothing between.

    Attributes:
        wire: its endpoint.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        handler: Handler,
        service: ReplayService,
        *,
        tag: str,
        errors: tuple[ErrorCode, ...],
    ) -> None:
        """Describe the endpoint to FastAPI and take its place when called.

        Args:
            endpoint: method, path and messages.
            handler: does it; its docstring describes it.
            service: what the handler is given.
            tag: heading in the OpenAPI document.
            errors: codes that can come of it, beside those of every endpoint.
        """
        self.wire = endpoint
        self._handler = handler
        self._service = service
        super().__init__(
            endpoint.path,
            _documented_only,
            methods=[endpoint.method],
            name=handler.__name__,
            operation_id=handler.__name__,
            response_class=Response,
            **openapi.operation(endpoint, handler, tag, errors),
        )
        self.app = self._serve

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = RequestHeaders.of(scope["headers"])
        answer = partial(send_answer, send, headers, self.wire.default)
        with self._service.traffic.account() as account:
            try:
                names: dict[str, str] = scope["path_params"]
                for kind, name in names.items():
                    check_resource_name(name, kind)
                message = await self.read(scope, receive, headers, account)
                call = Call(self._service, message, names, partial(client_gone, receive), account)
                status, reply = await self._handler(call)
            except (ClientGoneError, asyncio.CancelledError):
                return  # nobody is left to answer
            except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a problem
                problem = problem_of(error)
                await answer(problem.status, problem, headers_of(problem))
            else:
                await self.answer(scope, send, headers, status, reply)

    async def read(
        self, scope: Scope, receive: Receive, headers: RequestHeaders, account: Account
    ) -> Any:
        """Return what a request says, beside the names in its path, once it is its turn.

        Raises OverloadedError where too many come before it; those who only ask whether the server
        lives come before all.
        """
        turn = self._service.turns.turn
        if self.wire.request is None:
            if not self.wire.access.is_public:
                await turn()
            return None
        assert issubclass(self.wire.request, msgspec.Struct)
        limits = self._service.limits
        return await read_message(
            receive,
            headers,
            self.wire.request,
            self.wire.default,
            limits.max_body_bytes
            if self.wire.default is MediaType.MSGPACK
            else limits.max_control_body_bytes,
            account,
            turn,
            may_be_empty=self.wire.body_optional,
        )

    async def answer(
        self, scope: Scope, send: Send, headers: RequestHeaders, status: int, reply: Any
    ) -> None:
        """Send what the handler gave."""
        await send_answer(send, headers, self.wire.default, status, reply)


async def _documented_only() -> None:
    """Stand in FastAPI's bookkeeping; `WireRoute` is called instead."""
