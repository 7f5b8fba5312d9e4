"""`/`: the page for people, with scripts, style and charts that this server has itself.

The page is a shell without data. Its script asks `/v1/activity` and the like, with a token that the
person types where the server wants one; what comes is put in as text, never as markup. Its policy
lets nothing in that does not come from here, and no script or style from within the markup.
"""

from __future__ import annotations

import asyncio
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

import replay_server.page
from replay_server.api.compression import SMALLEST_COMPRESSED_BYTES, compress
from replay_server.api.headers import RequestHeaders

__all__ = ["routes"]

_SHELL: Final = "page.html"
_CHARTS: Final = "plotly.min.js"
_FOLDER: Final = Path(replay_server.page.__file__).parent
_MEDIA_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_FILES: Final = {path.name: path for path in _FOLDER.iterdir() if path.suffix in _MEDIA_TYPES}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "cache-control": "no-cache",  # kept, but asked about each time: the tag tells a new version
    "referrer-policy": "no-referrer",
    "vary": "accept-encoding",
    "x-content-type-options": "nosniff",
}


class _Loaded(NamedTuple):
    body: bytes
    headers: dict[str, str]


async def shell(request: Request) -> Response:
    """Return the page, which holds no data."""
    answer = await _answer(request, _SHELL)
    answer.headers["content-security-policy"] = _POLICY
    answer.headers["cross-origin-opener-policy"] = "same-origin"
    return answer


async def asset(request: Request) -> Response:
    """Return a file that the page loads."""
    name = request.path_params["name"]
    if name == _SHELL or (name not in _FILES and name != _CHARTS):
        raise HTTPException(404)
    return await _answer(request, name)


async def _answer(request: Request, name: str) -> Response:
    coding = RequestHeaders.of(request.scope["headers"]).answer_coding()
    loaded = await asyncio.to_thread(_load, name, coding)
    if request.headers.get("if-none-match") == loaded.headers["etag"]:
        return Response(status_code=304, headers=loaded.headers)
    return Response(loaded.body, headers=loaded.headers)


@cache  # each file once in each form that is asked for: those of the charts take some 7 MB together
def _load(name: str, coding: bytes | None) -> _Loaded:
    path = _charts() if name == _CHARTS else _FILES[name]
    body = path.read_bytes()
    headers = {**_HEADERS, "content-type": f"{_MEDIA_TYPES[path.suffix]}; charset=utf-8"}
    if coding is not None and len(body) >= SMALLEST_COMPRESSED_BYTES:
        body = compress(body, coding)
        headers["content-encoding"] = coding.decode()
    headers["etag"] = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return _Loaded(body, headers)


def _charts() -> Path:
    """Return the script of plotly.js. Its package is not imported: that would take long."""
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise HTTPException(404)
    return Path(spec.origin).parent / "package_data" / _CHARTS


def routes() -> list[BaseRoute]:
    """Return the routes of this module."""
    return [
        Route("/", shell, include_in_schema=False),
        Mount("/assets", routes=[Route("/{name}", asset)]),
    ]
