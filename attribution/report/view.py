"""The report turned into what the template writes: numbered sentences, marked documents, shaded words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..documents import Document
from ..statements import Status
from ..verdicts import Citation, StatementVerdict
from .record import AnswerRecord, Report
from .segments import Marked, Segment, segments

READ = "read"
"""Key of the passages that the model was given."""

LABELS = {
    Status.SUPPORTED: ("✓", "supported"),
    Status.PARTIALLY_SUPPORTED: ("◐", "partly supported"),
    Status.NOT_SUPPORTED: ("✕", "not supported"),
    Status.CONTRADICTED: ("≠", "contradicted"),
    Status.NO_CITATION: ("–", "no citation"),
    Status.INVALID_CITATION: ("!", "invalid citation"),
    Status.NOT_CHECKED: ("?", "not checked"),
}
"""A sign and words for each verdict, so that none is told by colour alone."""

TRACE_STEPS = (0.25, 1.0, 2.0, 4.0)
"""From how many nats on a word is shaded one step darker."""


@dataclass(frozen=True)
class CitationView:
    """A link from a sentence to a document: `target` is the id of the passage, or of the document without one."""

    number: int
    document: Document
    citation: Citation
    target: str


@dataclass(frozen=True)
class StatementView:
    """A sentence: `key` names it across the page, `number` is what a person reads."""

    key: str
    number: str
    verdict: StatementVerdict
    sign: str
    label: str
    pieces: list[tuple[Segment, str]]
    citations: list[CitationView]
    after: str


@dataclass(frozen=True)
class AnswerView:
    """An answer: what stands before its first sentence, and its sentences with what follows each."""

    key: str
    record: AnswerRecord
    before: str
    statements: list[StatementView]


@dataclass(frozen=True)
class DocumentView:
    """A document in segments; `cited` and `read` say what it was used for."""

    number: int
    document: Document
    segments: list[Segment]
    cited: bool
    read: bool


def answer_views(report: Report) -> list[AnswerView]:
    """The answers, with their sentences numbered `1`, `2`, ... or, where there are several, `A1`, `B1`, ..."""
    views = []
    for n, record in enumerate(report.answers):
        letter = chr(ord("A") + n)
        prefix = letter if len(report.answers) > 1 else ""
        first = record.statements[0].start if record.statements else len(record.text)
        statements = list(_statements(report, record, letter, prefix))
        views.append(AnswerView(letter, record, record.text[:first], statements))
    return views


def document_views(report: Report) -> list[DocumentView]:
    """The documents with the passages that were read and those that are cited, keyed by sentence."""
    cited: dict[str, list[Marked]] = {document.id: [] for document in report.documents}
    for n, record in enumerate(report.answers):
        for m, verdict in enumerate(record.statements, start=1):
            for citation in verdict.citations:
                if citation.document in cited:
                    cited[citation.document].append(Marked(citation.start, citation.end, f"{chr(ord('A') + n)}{m}"))
    views = []
    for number, document in enumerate(report.documents, start=1):
        read = [Marked(p.start, p.end, READ) for p in report.passages if p.document.id == document.id]
        pieces = segments(document.text, [*read, *cited[document.id]])
        views.append(DocumentView(number, document, pieces, bool(cited[document.id]), bool(read)))
    return views


def _statements(report: Report, record: AnswerRecord, letter: str, prefix: str) -> Iterator[StatementView]:
    numbers = {document.id: number for number, document in enumerate(report.documents, start=1)}
    shaded = [Marked(span.start, span.end, str(n)) for n, span in enumerate(record.trace)]
    pieces = segments(record.text, [*shaded, *(Marked(v.start, v.end, "sentence") for v in record.statements)])
    followings = [*(verdict.start for verdict in record.statements), len(record.text)][1:]
    for n, (verdict, following) in enumerate(zip(record.statements, followings, strict=False), start=1):
        sign, label = LABELS[Status(verdict.status)]
        inside = [piece for piece in pieces if verdict.start <= piece.start and piece.end <= verdict.end]
        citations = [
            _citation(f"{letter}{n}", numbers[c.document], report, c)
            for c in verdict.citations
            if c.document in numbers
        ]
        yield StatementView(
            key=f"{letter}{n}",
            number=f"{prefix}{n}",
            verdict=verdict,
            sign=sign,
            label=label,
            pieces=[(piece, _shade(piece, record)) for piece in inside],
            citations=citations,
            after=record.text[verdict.end : following],
        )


def _citation(key: str, number: int, report: Report, citation: Citation) -> CitationView:
    target = f"source-{number}-{key}" if citation.quote else f"document-{number}"
    return CitationView(number, report.documents[number - 1], citation, target)


def _shade(piece: Segment, record: AnswerRecord) -> str:
    """The class of a shade, from `n4` (the documents speak against it) to `p4` (it comes from them)."""
    places = [int(key) for key in piece.keys if key != "sentence"]
    if not places:
        return ""
    value = record.trace[places[0]].value
    step = sum(abs(value) >= threshold for threshold in TRACE_STEPS)
    return f"{'p' if value > 0 else 'n'}{step}" if step else ""
