"""What a page is to know without a model: the words of an answer located beforehand, clause by clause."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ..entailment import EntailmentModel
from ..locating import Locator
from ..locating.results import Attribution
from ..scoring.results import StatementVerdict
from ..text.markers import Range
from .model import Report

LONGEST = 100_000
"""Characters of documents up to which locating beforehand takes seconds; beyond, a page asks when it is opened."""

_WORD = re.compile(r"\w+")


def beforehand(locator: Locator, statements: Sequence[StatementVerdict]) -> tuple[Attribution, ...]:
    """One attribution for each claim that words of the answer can stand for.

    A locator reads words as a part of the clause they stand in, so what it says of a clause is what it says of any
    words within.

    Args:
        locator: Of the answer.
        statements: The sentences of the answer whose words are located.
    """
    spans = [span for verdict in statements for span in clauses(locator, verdict.start, verdict.end)]
    return tuple(locator.locate_each(spans))


def locating(
    method: str, model: object, entailment: EntailmentModel, threshold: float | None = None
) -> Callable[[Report], Report]:
    """What locates the words of every answer of a report beforehand, where its documents are not too long.

    Args:
        method: Of localisation.
        model: What it runs on, loaded.
        entailment: Who checks.
        threshold: From which probability on it counts as support; `None` for the entailment model's own.
    """

    def located(report: Report) -> Report:
        if not 0 < sum(len(document.text) for document in report.documents) <= LONGEST:
            return report
        answers = []
        for record in report.answers:
            question = report.question or None
            locator = Locator(
                record.text,
                report.documents,
                method=method,
                model=model,
                entailment=entailment,
                question=question,
                threshold=threshold,
            )
            answers.append(replace(record, attributions=beforehand(locator, record.statements)))
        return replace(report, answers=tuple(answers))

    return located


def clauses(locator: Locator, start: int, end: int) -> Iterator[Range]:
    """The runs of words of `answer[start:end]` that are read as one claim."""
    words = [match.span() for match in _WORD.finditer(locator.answer, start, end)]
    claim_of = locator.decontextualizer.decontextualize
    claims = {word: claim_of(locator.answer, [word], locator.question).text for word in words}
    for claim, run in itertools.groupby(words, key=claims.__getitem__):
        inside = list(run)
        # A word alone between two clauses joins them and says nothing.
        if claim and (len(inside) > 1 or len(words) == 1):
            yield inside[0][0], inside[-1][1]
