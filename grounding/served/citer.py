"""One answer on its way to the client: what of it may be sent, and the verdicts on its sentences."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from dataclasses import dataclass, field, fields
from typing import Any

from counterfoil.attribution import Document, StatementVerdict, Status
from counterfoil.attribution.io.exports.cited import Link
from counterfoil.attribution.io.exports.openai import chat_annotation
from counterfoil.attribution.scoring.cite import with_citation_markers
from counterfoil.attribution.serialization import as_data
from counterfoil.attribution.text.statements import Statement

from ..sentence_reader import Segment, SentenceReader
from .sentence_check import NotJudgedError, SentenceCheck, SentenceJudge

CITATION, STATEMENTS, DROPPED = "cf_citation", "cf_statements", "cf_dropped"
"""Names of what OpenAI's form has no place for: in an annotation, and beside `annotations` in a message."""


@dataclass(frozen=True)
class Counts:
    """What is told of the sentences of answers.

    Args:
        statement: Called with the verdict on each sentence.
        redecoded: Called for each sentence that was decoded again: `"supported"`, or what became of it.
    """

    statement: Callable[[Status], None] = lambda status: None
    redecoded: Callable[[str], None] = lambda outcome: None


@dataclass(frozen=True)
class Sources:
    """What the sentences of an answer are checked against.

    Args:
        documents: The documents, in the order of their numbers.
        question: What the user asked last.
        markers: Whether the citations are to stand in the text.
    """

    documents: Sequence[Document]
    question: str
    markers: bool


@dataclass(frozen=True)
class Sent:
    """What goes to the client next.

    Args:
        text: A piece of the answer.
        annotations: Citations of sentences that have been sent, in OpenAI's form.
        statements: The verdicts on these sentences, as JSON.
        dropped: The verdicts on sentences that were left out.
    """

    text: str = ""
    annotations: list[dict[str, Any]] = field(default_factory=list)
    statements: list[dict[str, Any]] = field(default_factory=list)
    dropped: list[dict[str, Any]] = field(default_factory=list)

    def __add__(self, other: Sent) -> Sent:
        return Sent(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))

    def message(self) -> dict[str, Any]:
        """Return the fields of a whole message that hold it."""
        dropped = {DROPPED: self.dropped} if self.dropped else {}
        return {"content": self.text, "annotations": self.annotations, STATEMENTS: self.statements, **dropped}

    def delta(self) -> dict[str, Any]:
        """Return the fields of a change of a message that hold it."""
        return {
            name: value
            for name, value in self.message().items()
            if value or (name == "annotations" and self.statements)
        }


@dataclass(frozen=True)
class _Part:
    """A part of the answer that was not yet given to the client, with the verdict on it if it is a sentence."""

    segment: Segment
    verdict: Future[StatementVerdict] | None = None


class Citer:
    """Takes one answer as it is decoded, has its sentences judged, and gives it to the client.

    Without markers the text is sent as it comes and a verdict follows when it is there. With markers a sentence is sent
    with its verdict, and the markers that the model wrote in it are taken out.

    Args:
        sources: What is cited.
        queue: The judge.
        counts: What is counted.
    """

    def __init__(self, sources: Sources, queue: SentenceJudge, counts: Counts) -> None:
        self._sources, self._queue, self._counts = sources, queue, counts
        self._reader = SentenceReader()
        self._parts: deque[_Part] = deque()
        self._length = 0  # of what was sent

    @property
    def is_done(self) -> bool:
        """Return whether nothing is left to be sent of what was taken."""
        return not self._parts

    def feed(self, piece: str) -> Sent:
        """Take a piece of the answer; return what can be sent at once."""
        self._ask(self._reader.feed(piece))
        if self._sources.markers:
            return Sent()
        self._length += len(piece)
        return Sent(piece)

    def finish(self) -> None:
        """Take note that the answer has ended."""
        self._ask(self._reader.finish())

    def ready(self) -> Sent:
        """Return what can be sent since the last call; nothing that stands behind a sentence without a verdict."""
        found = Sent()
        while self._parts and not self._is_pending():
            found += self._settled(self._parts.popleft())
        return found

    async def rest(self) -> AsyncIterator[Sent]:
        """Yield what is left, each part as soon as its verdict is there."""
        while self._parts:
            verdict = self._parts[0].verdict
            if verdict is not None:
                await awaited(verdict)
            yield self.ready()

    def leave(self) -> None:
        """Give up: the client has gone, and nobody waits for the verdicts."""
        for part in self._parts:
            if part.verdict is not None:
                part.verdict.cancel()

    def _is_pending(self) -> bool:
        verdict = self._parts[0].verdict
        return verdict is not None and not verdict.done()

    def _ask(self, segments: Sequence[Segment]) -> None:
        for segment in segments:
            sentence = segment.sentence
            verdict = asked(sentence, self._reader.text, self._sources, self._queue) if sentence is not None else None
            self._parts.append(_Part(segment, verdict))

    def _settled(self, part: _Part) -> Sent:
        """Return what is sent for a part whose verdict is known."""
        sentence = part.segment.sentence
        if sentence is None or part.verdict is None:
            if not self._sources.markers:
                return Sent()
            text = self._reader.text[part.segment.start : part.segment.end]
            self._length += len(text)
            return Sent(text)
        verdict = known(part.verdict, sentence)
        self._counts.statement(verdict.status)
        text = ""
        if self._sources.markers:
            text = with_citation_markers(sentence.text, verdict.citations)
            verdict = verdict.moved_to(self._length, self._length + len(text))
            self._length += len(text)
        return Sent(text, *cited(verdict, self._sources.documents))


def asked(sentence: Statement, answer: str, sources: Sources, queue: SentenceJudge) -> Future[StatementVerdict]:
    """Return the verdict that a sentence will have within the judge's patience; read it with :func:`known`.

    Args:
        sentence: The sentence.
        answer: The answer, as far as it is written.
        sources: What it is checked against.
        queue: The judge.
    """
    answer = answer[: sentence.end]
    if sources.markers:  # as it will be sent
        end = sentence.start + len(sentence.text)
        sentence = Statement(sentence.text, sentence.start, end, ((sentence.start, end),), (), ())
        answer = answer[: sentence.start] + sentence.text
    try:
        verdict = queue.check(SentenceCheck(answer, sentence, sources.documents, sources.question))
    except NotJudgedError as error:
        refused: Future[StatementVerdict] = Future()
        refused.set_exception(error)
        return refused
    asyncio.get_running_loop().call_later(queue.patience, _give_up, verdict, queue.patience)
    return verdict


def _give_up(verdict: Future[StatementVerdict], patience: float) -> None:
    with contextlib.suppress(InvalidStateError):  # it is there
        verdict.set_exception(NotJudgedError(f"the judge gave no verdict within {patience:g} seconds"))


def cited(
    verdict: StatementVerdict, documents: Sequence[Document]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the annotations of a sentence, and the verdict itself, as they stand in a message."""
    annotations = []
    for citation in verdict.citations:
        document = documents[int(citation.marker) - 1]
        annotation = chat_annotation(Link(verdict.start, verdict.end, document.id), document)
        annotations.append({**annotation, CITATION: as_data(citation)})
    return annotations, [as_data(verdict)]


async def awaited(verdict: Future[StatementVerdict]) -> None:
    """Wait until a verdict is known or given up."""
    waited = asyncio.wrap_future(verdict)
    await asyncio.wait([waited])
    if not waited.cancelled():
        waited.exception()  # taken note of; :func:`known` makes a verdict of it


def known(verdict: Future[StatementVerdict], sentence: Statement) -> StatementVerdict:
    """Return the verdict that a check came to; `not_checked` if it failed, or took longer than the judge's patience."""
    try:
        return verdict.result()
    except CancelledError:
        failure = "the judge has ended"
    except NotJudgedError as error:
        failure = str(error)
    except Exception as error:  # a fault of a check fails no answer
        failure = f"{type(error).__name__}: {error}"
    return StatementVerdict(sentence.text, sentence.start, sentence.end, Status.NOT_CHECKED, failure=failure)
