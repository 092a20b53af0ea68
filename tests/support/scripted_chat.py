"""A chat endpoint as an ASGI application, which answers what a test tells it to and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from counterfoil.attribution.entailment.base import Judgement

Script = Callable[[dict[str, Any]], Sequence[str] | None]
CHAT = "/v1/chat/completions"


class ScriptedChat:
    """Answers each request with the same pieces, streamed or joined; its choices differ only in their index.

    Args:
        pieces: Of the answer, or a function that returns them for a request; `None` to refuse it.
        choices: How many choices a response has.
    """

    def __init__(
        self, pieces: Sequence[str] | Callable[[dict[str, Any]], Sequence[str] | None], choices: int = 1
    ) -> None:
        self.pieces, self.choices = pieces, choices
        self.bodies: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.sent: list[bytes] = []
        self.gone = False
        self.hold: asyncio.Event | None = None
        """If it is set, a stream stops behind its first piece until the event."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        self.raw.append(body)
        try:
            self.bodies.append(json.loads(body))
        except ValueError:
            self.bodies.append({})
        pieces = self.pieces(self.bodies[-1]) if callable(self.pieces) else self.pieces
        if pieces is None:
            await send({"type": "http.response.start", "status": 400, "headers": []})
            await self._send(send, b'{"error": {"message": "refused"}}', more=False)
            return
        if self.bodies[-1].get("stream"):
            listening = asyncio.ensure_future(self._listen(receive))
            streaming = asyncio.ensure_future(self._stream(send, pieces))
            await asyncio.wait([listening, streaming], return_when=asyncio.FIRST_COMPLETED)
            listening.cancel()
            streaming.cancel()
            return
        await self._start(send, b"application/json")
        message = {"role": "assistant", "content": "".join(pieces)}
        made = [{"index": n, "message": message, "finish_reason": "stop"} for n in range(self.choices)]
        await self._send(send, self._chunk("chat.completion", made), more=False)

    async def _listen(self, receive: Any) -> None:
        assert (await receive())["type"] == "http.disconnect"
        self.gone = True

    async def _stream(self, send: Any, pieces: Sequence[str]) -> None:
        await self._start(send, b"text/event-stream; charset=utf-8")
        for n in range(self.choices):
            await self._event(send, n, {"role": "assistant", "content": ""})
        for piece in pieces:
            for n in range(self.choices):
                await self._event(send, n, {"content": piece})
            if self.hold is not None:
                await self.hold.wait()
        for n in range(self.choices):
            await self._event(send, n, {"content": ""}, "stop")
        usage = {
            **json.loads(self._chunk("chat.completion.chunk", [])),
            "usage": {"prompt_tokens": 7, "completion_tokens": 3},
        }
        await self._send(send, b"data: " + json.dumps(usage).encode() + b"\n\n")
        await self._send(send, b"data: [DONE]\n\n", more=False)

    async def _event(self, send: Any, index: int, delta: dict[str, Any], finish: str | None = None) -> None:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        await self._send(send, b"data: " + self._chunk("chat.completion.chunk", [choice]) + b"\n\n")

    def _chunk(self, kind: str, choices: list[Any]) -> bytes:
        return json.dumps({"id": "1", "object": kind, "created": 0, "model": "m", "choices": choices}).encode()

    async def _start(self, send: Any, kind: bytes) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})

    async def _send(self, send: Any, body: bytes, *, more: bool = True) -> None:
        self.sent.append(body)
        await send({"type": "http.response.body", "body": body, "more_body": more})


class SameWords:
    """Takes a premise to support what consists of its words."""

    name, threshold = "same-words", 0.9

    def judge(self, pairs: Any) -> list[Judgement]:
        return [Judgement(share(set(hypothesis.split()), set(premise.split()))) for premise, hypothesis in pairs]


def share(words: set[str], known: set[str]) -> float:
    """The share of words that are known."""
    return len(words & known) / len(words) if words else 0.0


async def posted(app: Any, body: Any, path: str = CHAT, *, leave_behind: int | None = None) -> tuple[int, bytes]:
    """Status and body of the answer to a POST; the client leaves behind the piece `leave_behind` of the body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    scope = {"type": "http", "method": "POST", "path": path, "root_path": ""}
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]
    requests = [{"type": "http.request", "body": raw, "more_body": False}]
    left, answers = asyncio.Event(), []

    async def receive() -> Any:
        if requests:
            return requests.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        answers.append(message)
        if leave_behind is not None and len(answers) > leave_behind:
            left.set()

    await app({**scope, "headers": headers}, receive, send)
    content = b"".join(message.get("body", b"") for message in answers[1:])
    return answers[0]["status"], content


def chunks(content: bytes) -> list[dict[str, Any]]:
    """The chunks of a streamed response, which has ended as it should."""
    *events, last, nothing = content.decode().split("\n\n")
    assert (last, nothing) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]
