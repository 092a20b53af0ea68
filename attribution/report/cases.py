"""A report as a page holds it: only so much of the documents as there is room for, and nothing that refers to more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..text.markers import Range, markers
from .fitting import Wanted, fitted
from .model import AnswerRecord, Report


@dataclass(frozen=True)
class ShownDocument:
    """A document, or what there was room for.

    Args:
        id: Its name.
        title: Its heading; may be empty.
        length: Characters of the whole text.
        pieces: What is shown of it: where each piece begins, and the piece.
        cited: Whether an answer rests on it.
        read: The ranges that the model was given; `None` where that was not recorded.
    """

    id: str
    title: str
    length: int
    pieces: tuple[tuple[int, str], ...]
    cited: bool
    read: tuple[Range, ...] | None

    @property
    def left_out(self) -> int:
        """How many characters are not shown."""
        return self.length - sum(len(piece) for _, piece in self.pieces)


@dataclass(frozen=True)
class Case:
    """A question, its answers, and the documents as they are shown; the fields are those of `Report`.

    `position` is the place of the record among those that were read.
    """

    name: str
    question: str
    answers: tuple[AnswerRecord, ...]
    documents: tuple[ShownDocument, ...]
    settings: Mapping[str, str]
    notes: tuple[str, ...]
    position: int = 0


def case(report: Report, room: int, position: int = 0) -> Case:
    """The report with at most `room` characters of its documents, or more where more is cited."""
    cited = cited_ranges(report)
    read: dict[str, list[Range]] = {document.id: [] for document in report.documents}
    for passage in report.passages:
        read[passage.document.id].append((passage.start, passage.end))
    named = _named(report)
    wanted = [Wanted(d, tuple(cited[d.id]), tuple(sorted(read[d.id]))) for d in report.documents]
    documents = tuple(
        ShownDocument(
            id=each.document.id,
            title=each.document.title,
            length=len(each.document.text),
            pieces=tuple((start, each.document.text[start:end]) for start, end in ranges),
            cited=each.document.id in named,
            read=each.read if report.passages else None,
        )
        for each, ranges in zip(wanted, fitted(wanted, room), strict=True)
    )
    return Case(report.name, report.question, report.answers, documents, report.settings, report.notes, position)


def cited_ranges(report: Report) -> dict[str, list[Range]]:
    """By document, what sentences and located words rest on."""
    ranges: dict[str, list[Range]] = {document.id: [] for document in report.documents}
    for record in report.answers:
        for document, start, end in _quotes(record):
            if document in ranges and start < end:
                ranges[document].append((start, end))
    return ranges


def marker_ranges(record: AnswerRecord) -> list[tuple[int, int, tuple[int, ...]]]:
    """Where citation markers stand in the answer, and the numbers of the documents that each names."""
    return [(marker.start, marker.end, marker.ids) for marker in markers(record.text)]


def _named(report: Report) -> set[str | None]:
    return {c.document for record in report.answers for verdict in record.statements for c in verdict.citations}


def _quotes(record: AnswerRecord) -> Iterator[tuple[str, int, int]]:
    for verdict in record.statements:
        for citation in verdict.citations:
            if citation.document is not None and citation.quote:
                yield citation.document, citation.start, citation.end
    for attribution in record.attributions:
        for span in attribution.spans:
            yield span.document, span.start, span.end
