"""The FastAPI application, built from settings."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from replay_server import __version__
from replay_server.api import (
    activity,
    checkpoints,
    docs_page,
    items,
    metrics,
    openapi,
    page,
    parameters,
    shares,
    tables,
)
from replay_server.api.authentication import (
    CHALLENGE,
    access_of,
    guard_routes,
    is_public_page,
    refusal,
)
from replay_server.api.cross_site import refuse_other_sites
from replay_server.api.direct_app import DirectApp
from replay_server.api.error_replies import problem
from replay_server.api.head_as_get import HeadAsGetMiddleware
from replay_server.api.headers import RequestHeaders
from replay_server.checkpointing import Checkpointing, finish
from replay_server.errors import InvalidSpecError
from replay_server.keeping import open_keeping
from replay_server.memory.errors import ReplayError
from replay_server.metrics import RequestCounts, ServerMetrics
from replay_server.service import ReplayService
from replay_server.settings import ServerSettings
from replay_server.token_book import TokenBook
from replay_wire.codec import encode
from replay_wire.complaints import convert
from replay_wire.endpoints import MediaType
from replay_wire.errors import ErrorCode, WireFormatError
from replay_wire.json_codec import encode_json
from replay_wire.roles import EVERY_ROLE
from replay_wire.specs import TableSpec, check_resource_name

__all__ = ["answer_http_error", "create_app", "describe"]

_DESCRIPTION = """\
Experience replay as a service: tables of rows, drawn uniformly or by priority.

Bodies are MessagePack or JSON, by `Content-Type` and `Accept`; the endpoints of rows answer in
MessagePack, the others in JSON, unless asked otherwise. Errors are RFC 9457 problems with a `code`.
"""


def create_app(settings: ServerSettings) -> FastAPI:
    """Return the application.

    Its service is `app.state.service`, `app.state.requests` are the counts that it tells of
    requests, and `app.state.tokens` the tokens that it takes, None where nobody is asked who they
    are.

    Raises:
        InvalidSpecError: a table that the settings declare can't be made.
        DataDirectoryError: the data directory can't be used.
        UnknownCheckpointError, StorageFullError: the checkpoint to start from can't be restored.
        TokenFileError: the file of tokens can't be used.
    """
    tokens = None if settings.tokens is None else TokenBook(settings.tokens)
    keeping = open_keeping(settings)
    service = ReplayService(settings.limits, keeping.keeper, keeping.standing, keeping.shelf)
    checkpointing = Checkpointing(service, keeping.keeper, keeping.checkpoints)
    if keeping.checkpoints is not None:
        finish(service, keeping.checkpoints)
    for name, values in settings.tables.items():
        try:
            check_resource_name(name, "name")
            service.tables.declare(name, convert(dict(values), TableSpec))
        except (WireFormatError, ReplayError) as error:
            raise InvalidSpecError(f"tables.{name}", str(error)) from error
    requests = RequestCounts()
    app = DirectApp(
        [
            *items.routes(service),
            *tables.routes(service),
            *parameters.routes(service),
            *checkpoints.routes(service, checkpointing),
            *activity.routes(service),
            *shares.routes(service),
            *metrics.routes(service, ServerMetrics(service, requests)),
        ],
        title="replay-server",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,  # ours needs no other host
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    app.state.requests = requests
    app.state.tokens = tokens
    app.router.routes += [*docs_page.routes(), *page.routes()]
    app.add_middleware(HeadAsGetMiddleware)
    app.add_exception_handler(HTTPException, answer_http_error)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    if tokens is not None:
        guard_routes(app, tokens)  # the last of all: it guards the routes that there are
    else:
        refuse_other_sites(app)
    return app


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an application, which is made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        )
        components = document.setdefault("components", {})
        components["schemas"] = openapi.schemas()
        components["securitySchemes"] = openapi.SECURITY_SCHEMES
        app.openapi_schema = document
    return app.openapi_schema


async def answer_http_error(request: Request, error: Exception) -> Response:
    """Answer what no route answers: an unknown path, or a known one by an unknown method.

    Where authentication is on, those without a token learn neither.
    """
    assert isinstance(error, HTTPException)
    path = request.scope["path"][:200]  # no URL: a query may be any bytes
    headers: dict[str, str] = {}
    routes = _routes_of(request)
    tokens: TokenBook | None = request.app.state.tokens
    refused = None
    is_public = any(access_of(route).is_public for route in routes) or is_public_page(path)
    if tokens is not None and not is_public:
        refused = refusal(request.scope, EVERY_ROLE, tokens)
    if refused is not None:
        found = refused
        headers[CHALLENGE[0].decode()] = CHALLENGE[1].decode()
    elif error.status_code == 405:
        allowed = sorted(_methods_of(routes))
        headers["Allow"] = ", ".join(allowed)
        found = problem(
            ErrorCode.METHOD_NOT_ALLOWED,
            f"{request.method} {path}: expected {' or '.join(allowed)}",
        )
    else:
        found = problem(
            ErrorCode.NOT_FOUND, f"there is nothing at {path}; /docs lists every endpoint"
        )
    form = RequestHeaders.of(request.scope["headers"]).answer_form(MediaType.JSON)
    if form is MediaType.MSGPACK:
        return Response(b"".join(encode(found)), found.status, headers, form.value)
    return Response(encode_json(found), found.status, headers, MediaType.PROBLEM_JSON.value)


def _routes_of(request: Request) -> list[BaseRoute]:
    """Return the routes of a request's path, whatever their methods."""
    routes: list[BaseRoute] = request.app.router.routes
    return [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]


def _methods_of(routes: list[BaseRoute]) -> set[str]:
    """Return the methods that routes take."""
    methods: set[str] = set()
    for route in routes:
        methods |= getattr(route, "methods", None) or set()
    return methods | ({"HEAD"} if "GET" in methods else set())
