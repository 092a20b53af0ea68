# pyright: reportMissingImports=false
"""A verified answer as the response to a chat request: whole, or streamed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from starlette.types import Send

from .citer import Sent
from .events import event_of
from .verified_answer import RefusedError, VerifiedAnswer

_JSON, _EVENTS = b"application/json", b"text/event-stream; charset=utf-8"


async def respond(answer: VerifiedAnswer, request: Mapping[str, Any], send: Send) -> None:
    """Send a verified answer.

    Args:
        answer: The answer, which is decoded meanwhile.
        request: What the client asked.
        send: Sends to the client.
    """
    try:
        if request.get("stream"):
            await _streamed(answer, request, send)
        else:
            await _whole(answer, send)
    except RefusedError as error:
        await send(error.start)
        await send({"type": "http.response.body", "body": error.body})


async def _whole(answer: VerifiedAnswer, send: Send) -> None:
    found = Sent()
    async with contextlib.aclosing(answer.sent()) as all_sent:
        async for sent in all_sent:
            found += sent
    message = {"role": "assistant", **found.message()}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
    whole = {**answer.template, "object": "chat.completion", "choices": [choice], "usage": _usage(answer)}
    await _start(_JSON, send)
    await send({"type": "http.response.body", "body": json.dumps(whole, ensure_ascii=False).encode()})


async def _streamed(answer: VerifiedAnswer, request: Mapping[str, Any], send: Send) -> None:
    started = False

    async def say(delta: dict[str, Any], finish_reason: str | None = None) -> None:
        nonlocal started
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        if not started:
            started = True
            await _start(_EVENTS, send)
            await say({"role": "assistant", "content": ""})
        await _chunk(answer, [choice], send)

    async with contextlib.aclosing(answer.sent()) as all_sent:
        async for sent in all_sent:
            if sent:
                await say(sent.delta())
    await say({}, answer.finish_reason)
    if (request.get("stream_options") or {}).get("include_usage"):
        await _chunk(answer, [], send, usage=_usage(answer))
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


async def _chunk(answer: VerifiedAnswer, choices: list[Any], send: Send, **more: Any) -> None:  # noqa: ANN401
    chunk = {**answer.template, "object": "chat.completion.chunk", "choices": choices, **more}
    await send({"type": "http.response.body", "body": event_of(chunk), "more_body": True})


async def _start(kind: bytes, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})


def _usage(answer: VerifiedAnswer) -> dict[str, int]:
    """Return the tokens of the prompt and of the answer; what was decoded in vain is not counted."""
    read, written = answer.prompt_tokens, answer.n_tokens
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
