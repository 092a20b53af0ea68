"""What a page is to know without a model: the words of an answer located before it is made, clause by clause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..entailment import EntailmentModel
from ..entailment.detail_checked import is_detail_checked
from ..locating import Locator
from ..locating.decontextualization import claims
from ..locating.results import Attribution
from ..scoring.results import StatementVerdict
from ..text.markers import Range
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
    spans = [span for verdict in statements for span in clauses(locator, verdict.start, verdict.end)]
    return tuple(locator.locate_each(spans))


def clauses(locator: Locator, start: int, end: int) -> Iterator[Range]:
    """Yield the runs of words of `answer[start:end]` that are read as one claim."""
    for run, _ in claims(locator.decontextualizer, locator.answer, (start, end), locator.question):
        yield run
