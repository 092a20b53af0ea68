"""What grounding returns: an answer, what each of its sentences rests on, and what was read for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from counterfoil.attribution import Document, StatementVerdict
from counterfoil.attribution.io.json_file import json_text, package_versions
from counterfoil.attribution.io.schema import statement_output
from counterfoil.attribution.passages import Passage
from counterfoil.attribution.report import AnswerRecord, Report, TraceSpan
from counterfoil.attribution.report.read import ANSWER_FORMAT
from counterfoil.attribution.serialization import as_data

PACKAGES = ("counterfoil", "torch", "transformers", "sentence-transformers")
"""The packages that decide what an answer is."""


@dataclass(frozen=True)
class CheckedAnswer:
    """One way to answer the question, checked.

    Args:
        record: The answer without markers, its verdicts, scores, trace and located words.
        text_with_markers: The answer with `[n]` for the n-th document.
    """

    record: AnswerRecord
    text_with_markers: str


@dataclass(frozen=True)
class GroundedAnswer:
    """An answer in which every sentence has been checked against the documents it was written from.

    Args:
        question: The question.
        answers: The answer that was asked for and, after it, those it is compared with.
        documents: All documents; `[n]` is the n-th of them, those that the model read come first.
        passages: The passages that the model read.
        settings: How the answers were made, by name, in the order in which they are shown.
        notes: What a reader has to know: passages that were left out, sentences that could not be checked.
        left_out: Files that are no documents, path and reason; filled by whoever read files.
    """

    question: str
    answers: tuple[CheckedAnswer, ...]
    documents: tuple[Document, ...]
    passages: tuple[Passage, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """The answer without citation markers."""
        return self.answers[0].record.text

    @property
    def text_with_markers(self) -> str:
        """The answer with citation markers; `[n]` is the n-th of :attr:`documents`."""
        return self.answers[0].text_with_markers

    @property
    def statements(self) -> tuple[StatementVerdict, ...]:
        """The sentences of :attr:`text`, each with its verdict, citations and quotes."""
        return self.answers[0].record.statements

    @property
    def trace(self) -> tuple[TraceSpan, ...]:
        """How many nats the documents added to the log-probability of each word piece; empty for plain decoding."""
        return self.answers[0].record.trace

    @property
    def recall(self) -> float | None:
        """Citation recall in [0, 1]; `None` if nothing could be checked."""
        return self.answers[0].record.recall

    @property
    def precision(self) -> float | None:
        """Citation precision in [0, 1]; `None` if nothing could be checked."""
        return self.answers[0].record.precision

    def report(self) -> Report:
        """Return what :func:`~counterfoil.attribution.report.write_report` shows as a page."""
        return Report(
            question=self.question,
            answers=tuple(answer.record for answer in self.answers),
            documents=self.documents,
            passages=self.passages,
            settings=self.settings,
            notes=self.notes,
        )

    def to_json(self) -> str:
        """Return everything as JSON; docs/ask.md describes the fields."""
        answers = [_answer_fields(answer) for answer in self.answers]
        recorded = {
            "format": ANSWER_FORMAT,
            "question": self.question,
            **answers[0],
            "compared_with": answers[1:],
            "documents": [
                {"id": document.id, "title": document.title, "path": document.metadata.get("path"),
                 "text": document.text}
                for document in self.documents
            ],
            "passages": [
                {"document": passage.document.id, "start": passage.start, "end": passage.end, "score": passage.score}
                for passage in self.passages
            ],
            "left_out": [{"path": path, "reason": reason} for path, reason in self.left_out],
            "notes": list(self.notes),
            "settings": dict(self.settings),
            "versions": package_versions(*PACKAGES),
        }  # fmt: skip
        return json_text(recorded)


def _answer_fields(answer: CheckedAnswer) -> dict[str, Any]:
    record = answer.record
    return {
        "method": record.label,
        "answer": record.text,
        "answer_with_markers": answer.text_with_markers,
        "statements": [statement_output(verdict).model_dump(mode="json") for verdict in record.statements],
        "scores": {"recall": record.recall, "precision": record.precision, "f1": record.f1},
        "trace": [{"start": span.start, "end": span.end, "value": span.value} for span in record.trace],
        "attributions": [as_data(each) for each in record.attributions],
    }
