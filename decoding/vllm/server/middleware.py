# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""The server's side of a contrast: text becomes token ids, and what cannot be served is refused with its reason.

An ASGI class for vLLM's own `--middleware`. It has the other view rendered by the server itself, so that both views
pass the same chat template with the same tools and options.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..contrast_params import CONTRAST_IDS, TEXT_KEYS, has_contrast_keys, pair_request
from ..contrast_prompts import both_conversations, both_prompts
from ..engine_limits import EngineLimits, check_prompt_logprobs, switched_off
from .rendering import AnsweredError, rendered
from .self_test import refusal

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"

_MARK = re.compile(rb"cf_|\\u00(?:63|66|5[fF])")
"""In every body with one of our keys, also where JSON spells it with escapes; other bodies are not even parsed."""

_OF_THE_MAIN_VIEW = (
    "vllm_xargs",
    "max_tokens",
    "max_completion_tokens",
    "min_tokens",
    "stream",
    "stream_options",
    "kv_transfer_params",
)


class ContrastMiddleware:
    """Hands plain requests on untouched. A request with `cf_` keys is checked, and its contrast becomes
    `cf_contrast_ids`; every bad one is answered with 400, never with plain output.

    At start-up it decodes one pair and compares it with the rule; a server whose engine does not pass does not start.

    Args:
        app: What is inside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, as ASGI has it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, _tested(scope, send))
        elif scope["type"] == "http" and scope["method"] == "POST" and _is_json(scope):
            await self._post(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            return
        given = _contrast_of(body) if _MARK.search(body) else None
        if given is not None:
            refused = await self._answer_to_strangers(scope)
            try:
                body = body if refused else await self._expanded(scope, *given)
            except ValueError as error:
                refused = _error(str(error))
            except AnsweredError as answered:
                refused = answered.response
            if refused:
                await refused(scope, receive, send)
                return
        await self._app(_with_length(scope, body), _replayed(body, receive), send)

    async def _expanded(self, scope: Scope, request: dict[str, Any], keys: dict[str, Any]) -> bytes:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        _refuse_at_once(request, keys, path)
        name = "messages" if path == CHAT else "prompt"
        if name not in request:
            raise ValueError(f"`{name}` has to be given, but is missing")
        main, other = both_conversations(request[name], keys) if path == CHAT else both_prompts(request[name], keys)
        plain_keys = {key: value for key, value in request["vllm_xargs"].items() if key not in keys}
        extra_args = {key: value for key, value in keys.items() if key not in TEXT_KEYS}
        raw = Request(scope)
        mains = await rendered({**request, name: main, "vllm_xargs": plain_keys}, raw, "prompt", chat=path == CHAT)
        if other is not None:
            shared = {key: value for key, value in request.items() if key not in _OF_THE_MAIN_VIEW}
            contrast = await rendered({**shared, name: other}, raw, "contrast", chat=path == CHAT)
            extra_args[CONTRAST_IDS] = contrast[0].token_ids
        limits = EngineLimits.of(raw.app.state.vllm_config)
        pair = pair_request(extra_args, amateur_model=limits.amateur_model)
        assert pair is not None
        says_so = request.get("max_tokens") is not None or request.get("max_completion_tokens") is not None
        for one in mains:
            check_prompt_logprobs(one.prompt_logprobs)
            limits.check(pair, len(one.token_ids), one.max_tokens if says_so else None)
        return json.dumps({**request, name: main, "vllm_xargs": {**plain_keys, **extra_args}}).encode()

    async def _answer_to_strangers(self, scope: Scope) -> Response | None:
        """What the server itself says to this client before it hears what is asked for, unless that is yes."""
        path = scope.get("root_path", "") + "/v1/models"
        inner = {**scope, "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "state": {}}
        answer = _Collected()
        await self._app(_with_length(inner, b""), _replayed(b"", _gone), answer.send)
        return None if answer.status == 200 else answer.response


@dataclass
class _Collected:
    """A response, collected."""

    status: int = 500
    body: bytes = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    @property
    def response(self) -> Response:
        return Response(self.body, self.status, media_type="application/json")


def _refuse_at_once(request: Mapping[str, Any], keys: Mapping[str, Any], path: str) -> None:
    if switched_off():
        raise ValueError("contrasts are switched off on this server: COUNTERFOIL_DISABLE is set")
    for key in keys:
        if key in request:
            raise ValueError(f"`{key}` has to be in `vllm_xargs`, but stands beside it")
    if path not in (CHAT, COMPLETIONS):
        raise ValueError(f"`{next(iter(keys))}` is understood at {CHAT} and {COMPLETIONS}, but not at {path}")
    if request.get("use_beam_search"):
        raise ValueError("`use_beam_search` has to be left out where a contrast is asked for: there are no beams")


def _contrast_of(body: bytes) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The request and its `cf_` keys, or `None` where it has none (or is no request: the server says so itself)."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(request, dict):
        return None
    given = request.get("vllm_xargs")
    keys = {
        key: value
        for source in (given, request)
        for key, value in (source.items() if isinstance(source, dict) else ())
        if has_contrast_keys({key: value})
    }
    return (request, keys) if keys else None


def _tested(scope: Scope, send: Send) -> Send:
    """`send` of the server's lifespan that says failed where the engine does not pass the self-test."""

    async def checked(message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            reason = await refusal(scope["app"].state)
            if reason is not None:
                message = {"type": "lifespan.startup.failed", "message": f"counterfoil: {reason}"}
        await send(message)

    return checked


def _is_json(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"content-type":
            return b"json" in value.lower()
    return True


def _with_length(scope: Scope, body: bytes) -> Scope:
    headers = [
        (name, value) for name, value in scope["headers"] if name not in (b"content-length", b"transfer-encoding")
    ]
    return {**scope, "headers": [*headers, (b"content-length", str(len(body)).encode())]}


def _replayed(body: bytes, receive: Receive) -> Receive:
    """`body` again, then what the client still has to say: that it is gone."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


async def _gone() -> Message:
    return {"type": "http.disconnect"}


def _error(message: str) -> Response:
    content = {"message": message, "type": "BadRequestError", "param": "vllm_xargs", "code": 400}
    return JSONResponse({"error": content}, 400)
