"""Server-sent events as OpenAI's API streams them: `data: {...}`, an empty line, and `data: [DONE]` at the end."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")


@dataclass(frozen=True)
class Event:
    """One event.

    Args:
        raw: As it came, its empty line included.
        chunk: The object in its data; `None` for the end, a comment, or what is no object.
        is_end: Whether it says that the stream ends.
    """

    raw: bytes
    chunk: dict[str, Any] | None
    is_end: bool = False


async def events(body: AsyncIterator[bytes]) -> AsyncIterator[Event]:
    """Yield the events of a body that comes in pieces, however they are cut."""
    held = b""
    async for piece in body:
        held += piece
        while end := _END.search(held):
            yield _event(held[: end.end()])
            held = held[end.end() :]
    if held:
        yield _event(held)


def event_of(chunk: dict[str, Any]) -> bytes:
    """Return an event whose data is a chunk."""
    return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _event(raw: bytes) -> Event:
    lines = raw.splitlines()
    data = b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))
    try:
        chunk = json.loads(data)
    except ValueError:
        chunk = None
    return Event(raw, chunk if isinstance(chunk, dict) else None, is_end=data == b"[DONE]")
