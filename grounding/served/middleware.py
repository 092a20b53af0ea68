# pyright: reportMissingImports=false
"""Set citations up in vLLM's API server when it starts.

As :class:`~counterfoil.decoding.vllm.server.middleware.ContrastMiddleware`, this one leaves requests alone and places
the part that handles them further inside, where a request arrives only after the server has accepted the client.
"""

from __future__ import annotations

import asyncio
from typing import Any

from counterfoil.decoding.vllm.engine_limits import EngineLimits
from counterfoil.decoding.vllm.server.self_test import failures
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .citation_layer import CitationLayer
from .judge_process import JudgeProcess
from .judge_settings import JudgeSettings
from .metrics import prometheus_counts


class CitationMiddleware:
    """ASGI middleware for vLLM's `--middleware`, named behind the one of contrasts.

    A server whose judge cannot be loaded does not start.

    Args:
        app: The application inside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        await self._app(scope, receive, _with_judge(scope["app"], send) if scope["type"] == "lifespan" else send)


def _with_judge(app: Any, send: Send) -> Send:  # noqa: ANN401  (FastAPI)
    """Return a `send` for the server's lifespan that starts the judge first and ends it last."""
    queues: list[JudgeProcess] = []

    async def judging(message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            try:
                queues.append(await asyncio.to_thread(judge_process))
                _place(app, queues[0])
            except Exception as error:  # Whatever it is: a server does not start without what it was told to serve.
                reason = f"citations cannot be served: {type(error).__name__}: {error}"
                failures.append(reason)
                message = {"type": "lifespan.startup.failed", "message": f"counterfoil: {reason}"}
        elif message["type"].startswith("lifespan.shutdown") and queues:
            await asyncio.to_thread(queues.pop().close)
        await send(message)

    return judging


def judge_process() -> JudgeProcess:
    """Start the judge that the environment tells of, in a process of its own."""
    from vllm.platforms import current_platform  # noqa: PLC0415

    settings = JudgeSettings.told()
    return JudgeProcess(settings, threads=settings.threads_beside(engine_on_cpu=current_platform.is_cpu()))


def _place(app: Any, queue: JudgeProcess) -> None:  # noqa: ANN401
    app.router.middleware_stack = CitationLayer(
        app.router.middleware_stack,
        queue,
        counts=prometheus_counts(),
        amateur_model=EngineLimits.of(app.state.vllm_config).amateur_model,
    )
