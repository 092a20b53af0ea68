"""How the middleware sets a server up: an application of FastAPI with vLLM's own authentication and error handlers.

How contrasts are rendered is shown against a real server in `test_serving.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("vllm", reason="the middleware is one of vLLM's server")

from counterfoil.decoding.vllm.contrast_params import served_methods
from counterfoil.decoding.vllm.method_descriptions import PATH, describe
from counterfoil.decoding.vllm.server import middleware
from counterfoil.decoding.vllm.server.middleware import ContrastMiddleware
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from vllm.entrypoints.serve.exception_handling.register import init_exception_handler
from vllm.entrypoints.serve.middleware.authenticate import AuthenticationMiddleware

MISPLACED = {"cf_method": "cad"}


@pytest.fixture
def app() -> FastAPI:
    """A server with the middleware where vLLM puts it: outside its own."""
    made = FastAPI()

    @made.post("/v1/chat/completions")
    async def answer(request: Request) -> Any:
        return await request.json()

    init_exception_handler(made)
    made.add_middleware(AuthenticationMiddleware, tokens=["word"])
    made.add_middleware(ContrastMiddleware)
    made.state.args = SimpleNamespace(log_error_stack=False)
    made.state.vllm_config = SimpleNamespace(
        model_config=SimpleNamespace(runner_type="generate", logprobs_mode="raw_logprobs")
    )
    made.state.openai_serving_chat = made.state.openai_serving_completion = None
    return made


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "failures", [])
    judged(monkeypatch, None)


def judged(monkeypatch: pytest.MonkeyPatch, reason: str | None) -> None:
    async def refusal(_state: object) -> str | None:
        return reason

    monkeypatch.setattr(middleware, "refusal", refusal)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as running:
        yield running


def posted(client: TestClient, body: Any, word: str = "word") -> tuple[int, Any]:
    answer = client.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {word}"})
    return answer.status_code, answer.json()


def test_a_stranger_hears_what_the_server_says_to_strangers(client: TestClient) -> None:
    assert posted(client, MISPLACED, "another") == (401, {"error": "Unauthorized"})
    status, answer = posted(client, MISPLACED)
    assert (status, answer["error"]["param"]) == (400, "vllm_xargs")


def test_other_requests_pass(client: TestClient) -> None:
    for body in ({"messages": []}, {"vllm_xargs": {"cf_method": "cad"}}):
        assert posted(client, body) == (200, body)


def test_methods_are_described_to_clients_that_the_server_accepts(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(word: str) -> tuple[int, Any]:
        answer = client.get(PATH, headers={"authorization": f"Bearer {word}"})
        return answer.status_code, answer.json()

    assert asked("another")[0] == 401
    assert asked("word") == (200, {"methods": describe(served_methods().values())})
    monkeypatch.setenv("COUNTERFOIL_DISABLE", "1")
    assert asked("word") == (200, {"methods": []})


def started(app: FastAPI) -> dict[str, str]:
    """What the server says to whoever starts it."""
    said: list[Any] = []
    heard = [{"type": "lifespan.shutdown"}, {"type": "lifespan.startup"}]

    async def receive() -> Any:
        return heard.pop()

    async def send(message: Any) -> None:
        said.append(message)

    asyncio.run(app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send))
    return said[0]


def test_a_server_whose_engine_fails_the_test_does_not_start(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    assert started(app) == {"type": "lifespan.startup.complete"}
    judged(monkeypatch, "the rule makes it 7")
    assert started(app) == {"type": "lifespan.startup.failed", "message": "counterfoil: the rule makes it 7"}
    assert middleware.failures == ["the rule makes it 7"]


def test_nor_does_one_that_is_built_otherwise(app: FastAPI) -> None:
    app.state.openai_serving_chat = SimpleNamespace()  # an object that renders by another name
    assert started(app)["type"] == "lifespan.startup.failed"
    assert "render_chat_request" in middleware.failures[0]
    assert "docs/compatibility.md" in middleware.failures[0]


def test_switched_off_it_only_refuses(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_DISABLE", "1")
    app.state.openai_serving_chat = SimpleNamespace()
    with TestClient(app) as client:
        status, answer = posted(client, {"vllm_xargs": {"cf_method": "cad"}})
        assert (status, "COUNTERFOIL_DISABLE" in answer["error"]["message"]) == (400, True)
        assert posted(client, {"messages": []})[0] == 200
