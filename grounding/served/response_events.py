"""A streamed response of OpenAI's Responses API with citations put in as it comes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .citer import Citer, Sent
from .events import events
from .responses import cite_items, cited_part, flat, texts_of
from .rewriting import NewCiter

DELTA, TEXT_DONE = "response.output_text.delta", "response.output_text.done"
PART_DONE, ITEM_DONE = "response.content_part.done", "response.output_item.done"
ADDED = "response.output_text.annotation.added"
PLACE = ("item_id", "output_index", "content_index")
"""The fields that say of which text of the answer an event is."""


@dataclass
class _Text:
    """One text of the answer: what takes it, and all that was sent of it."""

    citer: Citer
    place: dict[str, Any]
    sent: Sent = field(default_factory=Sent)


class CitedEvents:
    """Rewrites the events of a streamed response.

    The citations of a sentence stand in `response.output_text.annotation.added` events behind it; the event that ends
    a text waits for those of its last sentence, and the events behind it, which repeat the text, have all of them.

    Args:
        new_citer: Makes what takes one text.
    """

    def __init__(self, new_citer: NewCiter) -> None:
        self._new_citer = new_citer
        self._texts: dict[tuple[str, int], _Text] = {}
        self._number = 0

    async def rewritten(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Yield the events of a body, with citations, numbered anew."""
        try:
            async for event in events(body):
                if event.chunk is None:  # a comment
                    yield event.raw
                    continue
                async for changed in self._taken(event.chunk):
                    yield self._event(changed)
        finally:
            for text in self._texts.values():
                text.citer.leave()

    async def _taken(self, event: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Yield what is sent for an event, and the verdicts that are known by now."""
        kind = event.get("type")
        if kind == DELTA:
            text = self._text(event)
            sent = text.citer.feed(event["delta"])
            text.sent += sent
            yield {**event, "delta": sent.text}
            for more in self._added(text, text.citer.ready()):
                yield more
            return
        if kind == TEXT_DONE:
            text = self._text(event)
            text.citer.finish()
            async for sent in text.citer.rest():
                for more in self._added(text, sent):
                    yield more
            yield {**event, "text": text.sent.text}
            return
        if kind == PART_DONE and event["part"].get("type") == "output_text":
            yield {**event, "part": cited_part(event["part"], self._text(event).sent)}
            return
        if kind == ITEM_DONE:
            await self._complete([event["item"]])
        elif isinstance(event.get("response"), dict):
            await self._complete(event["response"].get("output") or [])
        yield event

    async def _complete(self, items: list[dict[str, Any]]) -> None:
        """Put the citations that were sent into items that repeat their texts."""
        for item in items:
            known = [(place, part, self._texts.get((item.get("id", ""), place))) for place, part in texts_of(item)]
            if any(text is None for _, _, text in known):
                await cite_items([item], self._new_citer)  # one that was not streamed
                continue
            for place, part, text in known:
                if text is not None:
                    item["content"][place] = cited_part(part, text.sent)

    def _text(self, event: Mapping[str, Any]) -> _Text:
        key = event["item_id"], event["content_index"]
        if key not in self._texts:
            self._texts[key] = _Text(self._new_citer(), {name: event[name] for name in PLACE})
        return self._texts[key]

    def _added(self, text: _Text, sent: Sent) -> list[dict[str, Any]]:
        """Return the events that hold what is sent of a text beside its own pieces."""
        first = len(text.sent.annotations)
        text.sent += sent
        found = [{"type": DELTA, **text.place, "delta": sent.text, "logprobs": []}] if sent.text else []
        for number, annotation in enumerate(sent.annotations, start=first):
            found.append({"type": ADDED, **text.place, "annotation_index": number, "annotation": flat(annotation)})
        return found

    def _event(self, event: Mapping[str, Any]) -> bytes:
        numbered = {**event, "sequence_number": self._number}
        self._number += 1
        data = json.dumps(numbered, ensure_ascii=False, separators=(",", ":")).encode()
        return b"event: " + str(event.get("type", "unknown")).encode() + b"\ndata: " + data + b"\n\n"
