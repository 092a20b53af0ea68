"""Set up contrasts in vLLM's API server when it starts.

vLLM puts a class that is named as `--middleware` outside everything of its own, authentication included. So
:class:`ContrastMiddleware` leaves requests alone. When the server starts, it places the parts that handle them further
inside, where a request arrives only after the server has accepted the client: :class:`.key_check.KeyCheck` and
:class:`.method_list.MethodList` around the application's router, and :func:`.rendering.render_contrasts` in the objects
that serve the two endpoints.
"""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send  # pyright: ignore[reportMissingImports]

from ..engine_limits import DISABLE, switched_off
from .key_check import KeyCheck
from .method_list import MethodList
from .self_test import failures, refusal


class ContrastMiddleware:
    """ASGI middleware for vLLM's `--middleware`.

    A server whose engine does not pass the self-test, or that is not built as this package expects, does not start.

    Args:
        app: The application inside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        await self._app(scope, receive, _starting(scope["app"], send) if scope["type"] == "lifespan" else send)


def _starting(app: Any, send: Send) -> Send:  # noqa: ANN401  (FastAPI)
    """Return a `send` for the server's lifespan that sets contrasts up first and reports a start that failed."""

    async def checked(message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            reason = set_up(app) or await refusal(app.state)
            if reason is not None:
                failures.append(reason)
                message = {"type": "lifespan.startup.failed", "message": f"counterfoil: {reason}"}
        await send(message)

    return checked


def set_up(app: Any) -> str | None:  # noqa: ANN401
    """Place the parts that handle requests; return why that is impossible, or `None`.

    Args:
        app: The server's FastAPI application.
    """
    try:
        app.router.middleware_stack = MethodList(KeyCheck(app.router.middleware_stack))
        if not switched_off() and app.state.vllm_config.model_config.runner_type == "generate":
            # A server that is switched off must start whatever has moved inside vLLM.
            from .rendering import render_contrasts  # noqa: PLC0415
            from .traced_logprobs import say_views  # noqa: PLC0415

            render_contrasts(app.state)
            say_views(app.state)
    except (AttributeError, ImportError) as error:
        return (
            f"this vLLM's server is not built as counterfoil expects it ({error}): see docs/compatibility.md for the "
            f"versions that are, or set {DISABLE}=1 to serve without contrasts"
        )
    return None
