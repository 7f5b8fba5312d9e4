"""A FastAPI application that goes straight to the protocol's own routes.

Starlette's way to a route leads through seven middlewares and, one after another, past every route
before it: a quarter of what a small request costs. The routes of the protocol need none of it: they
answer every error themselves. So a path that is one of theirs is looked up and called; all the rest
(`/docs`, an unknown path, the wrong method, HEAD) goes the usual way.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from replay_server.api.routes import WireRoute

__all__ = ["DirectApp"]

_TABLES = "/v1/tables/"
_TABLE = "{table}"


class DirectApp(FastAPI):
    """FastAPI, but for the paths of `WireRoute`s that name a table or nothing."""

    def __init__(self, routes: list[WireRoute], **options: Any) -> None:
        """Make an application whose first routes are those of the protocol.

        Args:
            routes: in the order of the OpenAPI document.
            options: FastAPI's.
        """
        super().__init__(**options)
        self.router.routes[:0] = routes
        self._direct = {
            (method, route.path): route
            for route in routes
            for method in route.methods or ()
            if "{" not in route.path.replace(_TABLE, "")
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request of a route of ours; pass anything else on."""
        if scope["type"] == "http":
            path: str = scope["path"]
            names = {}
            if path.startswith(_TABLES):
                name, slash, verb = path[len(_TABLES) :].partition("/")
                if name:
                    path = f"{_TABLES}{_TABLE}{slash}{verb}"
                    names = {"table": name}
            route = self._direct.get((scope["method"], path))
            if route is not None:
                scope["path_params"] = names
                scope["route"] = route
                await route.app(scope, receive, send)  # asked anew: a guard may have come before it
                return
        await super().__call__(scope, receive, send)
