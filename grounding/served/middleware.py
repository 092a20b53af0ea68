# pyright: reportMissingImports=false
"""Set citations up in vLLM's API server when it starts.

As :class:`~counterfoil.decoding.vllm.server.middleware.ContrastMiddleware`, this one leaves requests alone and places
the part that handles them further inside, where a request arrives only after the server has accepted the client.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from counterfoil.attribution import load_entailment
from counterfoil.attribution.entailment.base import Pair
from counterfoil.attribution.entailment.detail_checked import detail_checked
from counterfoil.decoding.vllm.engine_limits import EngineLimits
from counterfoil.decoding.vllm.server.self_test import failures
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .citation_layer import CitationLayer
from .judge_queue import JudgeQueue
from .metrics import prometheus_counts

JUDGE = "COUNTERFOIL_JUDGE"
"""The environment variable that names the judge, as :func:`~counterfoil.attribution.load_entailment` takes it."""


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
    queues: list[JudgeQueue] = []

    async def judging(message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            try:
                queues.append(await asyncio.to_thread(judge_queue))
                _place(app, queues[0])
            except Exception as error:  # Whatever it is: a server does not start without what it was told to serve.
                reason = f"citations cannot be served: {type(error).__name__}: {error}"
                failures.append(reason)
                message = {"type": "lifespan.startup.failed", "message": f"counterfoil: {reason}"}
        elif message["type"].startswith("lifespan.shutdown") and queues:
            await asyncio.to_thread(queues.pop().close)
        await send(message)

    return judging


def judge_queue() -> JudgeQueue:
    """Load the judge that the environment names, with the detail check beside it, and try it.

    The packaged one runs on the CPU: the GPU's memory is the engine's.
    """
    name = os.environ.get(JUDGE) or "local"
    options = {"device": "cpu"} if name == "local" else {}
    model = detail_checked(load_entailment(name, **options))
    model.judge([Pair("The ferry left at nine.", "The ferry left.")])
    return JudgeQueue(model)


def _place(app: Any, queue: JudgeQueue) -> None:  # noqa: ANN401
    app.router.middleware_stack = CitationLayer(
        app.router.middleware_stack,
        queue,
        counts=prometheus_counts(),
        amateur_model=EngineLimits.of(app.state.vllm_config).amateur_model,
    )
