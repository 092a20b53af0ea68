"""What a page is to know without a model: the words of an answer located before it is made, clause by clause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..documents import SourceSpan
from ..entailment import EntailmentModel
from ..entailment.detail_checked import is_detail_checked
from ..locating import Locator
from ..locating.decontextualization import claims
from ..locating.results import Attribution
from ..scoring.results import StatementVerdict
from ..text.markers import Range
from ..text.statements import Status
from .model import Report

LONGEST = 100_000
"""Characters of documents up to which locating takes seconds; beyond, a page asks when it is opened."""


@dataclass(frozen=True)
class Precompute:
    """Locates the words of every answer of a report, if its documents are not too long.

    Args:
        method: Name of a locating method.
        model: What it runs on, loaded.
        entailment: What verifies, with the detail check beside it or without.
        threshold: From which probability on it counts as support; `None` for the entailment model's own.
    """

    method: str
    model: object
    entailment: EntailmentModel
    threshold: float | None = None

    def applies_to(self, report: Report) -> bool:
        """Tell whether the documents have a character, and no more than :data:`LONGEST`."""
        return 0 < sum(len(document.text) for document in report.documents) <= LONGEST

    def __call__(self, report: Report) -> Report:
        """Return the report with its answers' attributions; unchanged if it does not apply."""
        if not self.applies_to(report):
            return report
        answers = []
        for record in report.answers:
            locator = Locator(
                record.text,
                report.documents,
                method=self.method,
                model=self.model,
                entailment=self.entailment,
                question=report.question or None,
                threshold=self.threshold,
                detail_check=is_detail_checked(self.entailment),
            )
            answers.append(replace(record, attributions=locate_clauses(locator, record.statements)))
        return replace(report, answers=tuple(answers))


def locate_clauses(locator: Locator, statements: Sequence[StatementVerdict]) -> tuple[Attribution, ...]:
    """Return one attribution for each claim that words of the answer can stand for.

    Words are read as a part of the clause they stand in, so what holds for a clause holds for any words within it.

    Args:
        locator: Of the answer.
        statements: The sentences of the answer whose words are located.
    """
    runs = [list(clauses(locator, verdict.start, verdict.end)) for verdict in statements]
    located = iter(locator.locate_each([span for spans in runs for span in spans]))
    found: list[Attribution] = []
    for verdict, spans in zip(statements, runs, strict=True):
        own = [next(located) for _ in spans]
        found += [one_verdict(own[0], verdict)] if len(own) == 1 else own
    return tuple(found)


def one_verdict(located: Attribution, verdict: StatementVerdict) -> Attribution:
    """Return what was located for a whole statement with the verdict that the statement has.

    The scorer reads what a statement cites, whole; the locator the few sentences that a method proposes, of any
    document. If only the scorer finds support, its passages are taken. If only the locator does, the statement's
    verdict stands, unless a document supports it that it does not cite: that is told with a note.
    """
    supported = located.status is Status.SUPPORTED
    if verdict.status is Status.SUPPORTED and not supported:
        quoted = [each for each in verdict.citations if each.quote and each.document is not None]
        spans = tuple(SourceSpan(each.document or "", each.start, each.end, each.quote, each.score) for each in quoted)
        if not spans:
            return located
        note = "the passages that the scorer found"
        return _judged(replace(located, spans=spans, failure=None, details=()), verdict, note)
    if supported and verdict.status in {Status.NOT_SUPPORTED, Status.CONTRADICTED, Status.PARTIALLY_SUPPORTED}:
        cited = {each.document for each in verdict.citations}
        if cited and cited.isdisjoint(span.document for span in located.spans):
            return replace(located, notes=(*located.notes, "supported by a document that the sentence does not cite"))
        note = "a passage supports it when read alone, but what is cited does not when read whole"
        return _judged(replace(located, spans=(), details=verdict.details), verdict, note)
    return located


def _judged(located: Attribution, verdict: StatementVerdict, note: str) -> Attribution:
    return replace(
        located,
        status=verdict.status,
        probability=verdict.probability,
        contradicted=verdict.contradicted,
        notes=(*located.notes, note),
    )


def clauses(locator: Locator, start: int, end: int) -> Iterator[Range]:
    """Yield the runs of words of `answer[start:end]` that are read as one claim."""
    for run, _ in claims(locator.decontextualizer, locator.answer, (start, end), locator.question):
        yield run
