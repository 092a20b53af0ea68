"""How citations are set up in a server when it starts: inside its authentication, with the real judge."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("vllm", reason="the middleware is one of vLLM's server")

from counterfoil.decoding.vllm import engine_limits
from counterfoil.grounding.served import middleware
from counterfoil.grounding.served.judge_settings import JUDGE, JudgeSettings
from counterfoil.grounding.served.middleware import CitationMiddleware
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from vllm.entrypoints.serve.middleware.authenticate import AuthenticationMiddleware

ANSWER = "The ferry leaves at nine."
REQUEST = {
    "messages": [{"role": "user", "content": "When does the ferry leave?"}],
    "vllm_xargs": {"cf_cite": True, "cf_documents": ["The ferry leaves at nine in the morning."]},
}


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    """A server with the middleware where vLLM puts it: outside its own."""
    made = FastAPI()

    @made.post("/v1/chat/completions")
    async def answer(request: Request) -> Any:
        assert "cf_cite" not in (await request.json())["vllm_xargs"]
        return {"choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}}]}

    made.add_middleware(AuthenticationMiddleware, tokens=["word"])
    made.add_middleware(CitationMiddleware)
    monkeypatch.setattr(middleware, "failures", [])
    for name, value in JudgeSettings(nice=0, patience=240).environment().items():
        monkeypatch.setenv(name, value)  # the machine may be busy
    monkeypatch.setattr(engine_limits.EngineLimits, "of", lambda _config: SimpleNamespace(amateur_model=False))
    made.state.vllm_config = None
    return made


def posted(client: TestClient, body: Any, word: str = "word") -> Any:
    return client.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {word}"})


def test_the_packaged_judge_cites_for_clients_that_the_server_accepts(app: FastAPI) -> None:
    with TestClient(app) as client:
        assert posted(client, {"vllm_xargs": {"cf_markers": True}}, "another").status_code == 401
        assert posted(client, {"vllm_xargs": {"cf_markers": True}}).status_code == 400
        (choice,) = posted(client, REQUEST).json()["choices"]
        (annotation,) = choice["message"]["annotations"]
        assert annotation["cf_citation"]["quote"] == REQUEST["vllm_xargs"]["cf_documents"][0]  # type: ignore[index]
        assert choice["message"]["cf_statements"][0]["status"] == "supported"


def test_a_server_whose_judge_cannot_be_loaded_does_not_start(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(JUDGE, "nli:/no/such/folder")
    said: list[Any] = []
    heard = [{"type": "lifespan.shutdown"}, {"type": "lifespan.startup"}]

    async def receive() -> Any:
        return heard.pop()

    async def send(message: Any) -> None:
        said.append(message)

    asyncio.run(app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send))
    assert said[0]["type"] == "lifespan.startup.failed"
    assert "citations cannot be served" in said[0]["message"]
    assert "/no/such/folder" in middleware.failures[0]
