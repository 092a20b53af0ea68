"""What grounding returns: an answer, what each of its sentences rests on, and what was read for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from counterfoil.attribution import Citation, Document, StatementVerdict, Status
from counterfoil.attribution.report import AnswerRecord, Report, TraceSpan
from counterfoil.attribution.report.saved import LeftOutFile, SavedAnswer, SavedAnswers, SavedDocument, SavedPassage
from counterfoil.attribution.retrieval import Passage
from counterfoil.attribution.serialization import package_versions

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
class AnswerBegun:
    """What is known before the first word is written.

    Args:
        labels: How each answer is decoded, in the order of :attr:`GroundedAnswer.answers`.
        documents: As in :class:`GroundedAnswer`.
        passages: The passages that the model reads.
    """

    labels: tuple[str, ...]
    documents: tuple[Document, ...]
    passages: tuple[Passage, ...]


@dataclass(frozen=True)
class TextWritten:
    """The words of an answer so far, also those of a sentence that is not finished.

    Args:
        text: Without markers and without white space before it.
        number: Of the answer, from 0.
    """

    text: str
    number: int = 0


@dataclass(frozen=True)
class GroundedSentence:
    """A finished sentence of an answer, checked while the rest is still being written.

    Args:
        verdict: What it rests on; its offsets are those of the answer.
        trace: How many nats the documents added to each word piece of it, with the offsets of the answer; empty for
            plain decoding, and where that is known only when the answer is whole.
        number: Of the answer, from 0.
    """

    verdict: StatementVerdict
    trace: tuple[TraceSpan, ...] = ()
    number: int = 0

    @property
    def text(self) -> str:
        """Return the sentence, without markers."""
        return self.verdict.text

    @property
    def status(self) -> Status:
        """Return the verdict."""
        return self.verdict.status

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Return the documents that support it, each with the quote that does."""
        return self.verdict.citations


Event = AnswerBegun | TextWritten | GroundedSentence
"""What :func:`counterfoil.grounding.answer` tells while it works."""


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
        """Return the answer without citation markers."""
        return self.answers[0].record.text

    @property
    def text_with_markers(self) -> str:
        """Return the answer with citation markers; `[n]` is the n-th of :attr:`documents`."""
        return self.answers[0].text_with_markers

    @property
    def statements(self) -> tuple[StatementVerdict, ...]:
        """Return the sentences of :attr:`text`, each with its verdict, citations and quotes."""
        return self.answers[0].record.statements

    @property
    def trace(self) -> tuple[TraceSpan, ...]:
        """Return how many nats the documents added to each word piece's log-probability; empty for plain decoding."""
        return self.answers[0].record.trace

    @property
    def recall(self) -> float | None:
        """Return citation recall in [0, 1]; `None` if nothing could be checked."""
        return self.answers[0].record.recall

    @property
    def precision(self) -> float | None:
        """Return citation precision in [0, 1]; `None` if nothing could be checked."""
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
        first, *others = (SavedAnswer.fields_of(answer.record, answer.text_with_markers) for answer in self.answers)
        return SavedAnswers(
            **first,
            question=self.question,
            compared_with=tuple(SavedAnswer(**fields) for fields in others),
            documents=tuple(
                SavedDocument(d.id, d.title, d.metadata.get("path"), d.text, d.pages) for d in self.documents
            ),
            passages=tuple(SavedPassage(p.document.id, p.start, p.end, p.score) for p in self.passages),
            left_out=tuple(LeftOutFile(path, reason) for path, reason in self.left_out),
            notes=self.notes,
            settings=self.settings,
            versions=package_versions(*PACKAGES),
        ).to_json()
