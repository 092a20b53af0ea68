# pyright: reportMissingImports=false
"""Calling the application behind the layer, and reading its response as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Scope

AHEAD = 16
"""How many messages the application may be ahead of who reads them."""

PATIENCE = 5.0
"""Seconds that an application has to end when its client has gone."""


@dataclass(frozen=True)
class InnerResponse:
    """A response of the application.

    Args:
        start: The message that it began with: status and headers.
        body: Yields the pieces of its body.
    """

    start: Message
    body: AsyncGenerator[bytes, None]

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        return self.start["status"]

    def header(self, name: bytes) -> bytes:
        """Return the value of a header, in lower case; empty if there is none."""
        return next((value.lower() for key, value in self.start["headers"] if key.lower() == name), b"")


@asynccontextmanager
async def called(app: ASGIApp, scope: Scope, body: bytes) -> AsyncIterator[InnerResponse]:
    """Call an application with another body; it hears that its client has gone when the block is left early.

    Args:
        app: The application.
        scope: Of the client's request.
        body: What the application reads as the body.

    Raises:
        RuntimeError: The application ended without a response; what it raised itself is raised here.
    """
    messages: asyncio.Queue[Message | None] = asyncio.Queue(AHEAD)
    left = asyncio.Event()
    unread = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if unread:
            return unread.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if left.is_set():
            raise OSError("the client has gone")
        await messages.put(message)

    async def running() -> None:
        try:
            await app(_with_length(scope, len(body)), receive, send)
        finally:
            if not left.is_set():
                await messages.put(None)

    task = asyncio.create_task(running())
    try:
        start = await messages.get()
        if start is None:
            await task
            raise RuntimeError("the application ended without a response")
        yield InnerResponse(start, _body(messages, task))
    finally:
        left.set()
        while not messages.empty():
            messages.get_nowait()  # makes room for who waits to send
        if task.done():
            await task
        else:  # what it raises because its client has gone is nobody's concern
            await asyncio.wait([task], timeout=PATIENCE)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _body(messages: asyncio.Queue[Message | None], task: asyncio.Task[None]) -> AsyncGenerator[bytes, None]:
    while (message := await messages.get()) is not None:
        if message["type"] == "http.response.body":
            yield message.get("body", b"")
            if not message.get("more_body"):
                return
    await task


def _with_length(scope: Scope, length: int) -> dict[str, Any]:
    headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", str(length).encode())]}
