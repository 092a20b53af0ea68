"""Tell clients which methods a server has, its own rules among them."""

from __future__ import annotations

from starlette.responses import JSONResponse  # pyright: ignore[reportMissingImports]
from starlette.types import ASGIApp, Receive, Scope, Send  # pyright: ignore[reportMissingImports]

from ..contrast_params import served_methods
from ..engine_limits import switched_off
from ..method_descriptions import PATH, describe
from .key_check import endpoint_of


class MethodList:
    """ASGI middleware that answers `GET` of :data:`.PATH`, and passes on every other request.

    Args:
        app: The application inside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["method"] != "GET" or endpoint_of(scope) != PATH:
            await self._app(scope, receive, send)
            return
        methods = () if switched_off() else served_methods().values()
        await JSONResponse({"methods": describe(methods)})(scope, receive, send)
