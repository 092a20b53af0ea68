"""Responses with citations put in: a whole one, and a streamed one as it comes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any

from .citer import Citer, Sent
from .events import Event, event_of, events

NewCiter = Callable[[], Citer]

_OF_TOKENS = ("logprobs", "token_ids")
"""Fields of a choice that belong to the tokens of its chunk."""

_OF_THE_END = ("finish_reason", "stop_reason")
"""Fields of a choice that say how it ended."""


async def cited_response(body: bytes, new_citer: NewCiter) -> bytes:
    """Return the body of a chat completion with citations in the message of each choice."""
    response = json.loads(body)
    answers = [choice["message"] for choice in response.get("choices") or () if choice.get("message")]
    citers = [new_citer() for _ in answers]
    try:
        # All are asked before one is waited for.
        begun = []
        for message, citer in zip(answers, citers, strict=True):
            begun.append(citer.feed(_text(message)))
            citer.finish()
        for message, citer, sent in zip(answers, citers, begun, strict=True):
            async for more in citer.rest():
                sent += more  # noqa: PLW2901
            cited = sent.message() if _text(message) else {**sent.message(), "content": message.get("content")}
            message.update(cited)
    finally:
        for citer in citers:
            citer.leave()
    return json.dumps(response, ensure_ascii=False, separators=(",", ":")).encode()


class CitedStream:
    """Rewrites the events of a streamed chat completion.

    An event whose text may go at once is passed on as it came. Citations stand in events of their own, behind the
    sentence; the event that ends a choice waits for those of its last sentence.

    Args:
        new_citer: Makes what takes one answer.
    """

    def __init__(self, new_citer: NewCiter) -> None:
        self._new_citer = new_citer
        self._citers: dict[int, Citer] = {}
        self._ends: dict[int, dict[str, Any]] = {}  # the chunks that end a choice
        self._last: dict[str, Any] = {}

    async def rewritten(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Yield the events of a body, with citations."""
        try:
            async for event in events(body):
                chunk = event.chunk
                if chunk is not None and chunk.get("choices"):
                    for raw in self._taken(event, chunk):
                        yield raw
                    continue
                if chunk is not None or event.is_end:  # else a comment
                    async for raw in self._rest(ended=event.is_end):
                        yield raw
                yield event.raw
            async for raw in self._rest(ended=True):
                yield raw
        finally:
            for citer in self._citers.values():
                citer.leave()

    def _taken(self, event: Event, chunk: dict[str, Any]) -> list[bytes]:
        """Return what is sent for an event: its text as far as it may go, and the verdicts that are known by now."""
        self._last = chunk
        shown, changed = [], False
        for choice in chunk["choices"]:
            citer = self._citers.setdefault(choice["index"], self._new_citer())
            text = _text(choice.get("delta") or {})
            sent = citer.feed(text)
            if sent.text != text:
                choice["delta"]["content"] = sent.text
                changed = True
            if choice.get("finish_reason") is None:
                shown.append(choice)
                continue
            citer.finish()
            changed = True
            self._ends[choice["index"]] = {**chunk, "choices": [_without_tokens(choice)]}
            if any((choice.get("delta") or {}).values()) or any(choice.get(name) for name in _OF_TOKENS):
                shown.append({**choice, **{name: None for name in _OF_THE_END if name in choice}})
        own = [event_of({**chunk, "choices": shown})] if changed and shown else [] if changed else [event.raw]
        return [*own, *self._known(chunk)]

    def _known(self, chunk: dict[str, Any]) -> list[bytes]:
        found = []
        for index, citer in self._citers.items():
            found += self._sent(index, citer.ready(), chunk)
            if citer.is_done and index in self._ends:
                found.append(event_of(self._ends.pop(index)))
        return found

    async def _rest(self, *, ended: bool) -> AsyncIterator[bytes]:
        """Yield everything about the choices that have ended, and about all of them if the stream has."""
        for index, citer in self._citers.items():
            end = self._ends.pop(index, None)
            if end is None and not ended:
                continue
            if end is None:
                citer.finish()
            async for sent in citer.rest():
                for raw in self._sent(index, sent, end or self._last):
                    yield raw
            if end is not None:
                yield event_of(end)

    def _sent(self, index: int, sent: Sent, chunk: dict[str, Any]) -> list[bytes]:
        if not sent:
            return []
        choice = {"index": index, "delta": sent.delta(), "logprobs": None, "finish_reason": None}
        whole = {name: value for name, value in chunk.items() if name != "usage"}
        return [event_of({**whole, "choices": [choice]})]


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def _without_tokens(choice: dict[str, Any]) -> dict[str, Any]:
    """Return a choice that ends and says nothing more."""
    return {**choice, "delta": {}, **{name: None for name in _OF_TOKENS if name in choice}}
