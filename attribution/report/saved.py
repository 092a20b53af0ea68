"""The JSON of `counterfoil ask`, declared once: what writes it and what reads it use these types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..documents import Document
from ..locating.results import Attribution
from ..retrieval import Passage
from ..scoring.results import StatementVerdict
from ..serialization import Text, as_data, json_text
from .model import AnswerRecord, Report, TraceSpan

FORMAT = "counterfoil.answer/3"


@dataclass(frozen=True)
class SavedScores:
    """Citation recall, precision and F1, each in [0, 1]; `None` if there is no figure."""

    recall: float | None
    precision: float | None
    f1: float | None


@dataclass(frozen=True)
class SavedDocument:
    """A document with the path of its file, `None` if it came from none, and where its pages begin, if it has any."""

    id: Text
    title: Text
    path: Text | None
    text: Text
    pages: tuple[int, ...] = ()


@dataclass(frozen=True)
class SavedPassage:
    """What the model read of a document: `[start, end)` of its text, and the similarity to the question."""

    document: Text
    start: int
    end: int
    score: float | None = None


@dataclass(frozen=True)
class LeftOutFile:
    """A file that is no document, and why."""

    path: Text
    reason: Text


@dataclass(frozen=True, kw_only=True)
class SavedAnswer:
    """One answer; the fields are those of :class:`~counterfoil.attribution.report.model.AnswerRecord`.

    Args:
        method: How the answer was made.
        answer: The answer without markers.
        answer_with_markers: The answer with `[n]` for the n-th document.
    """

    method: Text
    answer: Text
    answer_with_markers: Text
    statements: tuple[StatementVerdict, ...]
    scores: SavedScores
    trace: tuple[TraceSpan, ...] = ()
    attributions: tuple[Attribution, ...] = ()

    @classmethod
    def fields_of(cls, record: AnswerRecord, text_with_markers: str) -> dict[str, Any]:
        """Return the arguments that make a record into what is written of it."""
        return {
            "method": record.label,
            "answer": record.text,
            "answer_with_markers": text_with_markers,
            "statements": record.statements,
            "scores": SavedScores(record.recall, record.precision, record.f1),
            "trace": record.trace,
            "attributions": record.attributions,
        }

    def record(self) -> AnswerRecord:
        """Return the record that was written."""
        return AnswerRecord(
            label=self.method,
            text=self.answer,
            statements=self.statements,
            recall=self.scores.recall,
            precision=self.scores.precision,
            f1=self.scores.f1,
            trace=self.trace,
            attributions=self.attributions,
        )


@dataclass(frozen=True, kw_only=True)
class SavedAnswers(SavedAnswer):
    """What `counterfoil ask --json` writes: the answer that was asked for, and all that it rests on.

    Args:
        question: What was asked.
        compared_with: The other answers.
        documents: All documents; the n-th is what `[n]` refers to.
        passages: What the model read of them.
        left_out: Files that are no documents.
        notes: What a reader must know.
        settings: How the answers were made, by name.
        versions: Of the packages that decide what an answer is.
        format: Of this JSON.
    """

    question: Text
    compared_with: tuple[SavedAnswer, ...] = ()
    documents: tuple[SavedDocument, ...]
    passages: tuple[SavedPassage, ...] = ()
    left_out: tuple[LeftOutFile, ...] = ()
    notes: tuple[Text, ...] = ()
    settings: Mapping[Text, Text] = field(default_factory=dict)
    versions: Mapping[Text, Text] = field(default_factory=dict)
    format: Literal["counterfoil.answer/3"] = FORMAT

    def to_json(self) -> str:
        """Return the JSON, its format first."""
        data = as_data(self)
        first = {name: data.pop(name) for name in ("format", "question")}
        return json_text(first | data)

    def report(self) -> Report:
        """Return what a page shows of it.

        Raises:
            KeyError: If a passage is of a document that is not there.
        """
        documents = {each.id: Document(each.id, each.text, each.title, pages=each.pages) for each in self.documents}
        return Report(
            question=self.question,
            answers=tuple(each.record() for each in (self, *self.compared_with)),
            documents=tuple(documents.values()),
            passages=tuple(Passage(documents[p.document], p.start, p.end, p.score) for p in self.passages),
            settings=self.settings,
            notes=self.notes,
        )
