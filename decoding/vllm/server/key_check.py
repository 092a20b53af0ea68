"""Refuse requests whose contrast keys would be ignored, because they are in the wrong place or misspelt.

vLLM ignores fields that it does not know. Without this check a request with our keys beside `vllm_xargs`, or at an
endpoint that does not pass them on, would be answered by plain decoding.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request  # pyright: ignore[reportMissingImports]
from starlette.responses import JSONResponse, Response  # pyright: ignore[reportMissingImports]
from starlette.types import ASGIApp, Message, Receive, Scope, Send  # pyright: ignore[reportMissingImports]

from ..contrast_params import check_case, flag_keys, has_contrast_keys
from ..engine_limits import DISABLE, switched_off
from .guidance_fields import FIELDS, asked_guidance

CHAT, COMPLETIONS, RESPONSES = "/v1/chat/completions", "/v1/completions", "/v1/responses"

_KEY = re.compile(rf"cf_|\\u00(?:[46]3|[46]6|5f)|{'|'.join(FIELDS)}", re.IGNORECASE)
"""Found in every body with one of our keys, however JSON spells it; other bodies are not even parsed."""

CITATION_KEYS = ("cf_cite", "cf_markers", "cf_unsupported")
"""Keys that a layer in front of the server takes out of a request, if the server was started with one."""

_WRAPPERS = ("extra_body", "extra_args")
"""What clients and engines wrap keys in, and what a server that gets it ignores."""


class KeyCheck:
    """ASGI middleware that answers a request with misplaced contrast keys with 400, and passes on every other one.

    Args:
        app: The application inside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if not posts_json(scope):
            await self._app(scope, receive, send)
            return
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            return
        try:
            check_body(body, endpoint_of(scope))
        except ValueError as error:
            await bad_request(str(error))(scope, receive, send)
            return
        await self._app(scope, replayed(body, receive), send)


def check_body(body: bytes, path: str) -> None:
    """Check where the contrast keys of a request stand.

    Args:
        body: The body of the request, in any encoding of JSON.
        path: The path of its endpoint.

    Raises:
        ValueError: If a key is misspelt, is not in `vllm_xargs`, has a value that vLLM would change, or comes to an
            endpoint that takes no contrast, or if contrasts are switched off; names the key.
    """
    request = request_with_keys(body)
    if request is None:
        return
    found = list(asked_guidance(request))
    for key, value, place in keys_of(request):
        check_case(key)
        if place != "vllm_xargs":
            raise ValueError(f"`{key}` has to be in `vllm_xargs`, but stands {place}")
        if key in CITATION_KEYS:
            if switched_off():  # a server that was started with --cite as well
                raise ValueError(
                    f"`{key}` is not served here: {DISABLE} is set, which switches citations and contrasts off. "
                    "Unset it and start the server with counterfoil serve --cite"
                )
            raise ValueError(f"`{key}` is not served here: start the server with counterfoil serve --cite")
        _check_flags(key, value)
        found.append(key)
    _check_fields(request)
    if found and switched_off():
        raise ValueError(f"contrasts are switched off on this server: {DISABLE} is set")
    if found and path not in (CHAT, COMPLETIONS):
        raise ValueError(f"`{found[0]}` is understood at {CHAT} and {COMPLETIONS}, but not at {path}")


def request_with_keys(body: bytes) -> dict[str, Any] | None:
    """Return the request that a body holds if it may have keys of this library, else `None`."""
    try:
        # As `json.loads` reads bytes, and so as vLLM's server reads a body: UTF-8, UTF-16 or UTF-32.
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        request = json.loads(text) if _KEY.search(text) else None
    except (ValueError, RecursionError):
        return None  # not JSON: the server says so itself
    return request if isinstance(request, dict) else None


def _check_fields(request: Mapping[str, Any]) -> None:
    """Reject guidance that is asked for anywhere but in the request itself."""
    for place in ("vllm_xargs", *_WRAPPERS):
        inner = request.get(place)
        for name in asked_guidance(inner) if isinstance(inner, dict) else ():
            raise ValueError(f"`{name}` has to be a field of the request itself, but stands in `{place}`")


def _check_flags(key: str, value: object) -> None:
    """Reject true and false for a key that takes no such value: vLLM would turn them into 1 and 0 without notice."""
    if key not in flag_keys():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, bool):
                raise ValueError(
                    f"`{key}` has to be given otherwise than by true and false, but is {json.dumps(value)}"
                )


def keys_of(request: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """Yield the keys of a request that are this library's, their values and the places where they stand."""
    places = [("beside it", request), ("vllm_xargs", request.get("vllm_xargs"))]
    for name in _WRAPPERS:
        inner = request.get(name)
        places.append((f"in `{name}`", inner))
        places.append((f"in `{name}`", inner.get("vllm_xargs") if isinstance(inner, dict) else None))
    for place, mapping in places:
        for key, value in mapping.items() if isinstance(mapping, dict) else ():
            if has_contrast_keys({key: value}):
                yield key, value, place


def posts_json(scope: Scope) -> bool:
    """Return whether a connection posts a body that a server reads as JSON."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    for name, value in scope["headers"]:
        if name == b"content-type":
            return b"json" in value.lower()
    return True


def endpoint_of(scope: Scope) -> str:
    """Return the path of the endpoint that a connection asks for."""
    return scope["path"].removeprefix(scope.get("root_path", ""))


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives `body` again, then whatever the client still sends: that it has left."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def bad_request(message: str) -> Response:
    """Return an error of status 400 in OpenAI's form."""
    content = {"message": message, "type": "BadRequestError", "param": "vllm_xargs", "code": 400}
    return JSONResponse({"error": content}, 400)
