"""What is asked of a judge about one sentence, and who answers: a thread of the server, or a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from counterfoil.attribution import Document, StatementVerdict
from counterfoil.attribution.entailment.batching import Steps
from counterfoil.attribution.scoring.cite import sentence_verdict
from counterfoil.attribution.text.statements import Statement

PATIENCE = 30.0
"""Seconds that a verdict may take before its sentence goes out unchecked."""

LIMIT = 512
"""How many checks wait or are under way at a time."""


class NotJudgedError(Exception):
    """There is no verdict; says why."""


class QueueFullError(NotJudgedError):
    """There is no room for another check."""


@dataclass(frozen=True)
class SentenceCheck:
    """One sentence to be checked; it can be pickled.

    Args:
        answer: The answer up to the end of the sentence.
        sentence: The sentence.
        documents: What it is checked against.
        question: What the user asked.
    """

    answer: str
    sentence: Statement
    documents: Sequence[Document]
    question: str

    def steps(self, threshold: float) -> Steps[StatementVerdict]:
        """Return the check for a judge with this threshold; nothing of it runs before its first step."""
        return sentence_verdict(self.answer, self.sentence, self.documents, threshold=threshold, question=self.question)


class SentenceJudge(Protocol):
    """Judges sentences for the event loop, which is never held for it.

    Attributes:
        patience: Seconds that a verdict may take before its sentence goes out unchecked.
    """

    patience: float

    def check(self, check: SentenceCheck) -> Future[StatementVerdict]:
        """Return the verdict that a sentence will have; cancelling or settling it ends the check.

        Raises:
            NotJudgedError: There is no room, or no judge any more.
        """
        ...

    def close(self) -> None:
        """End the judge; checks that are left are cancelled."""
        ...
