"""Who asks, and may they: the guard that stands before every route where authentication is on.

It decides by the request's head alone, before a name is looked up or a byte of the body is read.
"""

from __future__ import annotations

import logging
from typing import Final

from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from replay_server.api.bodies import send_answer
from replay_server.api.error_replies import CHALLENGE, problem
from replay_server.api.headers import RequestHeaders
from replay_server.token_book import TokenBook
from replay_wire.bearer import token_in
from replay_wire.endpoints import Endpoint, MediaType
from replay_wire.errors import ErrorCode
from replay_wire.messages import Problem
from replay_wire.roles import ADMINS, PUBLIC, Access, Role

__all__ = ["CHALLENGE", "access_of", "guard_routes", "is_public_page", "refusal"]

logger = logging.getLogger(__name__)

_ROLE: Final = "replay_server.role"
_PUBLIC_PAGES: Final = frozenset({"/", "/docs", "/openapi.json"})
_PUBLIC_FOLDERS: Final = frozenset({"/assets", "/docs/assets"})


def access_of(route: BaseRoute) -> Access:
    """Return whom a route lets in: as its endpoint says, or everybody to a page without data.

    Whatever else there is, or comes to be, is for admins.
    """
    endpoint = getattr(route, "wire", None)
    if isinstance(endpoint, Endpoint):
        return endpoint.access
    path = getattr(route, "path", None)
    return PUBLIC if path in _PUBLIC_PAGES | _PUBLIC_FOLDERS else ADMINS


def is_public_page(path: str) -> bool:
    """Return whether a path is of what holds no data, and is nobody's secret: there or not."""
    return path in _PUBLIC_PAGES or any(path.startswith(f"{one}/") for one in _PUBLIC_FOLDERS)


def guard_routes(app: FastAPI, tokens: TokenBook) -> None:
    """Put a guard before every route of an application that is not public.

    Raises:
        TypeError: a route of a kind that can't be guarded.
    """
    for route in app.router.routes:
        access = access_of(route)
        if access.is_public:
            continue
        if not isinstance(route, Route | Mount):
            raise TypeError(f"{type(route).__name__} can't be guarded")
        route.app = _Guard(route.app, access, tokens, getattr(route, "wire", None))


def role_of(scope: Scope) -> Role:
    """Return the role of a request that was let in; all are admins where nobody is asked."""
    role: Role = scope.get(_ROLE, Role.ADMIN)
    return role


def refusal(scope: Scope, access: Access, tokens: TokenBook) -> Problem | None:
    """Return why a request is refused: 401 without a known token, 403 without the right role.

    Of one that is not `role_of` tells the role.
    """
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    token = token_in(given)
    record = None if token is None else tokens.find(token)
    if record is None:
        if not given:
            reason = "there is none"
        elif token is None:
            reason = "what came is no such header"
        else:
            reason = "this token is not known"
        return problem(
            ErrorCode.UNAUTHENTICATED,
            "expected one header Authorization: Bearer TOKEN, with a token of this server; "
            f"{reason}",
        )
    if record.role not in access.roles:
        needed = sorted(access.roles)
        return problem(
            ErrorCode.FORBIDDEN,
            f"the token {record.name!r} has the role {record.role}; "
            f"this takes {' or '.join(needed)}",
            role=record.role.value,
            needed=[role.value for role in needed],
        )
    scope[_ROLE] = record.role
    return None


class _Guard:
    """Lets requests through to a route from those who may make them."""

    def __init__(
        self, app: ASGIApp, access: Access, tokens: TokenBook, endpoint: Endpoint | None
    ) -> None:
        self._app = app
        self._access = access
        self._tokens = tokens
        self._default = MediaType.JSON if endpoint is None else endpoint.default
        self._name = "a page" if endpoint is None else f"{endpoint.method} {endpoint.path}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = refusal(scope, self._access, self._tokens)
        if refused is None:
            await self._app(scope, receive, send)
            return
        client = scope.get("client") or ("a socket file", 0)
        logger.info("refused %s to %s: %s", self._name, client[0], refused.code)
        headers = RequestHeaders.of(scope["headers"])
        extra = [CHALLENGE] if refused.code == ErrorCode.UNAUTHENTICATED else []
        await send_answer(send, headers, self._default, refused.status, refused, extra)
