"""A case turned into what the template writes for a reader without JavaScript: numbered sentences, marked documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..scoring.results import Citation, StatementVerdict
from ..text.markers import Range
from ..text.statements import Status
from .cases import Case, ShownDocument, marker_ranges
from .fitting import widened
from .model import AnswerRecord
from .segments import Marked, Segment, segments

_BEGINNING = 1_000

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


@dataclass(frozen=True)
class CitationView:
    """A link from a sentence to a document: `target` is the id of the passage, or of the document without one."""

    number: int
    document: ShownDocument
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
    text: str
    citations: list[CitationView]
    chips: list[CitationView]
    invalid: list[Citation]
    after: str


@dataclass(frozen=True)
class AnswerView:
    """An answer: what stands before its first sentence, and its sentences with what follows each."""

    key: str
    letter: str
    record: AnswerRecord
    before: str
    statements: list[StatementView]


@dataclass(frozen=True)
class DocumentView:
    """A document in pieces of segments; `gaps` says how many characters are left out before each, and at the end."""

    key: str
    number: int
    document: ShownDocument
    pieces: list[list[Segment]]
    gaps: list[int]


@dataclass(frozen=True)
class CaseView:
    """A case with the number by which the page names it."""

    key: str
    case: Case
    answers: list[AnswerView]
    documents: list[DocumentView]


def case_view(case: Case, number: int, around: int | None = None) -> CaseView:
    """The case as it is written.

    Args:
        case: What is shown.
        number: Of the case on its page, from 1.
        around: How many characters stay around what is cited; `None` for all that the page holds.
    """
    key = f"{number}-"
    return CaseView(key, case, list(_answers(case, key)), list(_documents(case, key, around)))


def _answers(case: Case, key: str) -> Iterator[AnswerView]:
    """The answers, with their sentences numbered `1`, `2`, ... or, where there are several, `A1`, `B1`, ..."""
    for n, record in enumerate(case.answers):
        letter = chr(ord("A") + n)
        first = record.statements[0].start if record.statements else len(record.text)
        several = letter if len(case.answers) > 1 else ""
        yield AnswerView(
            f"{key}{letter}",
            several,
            record,
            record.text[:first],
            list(_statements(case, record, f"{key}{letter}", several)),
        )


def _statements(case: Case, record: AnswerRecord, key: str, prefix: str) -> Iterator[StatementView]:
    numbers = {document.id: number for number, document in enumerate(case.documents, start=1)}
    marked = [start for start, _, _ in marker_ranges(record)]
    followings = [*(verdict.start for verdict in record.statements), len(record.text)][1:]
    for n, (verdict, following) in enumerate(zip(record.statements, followings, strict=False), start=1):
        sign, label = LABELS[Status(verdict.status)]
        citations = [
            _citation(case, f"{key}{n}", numbers[c.document], c) for c in verdict.citations if c.document in numbers
        ]
        yield StatementView(
            key=f"{key}{n}",
            number=f"{prefix}{n}",
            verdict=verdict,
            sign=sign,
            label=label,
            text=record.text[verdict.start : verdict.end],
            citations=citations,
            # Where the text holds its own markers, numbers behind the sentence would say the same twice.
            chips=[] if any(verdict.start <= start < verdict.end for start in marked) else citations,
            invalid=[c for c in verdict.citations if c.document not in numbers],
            after=record.text[verdict.end : following],
        )


def _citation(case: Case, key: str, number: int, citation: Citation) -> CitationView:
    prefix = key.split("-", maxsplit=1)[0]
    target = f"source-{key}-{number}" if citation.quote else f"document-{prefix}-{number}"
    return CitationView(number, case.documents[number - 1], citation, target)


def _documents(case: Case, key: str, around: int | None) -> Iterator[DocumentView]:
    cited: dict[str, list[Marked]] = {document.id: [] for document in case.documents}
    for n, record in enumerate(case.answers):
        for m, verdict in enumerate(record.statements, start=1):
            for citation in verdict.citations:
                if citation.document in cited and citation.quote:
                    name = f"{key}{chr(ord('A') + n)}{m}"
                    cited[citation.document].append(Marked(citation.start, citation.end, name))
    for number, document in enumerate(case.documents, start=1):
        spans = [*(Marked(start, end, READ) for start, end in document.read or ()), *cited[document.id]]
        held = ((0, document.length),)
        if around is not None:
            passages = [(span.start, span.end) for span in cited[document.id]]
            # What is cited without a passage is shown from its beginning.
            passages += [(0, _BEGINNING)] if document.cited and not passages else []
            held = widened(passages, document.length, around)
        cut = list(_held(document, held))
        pieces = [_segments(start, piece, spans) for start, piece in cut]
        begins, ends = [start for start, _ in cut], [start + len(piece) for start, piece in cut]
        gaps = [after - before for before, after in zip([0, *ends], [*begins, document.length], strict=True)]
        yield DocumentView(f"{key}{number}", number, document, pieces, gaps)


def _held(document: ShownDocument, ranges: tuple[Range, ...]) -> Iterator[tuple[int, str]]:
    """The parts of the document's pieces that lie in `ranges`."""
    for start, piece in document.pieces:
        for first, last in ranges:
            left, right = max(first, start), min(last, start + len(piece))
            if left < right:
                yield left, piece[left - start : right - start]


def _segments(start: int, piece: str, spans: list[Marked]) -> list[Segment]:
    end = start + len(piece)
    inside = [
        Marked(max(span.start, start) - start, min(span.end, end) - start, span.key)
        for span in spans
        if span.start < end and span.end > start
    ]
    return segments(piece, inside)
