"""The endpoint of OpenAI's Responses API as an ASGI application, with the events that vLLM sends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

RESPONSES = "/v1/responses"


class ScriptedResponses:
    """Answers each request with a reasoning item and a message of these pieces, streamed or joined.

    Args:
        pieces: Of the answer.
        refuse_instructions: Whether a request with `instructions` is refused, as by a template without system messages.
    """

    def __init__(self, pieces: Sequence[str], *, refuse_instructions: bool = False) -> None:
        self.pieces, self.refuse_instructions = pieces, refuse_instructions
        self.bodies: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = json.loads((await receive())["body"])
        self.bodies.append(body)
        status = 400 if self.refuse_instructions and body.get("instructions") else 200
        kind = b"text/event-stream; charset=utf-8" if body.get("stream") else b"application/json"
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
        if status == 400:
            await self._send(send, b'{"error": {"message": "refused"}}', more=False)
        elif body.get("stream"):
            for number, event in enumerate(self._events()):
                data = json.dumps({**event, "sequence_number": number})
                await self._send(send, f"event: {event['type']}\ndata: {data}\n\n".encode())
            await self._send(send, b"", more=False)
        else:
            await self._send(send, json.dumps(self._response("completed")).encode(), more=False)

    def _response(self, status: str) -> dict[str, Any]:
        output = [self._reasoning(), self._message()] if status == "completed" else []
        return {"id": "resp_1", "object": "response", "status": status, "output": output}

    def _reasoning(self) -> dict[str, Any]:
        thought = {"type": "reasoning_text", "text": "The tower was built in 1874."}
        return {"type": "reasoning", "id": "rs_1", "summary": [], "content": [thought]}

    def _part(self, text: str) -> dict[str, Any]:
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": None}

    def _message(self) -> dict[str, Any]:
        content = [self._part("".join(self.pieces))]
        return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}

    def _events(self) -> list[dict[str, Any]]:
        place = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
        empty = {**self._message(), "status": "in_progress", "content": []}
        reasoning = {"output_index": 0, "item": self._reasoning()}
        deltas = [
            {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": [{"token": piece}]}
            for piece in self.pieces
        ]
        text = "".join(self.pieces)
        return [
            {"type": "response.created", "response": self._response("in_progress")},
            {"type": "response.output_item.done", **reasoning},
            {"type": "response.output_item.added", "output_index": 1, "item": empty},
            {"type": "response.content_part.added", **place, "part": self._part("")},
            *deltas,
            {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
            {"type": "response.content_part.done", **place, "part": self._part(text)},
            {"type": "response.output_item.done", "output_index": 1, "item": self._message()},
            {"type": "response.completed", "response": self._response("completed")},
        ]

    async def _send(self, send: Any, body: bytes, *, more: bool = True) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": more})


def told(content: bytes) -> list[dict[str, Any]]:
    """The events of a stream, whose names and numbers are right."""
    found = []
    for number, event in enumerate(content.decode().removesuffix("\n\n").split("\n\n")):
        name, data = event.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
        assert found[-1]["sequence_number"] == number
    return found
