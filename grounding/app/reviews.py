"""What a person says of a verdict, and the labelled pairs that it makes: those by which judges are measured."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from counterfoil.attribution import Status
from counterfoil.attribution.entailment.premises import STRICT
from counterfoil.attribution.serialization import without_surrogates

from ..excerpts import excerpts
from ..results import GroundedAnswer

LABELS = {
    "supported": Status.SUPPORTED,
    "not_supported": Status.NOT_SUPPORTED,
    "contradiction": Status.CONTRADICTED,
}
"""The labels that a person gives, as `counterfoil eval run entailment` and `counterfoil calibrate` read them, with the
verdict that each stands for."""

SOURCE = "review"
"""What the labelled pairs name as their data set."""


@dataclass(frozen=True)
class Review:
    """What a person says of one sentence.

    Args:
        case: Number of the question, from 0.
        answer: Number of the answer to it.
        statement: Number of the sentence in it.
        label: One of :data:`LABELS`.
        note: Why; may be empty.
    """

    case: int
    answer: int
    statement: int
    label: str
    note: str = ""

    @property
    def place(self) -> tuple[int, int, int]:
        """Return what it is of."""
        return self.case, self.answer, self.statement


def labelled_pair(found: GroundedAnswer, review: Review) -> dict[str, Any]:
    """Return what the judge read of a sentence and what the person says of it.

    The premise is what the model read of the documents that the sentence cites, or of all of them if it cites none; the
    hypothesis is the sentence as it was judged.

    Args:
        found: The answers to the question.
        review: Of a sentence of one of them.
    """
    record = found.answers[review.answer].record
    verdict = record.statements[review.statement]
    cited = {citation.document for citation in verdict.citations}
    read = [source.read for source in excerpts(found.passages) if not cited or source.document.id in cited]
    return {
        "premise": STRICT.premise(read),
        "hypothesis": verdict.claim or STRICT.hypothesis(verdict.text),
        "label": review.label,
        "source": SOURCE,
        "note": review.note,
        "verdict": verdict.status.value,
        "probability": verdict.probability,
        "agreed": LABELS[review.label] is verdict.status,
        "question": found.question,
        "answer": record.text,
        "method": record.label,
        "statement": verdict.text,
        "documents": [document.id for document in read],
        "entailment": found.settings.get("Entailment model", ""),
    }


def json_lines(pairs: Iterable[dict[str, Any]]) -> str:
    """Return the pairs as JSON lines."""
    return "".join(without_surrogates(json.dumps(pair, ensure_ascii=False, allow_nan=False)) + "\n" for pair in pairs)
