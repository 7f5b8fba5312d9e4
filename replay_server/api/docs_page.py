"""`/docs`: Swagger UI over `/openapi.json`, with scripts and styles that this server has itself.

A page that people type tokens into runs nobody else's scripts, and works where there is no way out.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

__all__ = ["routes"]

_ASSETS: Final = "/docs/assets"
_POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; frame-ancestors 'none'"
)


async def docs(_request: Request) -> Response:
    """Return the page."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="replay-server",
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon.png",
    )
    page.headers["content-security-policy"] = _POLICY
    return page


def routes() -> list[BaseRoute]:
    """Return the routes of this module."""
    assets = Path(str(files("fastapi_offline") / "static"))
    return [
        Route("/docs", docs, include_in_schema=False),
        Mount(_ASSETS, StaticFiles(directory=assets)),
    ]
