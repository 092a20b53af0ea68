"""The middleware around a server that is none: what passes untouched, what is refused, and how the server starts.

How it renders is shown against a real server in `test_serving.py`.
"""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("vllm", reason="the middleware is one of vLLM's server")

from counterfoil.decoding.vllm.server import middleware
from counterfoil.decoding.vllm.server.middleware import ContrastMiddleware

CAD = {"cf_method": "cad", "cf_contrast_ids": [1, 2]}


class Server:
    """The application inside: keeps what reaches it and answers 200, or 401 at /v1/models without the word."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.startup.complete"})
            return
        message = await receive()
        status = 200
        if scope["path"].endswith("/v1/models"):
            status = 200 if (b"authorization", b"word") in scope["headers"] else 401
        else:
            assert dict(scope["headers"]).get(b"content-length", b"7") == str(len(message["body"])).encode()
            self.bodies.append(message["body"])
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"answered"})


def posted(body: bytes, path: str = "/v1/chat/completions", **headers: str) -> tuple[int, Any, list[bytes]]:
    """Status and content of the answer, and the bodies that reached the server."""
    server, answers = Server(), []
    named = {"content-type": "application/json", "authorization": "word", **headers}
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        "app": SimpleNamespace(state=SimpleNamespace()),
    }
    parts = [body[:7], body[7:]]

    async def receive() -> dict:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: dict) -> None:
        answers.append(message)

    asyncio.run(ContrastMiddleware(server)(scope, receive, send))
    content = b"".join(message.get("body", b"") for message in answers)
    return answers[0]["status"], content, server.bodies


def refused(request: Any, path: str = "/v1/chat/completions", **headers: str) -> str:
    status, content, reached = posted(json.dumps(request).encode(), path, **headers)
    assert not reached
    error = json.loads(content)["error"]
    assert (status, error["code"], error["type"]) == (400, 400, "BadRequestError")
    return error["message"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner, max_size=3)
)


@settings(deadline=None, max_examples=60)
@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_a_plain_request_reaches_the_server_as_it_came(body: bytes) -> None:
    assert posted(body) == (200, b"answered", [body])


@pytest.mark.parametrize(
    "body",
    [b'{"prompt": "cf_method"', b'["cf_method"]', b'{"messages": [{"content": "cf_strength"}], "vllm_xargs": 3}'],
)
def test_so_does_one_that_only_speaks_of_our_keys(body: bytes) -> None:
    assert posted(body) == (200, b"answered", [body])


def test_and_one_that_is_not_json() -> None:
    body = b'{"vllm_xargs": {"cf_method": "x"}}'
    assert posted(body, **{"content-type": "multipart/form-data"}) == (200, b"answered", [body[:7]])  # as it streams in


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/messages", "/v1/chat/completions/batch", "/invocations"])
def test_elsewhere_a_contrast_is_refused_rather_than_ignored(path: str) -> None:
    assert f"not at {path}" in refused({"vllm_xargs": CAD}, path)


def test_a_key_beside_vllm_xargs_is_refused_rather_than_ignored() -> None:
    assert refused({"cf_method": "cad"}) == "`cf_method` has to be in `vllm_xargs`, but stands beside it"


def test_a_key_that_is_spelt_with_escapes_is_found() -> None:
    body = json.dumps({"cf_method": "cad"}).replace("cf_", "\\u0063f_").encode()
    assert posted(body)[0] == 400


def test_beams_are_refused() -> None:
    assert "there are no beams" in refused({"messages": [], "vllm_xargs": CAD, "use_beam_search": True})


def test_a_request_without_anything_to_say_is_refused() -> None:
    assert refused({"vllm_xargs": CAD}) == "`messages` has to be given, but is missing"
    assert refused({"vllm_xargs": CAD}, "/v1/completions") == "`prompt` has to be given, but is missing"


def test_a_server_that_is_switched_off_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_DISABLE", "1")
    assert "COUNTERFOIL_DISABLE is set" in refused({"messages": [], "vllm_xargs": CAD})
    assert posted(b"{}") == (200, b"answered", [b"{}"])


def test_a_stranger_hears_what_the_server_says_to_strangers() -> None:
    status, content, reached = posted(json.dumps({"vllm_xargs": CAD}).encode(), authorization="another word")
    assert (status, content, reached) == (401, b"answered", [])


@pytest.mark.parametrize(("reason", "answer"), [(None, "lifespan.startup.complete"), ("no", "lifespan.startup.failed")])
def test_a_server_starts_if_its_engine_passes(reason: str | None, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def verdict(_state: object) -> str | None:
        return reason

    monkeypatch.setattr(middleware, "refusal", verdict)
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {"type": "lifespan", "app": SimpleNamespace(state=None)}
    asyncio.run(ContrastMiddleware(Server())(scope, None, send))  # type: ignore[arg-type]

    assert sent[0]["type"] == answer
    assert reason is None or reason in sent[0]["message"]
