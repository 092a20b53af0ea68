"""A report as a page holds it: only so much of the documents as there is room for, and nothing that refers to more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..documents import Document
from ..serialization import Text
from ..text.markers import Range, markers
from .model import AnswerRecord, Report

CONTEXT = 400
"""Characters that stay on either side of a passage whose document is cut."""


@dataclass(frozen=True)
class ShownDocument:
    """A document, or what there was room for.

    Args:
        id: Its name.
        title: Its heading; may be empty.
        length: Characters of the whole text.
        pieces: What is shown of it: where each piece begins, and the piece.
        cited: Whether an answer rests on it.
        read: The ranges that the model was given; `None` if that was not recorded.
        pages: Where in the text each page begins; empty if the text has no pages.
    """

    id: Text
    title: Text
    length: int
    pieces: tuple[tuple[int, Text], ...]
    cited: bool
    read: tuple[Range, ...] | None
    pages: tuple[int, ...] = ()

    @property
    def left_out(self) -> int:
        """Return how many characters are not shown."""
        return self.length - sum(len(piece) for _, piece in self.pieces)


@dataclass(frozen=True)
class Case:
    """A question, its answers, and the documents as they are shown; the fields are those of `Report`.

    Args:
        markers: Of each answer, where its citation markers stand, and the numbers of the documents that each names.
        position: The place of the record among those that were read.
    """

    name: Text
    question: Text
    answers: tuple[AnswerRecord, ...]
    markers: tuple[tuple[tuple[int, int, tuple[int, ...]], ...], ...]
    documents: tuple[ShownDocument, ...]
    settings: Mapping[Text, Text]
    notes: tuple[Text, ...]
    position: int = 0


def truncated(report: Report, room: int, position: int = 0) -> Case:
    """Return the report with at most `room` characters of its documents, or more if more is cited."""
    cited = _cited_ranges(report)
    read: dict[str, list[Range]] = {document.id: [] for document in report.documents}
    for passage in report.passages:
        read[passage.document.id].append((passage.start, passage.end))
    named = {c.document for record in report.answers for verdict in record.statements for c in verdict.citations}
    wanted = [Wanted(d, tuple(cited[d.id]), tuple(sorted(read[d.id]))) for d in report.documents]
    documents = tuple(
        ShownDocument(
            id=each.document.id,
            title=each.document.title,
            length=len(each.document.text),
            pieces=tuple((start, each.document.text[start:end]) for start, end in ranges),
            cited=each.document.id in named,
            read=each.read if report.passages else None,
            pages=each.document.pages,
        )
        for each, ranges in zip(wanted, fitted(wanted, room), strict=True)
    )
    return Case(
        name=report.name,
        question=report.question,
        answers=report.answers,
        markers=tuple(tuple((m.start, m.end, m.ids) for m in markers(record.text)) for record in report.answers),
        documents=documents,
        settings=report.settings,
        notes=report.notes,
        position=position,
    )


@dataclass(frozen=True)
class Wanted:
    """A document and what a page needs of it.

    Args:
        document: The whole document.
        cited: Ranges that answers rest on; they always stay.
        read: Ranges that the model was given.
    """

    document: Document
    cited: tuple[Range, ...]
    read: tuple[Range, ...]


def fitted(wanted: Sequence[Wanted], room: int) -> list[tuple[Range, ...]]:
    """Return the ranges of each document that a page holds.

    Everything if it fits. Else the cited passages with :data:`CONTEXT` characters around each; then, as long as
    there is room, whole documents: the cited ones, those that were read, the others.

    Args:
        wanted: The documents, in their order.
        room: How many characters the page may hold; the cited passages stay even if they are more.

    Returns:
        For each document ranges in order, without overlap; none for a document that is left out.
    """
    held = [_widened(each.cited, len(each.document.text)) for each in wanted]
    room -= sum(map(_length, held))
    order = sorted(range(len(wanted)), key=lambda n: (not wanted[n].cited, not wanted[n].read))
    for n in order:
        length = len(wanted[n].document.text)
        read = _widened([*wanted[n].cited, *wanted[n].read], length)
        for more in (((0, length),) if length else (), read):
            cost = _length(more) - _length(held[n])
            if cost <= room:
                held[n], room = more, room - cost
                break
    return held


def _widened(ranges: Iterable[Range], length: int) -> tuple[Range, ...]:
    """Return the ranges with their context, as far as the text of `length` goes; neighbours become one."""
    joined: list[Range] = []
    for first, last in sorted(ranges):
        start, end = max(0, first - CONTEXT), min(length, last + CONTEXT)
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif start < end:
            joined.append((start, end))
    return tuple(joined)


def _length(ranges: Iterable[Range]) -> int:
    return sum(end - start for start, end in ranges)


def _cited_ranges(report: Report) -> dict[str, list[Range]]:
    """Return, by document, what sentences and located words rest on."""
    ranges: dict[str, list[Range]] = {document.id: [] for document in report.documents}
    for record in report.answers:
        for document, start, end in _quotes(record):
            if document in ranges and start < end:
                ranges[document].append((start, end))
    return ranges


def _quotes(record: AnswerRecord) -> Iterator[tuple[str, int, int]]:
    for verdict in record.statements:
        for citation in verdict.citations:
            if citation.document is not None and citation.quote:
                yield citation.document, citation.start, citation.end
    for attribution in record.attributions:
        for span in attribution.spans:
            yield span.document, span.start, span.end
