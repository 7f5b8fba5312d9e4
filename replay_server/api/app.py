"""The FastAPI application, built from settings."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from replay_server import __version__
from replay_server.api import checkpoints, items, openapi, tables
from replay_server.api.direct_app import DirectApp
from replay_server.api.error_replies import problem
from replay_server.api.head_as_get import HeadAsGetMiddleware
from replay_server.api.headers import RequestHeaders
from replay_server.checkpointing import Checkpointing
from replay_server.errors import InvalidSpecError
from replay_server.keeping import open_keeping
from replay_server.memory.errors import ReplayError
from replay_server.service import ReplayService
from replay_server.settings import ServerSettings
from replay_wire.codec import encode
from replay_wire.complaints import convert
from replay_wire.endpoints import MediaType
from replay_wire.errors import ErrorCode, WireFormatError
from replay_wire.json_codec import encode_json
from replay_wire.specs import TableSpec, check_resource_name

__all__ = ["create_app"]

_DESCRIPTION = """\
Experience replay as a service: tables of rows, drawn uniformly or by priority.

Bodies are MessagePack or JSON, by `Content-Type` and `Accept`; the endpoints of rows answer in
MessagePack, the others in JSON, unless asked otherwise. Errors are RFC 9457 problems with a `code`.
"""


def create_app(settings: ServerSettings) -> FastAPI:
    """Return the application; its service is `app.state.service`.

    Raises:
        InvalidSpecError: a table that the settings declare can't be made.
        DataDirectoryError: the data directory can't be used.
        UnknownCheckpointError, StorageFullError: the checkpoint to start from can't be restored.
    """
    keeping = open_keeping(settings)
    service = ReplayService(settings.limits, keeping.keeper, keeping.standing)
    checkpointing = Checkpointing(service, keeping.keeper, keeping.checkpoints)
    for name, values in settings.tables.items():
        try:
            check_resource_name(name, "name")
            service.declare_table(name, convert(dict(values), TableSpec))
        except (WireFormatError, ReplayError) as error:
            raise InvalidSpecError(f"tables.{name}", str(error)) from error
    app = DirectApp(
        [
            *items.routes(service),
            *tables.routes(service),
            *checkpoints.routes(service, checkpointing),
        ],
        title="replay-server",
        version=__version__,
        description=_DESCRIPTION,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    app.add_middleware(HeadAsGetMiddleware)
    app.add_exception_handler(HTTPException, _http_error)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        )
        document.setdefault("components", {})["schemas"] = openapi.schemas()
        app.openapi_schema = document
    return app.openapi_schema


async def _http_error(request: Request, error: Exception) -> Response:
    """Answer what no route answers: an unknown path, or a known one by an unknown method."""
    assert isinstance(error, HTTPException)
    path = request.url.path[:200]
    headers: dict[str, str] = {}
    if error.status_code == 405:
        allowed = sorted(_methods_of(request))
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


def _methods_of(request: Request) -> set[str]:
    """Return the methods that the routes of this path take."""
    methods: set[str] = set()
    for route in request.app.router.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return methods | ({"HEAD"} if "GET" in methods else set())
