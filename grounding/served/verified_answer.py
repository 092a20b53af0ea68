"""`cf_cite: "verify"`: an answer that goes on sentence by sentence, and back to the start of one that nothing supports.

Such a sentence is decoded once more, against a stronger contrast. If nothing supports that one either, the more
probable of the two stays, marked by its verdict, or is left out. Each time the answer so far is continued by a request
of its own, whose beginning the server has in its cache.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from counterfoil.attribution import StatementVerdict, Status
from counterfoil.attribution.scoring.cite import with_citation_markers
from counterfoil.attribution.scoring.groundedness import needs_source
from starlette.types import ASGIApp, Message, Scope  # pyright: ignore[reportMissingImports]

from ..sentence_reader import Segment, SentenceReader
from .citer import Counts, Sent, Sources, asked, awaited, cited, known
from .events import events
from .inner_call import called
from .sentence_check import SentenceJudge
from .stronger import continued

Outcome = Literal["supported", "kept", "dropped"]
"""What came of a sentence that was decoded again: another one that is supported, or one that stays or is left out."""


class RefusedError(Exception):
    """The application did not answer with a stream.

    Args:
        start: The message that its response began with.
        body: The body of the response.
    """

    def __init__(self, start: Message, body: bytes) -> None:
        super().__init__(f"status {start['status']}")
        self.start, self.body = start, body


@dataclass(frozen=True)
class Application:
    """What decodes.

    Args:
        app: The application.
        scope: Of the client's request.
    """

    app: ASGIApp
    scope: Scope

    @asynccontextmanager
    async def streamed(self, request: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Yield the chunks of a streamed response; leaving the block ends it.

        Raises:
            RefusedError: There is no such response.
        """
        async with called(self.app, self.scope, json.dumps(request).encode()) as response:
            if response.status != 200:
                raise RefusedError(response.start, b"".join([piece async for piece in response.body]))
            yield (event.chunk async for event in events(response.body) if event.chunk is not None)


@dataclass
class _Part:
    """A sentence, or what stands between two, of one way to continue the answer."""

    text: str
    segment: Segment
    n_tokens: int  # up to its end
    pending: Future[StatementVerdict] | None = None
    before: str = ""  # the white space in front of it

    @property
    def verdict(self) -> StatementVerdict | None:
        if self.pending is None or self.segment.sentence is None:
            return None
        return known(self.pending, self.segment.sentence)

    @property
    def fails(self) -> bool:
        verdict = self.verdict
        return verdict is not None and verdict.status is Status.NOT_SUPPORTED and needs_source(verdict.text)


@dataclass
class VerifiedAnswer:
    """Decodes one answer.

    Args:
        application: What decodes.
        forms: The request with its documents, in the forms in which the application may take it.
        stronger: The same with a stronger contrast.
        sources: What the sentences are checked against.
        queue: The judge.
        counts: What is counted.
        drop: Whether a sentence that nothing supports is left out.
        max_tokens: The longest answer; `None` for no limit.

    Attributes:
        finish_reason: Why the answer ended; `None` before.
        template: The fields that all chunks of the response have, once there is one.
        prompt_tokens: How many tokens the application read.
        n_tokens: How many tokens the answer has, those that were left out included.
    """

    application: Application
    forms: Sequence[Mapping[str, Any]]
    stronger: Sequence[Mapping[str, Any]]
    sources: Sources
    queue: SentenceJudge
    counts: Counts
    drop: bool
    max_tokens: int | None
    finish_reason: str | None = None
    template: dict[str, Any] = field(default_factory=dict)
    prompt_tokens: int = 0
    n_tokens: int = 0
    _written: str = ""  # what the model is shown of its answer
    _length: int = 0  # of what the client is shown
    _form: int = 0

    async def sent(self) -> AsyncGenerator[Sent, None]:
        """Yield what goes to the client, in order.

        Raises:
            RefusedError: The application refuses the request.
        """
        while self.finish_reason is None:
            failed = None
            try:
                async with contextlib.aclosing(self._parts(self.forms[self._form])) as parts:
                    async for part in parts:
                        if part.fails:
                            failed = part
                            break
                        yield self._taken(part)
            except RefusedError as error:
                if self.template:
                    # The answer has filled the context, or the application has failed.
                    self.finish_reason = "length" if error.start["status"] == 400 else "error"
                elif error.start["status"] == 400 and self._form + 1 < len(self.forms):
                    self._form += 1
                else:
                    raise
            if failed is not None:
                self.finish_reason = None
                yield await self._again(failed)
            elif self.finish_reason is None and self.template:
                self.finish_reason = "stop"  # a stream that ended and did not say why

    async def _again(self, failed: _Part) -> Sent:
        """Decode a sentence that nothing supports once more; return what is sent in its place."""
        part = await self._another()
        better = part is not None and (not part.fails or _probability(part) > _probability(failed))
        chosen = part if part is not None and better else failed
        outcome: Outcome = "supported" if not chosen.fails else "dropped" if self.drop else "kept"
        self.counts.redecoded(outcome)
        return self._taken(chosen, redecoded=True, drop=outcome == "dropped")

    async def _another(self) -> _Part | None:
        """Return the next sentence under the stronger contrast; `None` if there is none."""
        finish_reason, between = self.finish_reason, ""
        try:
            async with contextlib.aclosing(self._parts(self.stronger[self._form])) as parts:
                async for part in parts:
                    if part.segment.sentence is not None:
                        part.before = between + part.before
                        return part
                    between += part.before + part.text
        except RefusedError:
            return None  # a server without contrasts
        finally:
            self.finish_reason = finish_reason
        return None

    def _taken(self, part: _Part, *, redecoded: bool = False, drop: bool = False) -> Sent:
        """Make a part one of the answer; return what the client gets of it."""
        self._written += part.before + part.text
        self.n_tokens = part.n_tokens
        verdict, sentence = part.verdict, part.segment.sentence
        if verdict is None or sentence is None:
            self._length += len(part.before + part.text)
            return Sent(part.before + part.text)
        self.counts.statement(verdict.status)
        start = self._length + (0 if drop else len(part.before))
        shown = with_citation_markers(sentence.text, verdict.citations) if self.sources.markers else part.text
        verdict = verdict.moved_to(start, start if drop else start + len(shown))
        annotations, (statement,) = cited(verdict, self.sources.documents)
        statement = {**statement, "redecoded": redecoded}
        if drop:
            return Sent(dropped=[statement])
        self._length = verdict.end
        return Sent(part.before + shown, annotations, [statement])

    async def _parts(self, request: Mapping[str, Any]) -> AsyncGenerator[_Part, None]:
        """Yield the parts that follow what is written, each with its verdict; decoding goes on meanwhile."""
        left = None if self.max_tokens is None else self.max_tokens - self.n_tokens
        if left is not None and left < 1:
            self.finish_reason = "length"
            return
        found: asyncio.Queue[_Part | BaseException | None] = asyncio.Queue()
        reading = asyncio.create_task(self._read(continued(request, self._written, left), found))
        try:
            while (part := await found.get()) is not None:
                if isinstance(part, BaseException):
                    raise part
                if part.pending is not None:
                    await awaited(part.pending)
                yield part
        finally:
            reading.cancel()
            await asyncio.wait([reading])
            while not found.empty():
                if isinstance(part := found.get_nowait(), _Part) and part.pending is not None:
                    part.pending.cancel()

    async def _read(self, request: Mapping[str, Any], found: asyncio.Queue[_Part | BaseException | None]) -> None:
        """Put the parts that a request brings into a queue, then `None`, or what went wrong."""
        try:
            reader, tokens = SentenceReader(self._written), _Tokens(self.n_tokens)
            add = _Adding(found, reader, tokens, lambda segment: self._pending(segment, reader))
            async with self.application.streamed(request) as chunks:
                async for chunk in chunks:
                    for choice in self._noted(chunk):
                        text = (choice.get("delta") or {}).get("content") or ""
                        if reader.text == self._written != self._written.rstrip():
                            text = text.lstrip()  # the model was shown the answer without the white space at its end
                        tokens.add(choice, len(reader.text) + len(text))
                        add(reader.feed(text))
                        self.finish_reason = choice.get("finish_reason") or self.finish_reason
            add(reader.finish())
            add.end()
        except Exception as error:  # for who reads the queue
            found.put_nowait(error)

    def _noted(self, chunk: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        if not self.template:
            self.template = {name: chunk[name] for name in ("id", "created", "model") if name in chunk}
        if "error" in chunk:
            self.finish_reason = "error"
        usage = chunk.get("usage") or {}
        self.prompt_tokens = self.prompt_tokens or usage.get("prompt_tokens", 0)
        return chunk.get("choices") or ()

    def _pending(self, segment: Segment, reader: SentenceReader) -> Future[StatementVerdict] | None:
        if segment.sentence is None:
            return None
        return asked(segment.sentence, reader.text, self.sources, self.queue)


class _Tokens:
    """How many tokens an answer has up to a place."""

    def __init__(self, before: int) -> None:
        self._places = [(0, before)]

    def add(self, choice: Mapping[str, Any], end: int) -> None:
        """Take note of the tokens of a chunk that brings the text to `end`."""
        ids = choice.get("token_ids")
        text = (choice.get("delta") or {}).get("content")
        self._places.append((end, self._places[-1][1] + (len(ids) if ids is not None else bool(text))))

    def at(self, place: int) -> int:
        """Return how many tokens it takes to write the text up to a place."""
        return next((n for end, n in self._places if end >= place), self._places[-1][1])


class _Adding:
    """Puts segments into a queue as parts: white space goes with what follows it."""

    def __init__(
        self,
        found: asyncio.Queue[Any],
        reader: SentenceReader,
        tokens: _Tokens,
        pending: Callable[[Segment], Future[StatementVerdict] | None],
    ) -> None:
        self._found, self._reader, self._tokens, self._pending = found, reader, tokens, pending
        self._blank = ""

    def __call__(self, segments: Sequence[Segment]) -> None:
        for segment in segments:
            text = self._reader.text[segment.start : segment.end]
            if segment.sentence is None and not text.strip():
                self._blank += text
                continue
            part = _Part(text, segment, self._tokens.at(segment.end), self._pending(segment), self._blank)
            self._blank = ""
            self._found.put_nowait(part)

    def end(self) -> None:
        """Put the white space that nothing follows, and the end."""
        if self._blank:
            end = len(self._reader.text)
            segment = Segment(end - len(self._blank), end)
            self._found.put_nowait(_Part(self._blank, segment, self._tokens.at(end)))
        self._found.put_nowait(None)


def _probability(part: _Part) -> float:
    return (part.verdict.probability if part.verdict is not None else None) or 0.0
