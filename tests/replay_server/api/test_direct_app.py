from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from replay_server.api.app import create_app
from replay_server.api.routes import WireRoute
from replay_server.settings import ServerSettings
from replay_wire import endpoints


def scope_of(method: str, path: str, **more: Any) -> Scope:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-length", b"1"), (b"host", b"x")],
        **more,
    }


async def status_of(app: FastAPI, scope: Scope) -> int:
    answers: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"\x80", "more_body": False}

    async def send(message: Any) -> None:
        answers.append(message)

    await app(scope, receive, send)
    return int(answers[0]["status"])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def app() -> FastAPI:
    return create_app(ServerSettings(tables={"t": {"capacity": 8}}))


PATHS = [
    ("GET", "/healthz", 200),
    ("GET", "/v1/tables", 200),
    ("GET", "/v1/tables/t", 200),
    ("POST", "/v1/tables/t/reset", 200),
    ("POST", "/v1/tables/t/sample", 422),
    ("POST", "/v1/sample", 422),
    ("GET", "/v1/tables/other", 404),
    ("GET", "/v1/tables/", 404),
    ("GET", "/v1/tables/t/", 404),
    ("POST", "/v1/tables//sample", 404),
    ("POST", "/v1/tables/t/sample/", 404),
    ("POST", "/v1/tables/a/b/sample", 404),
    ("PUT", "/v1/tables/t/sample", 405),
    ("HEAD", "/healthz", 200),
    ("GET", "/openapi.json", 200),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("method", "path", "status"), PATHS)
async def test_a_path_is_answered_as_starlettes_router_would(
    app: FastAPI, method: str, path: str, status: int
):
    direct = await status_of(app, scope_of(method, path))
    app._direct = {}
    routed = await status_of(app, scope_of(method, path))

    assert direct == routed == status


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/healthz", "/v1/tables/t/sample", "/v1/sample"])
async def test_what_stands_before_a_route_is_not_gone_around(app: FastAPI, path: str):
    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    for route in app.router.routes:
        if isinstance(route, WireRoute):
            route.app = guard

    method = "GET" if path == "/healthz" else "POST"
    assert await status_of(app, scope_of(method, path)) == 401


@pytest.mark.anyio
async def test_below_a_root_path_the_usual_router_finds_the_route(app: FastAPI):
    scope = scope_of("GET", "/replay/healthz", root_path="/replay")

    assert await status_of(app, scope) == 200


def test_the_busy_endpoints_are_direct(app: FastAPI):
    busy = (endpoints.SAMPLE, endpoints.MIXED_SAMPLE, endpoints.INSERT, endpoints.UPDATE_PRIORITIES)

    assert {(endpoint.method, endpoint.path) for endpoint in busy} <= set(app._direct)


@pytest.mark.anyio
async def test_an_unknown_path_is_not_found_whatever_its_query(app: FastAPI):
    assert await status_of(app, scope_of("GET", "/nowhere", query_string=b"\x96")) == 404
