"""What a page shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..documents import Document
from ..locating.results import Attribution
from ..passages import Passage
from ..scoring.results import StatementVerdict


@dataclass(frozen=True)
class TraceSpan:
    """How much the documents are responsible for a few characters of an answer.

    Args:
        start: First code point in the answer's text.
        end: One past the last.
        value: log p(with documents) - log p(without), in nats; above 0 where the documents made it more probable.
    """

    start: int
    end: int
    value: float


@dataclass(frozen=True)
class AnswerRecord:
    """One answer, ready to be shown or written down.

    Args:
        label: How it was made, for a heading.
        text: The answer, with or without citation markers.
        statements: Its sentences; their offsets are those of `text`.
        recall: Citation recall in [0, 1], or `None` where it could not be computed.
        precision: Citation precision, likewise.
        f1: Their harmonic mean, likewise.
        trace: Spans in order, without overlap; empty where none was recorded.
        attributions: Words of the answer that were located beforehand; a page answers a selection of them by itself.
    """

    label: str
    text: str
    statements: tuple[StatementVerdict, ...]
    recall: float | None
    precision: float | None
    f1: float | None
    trace: tuple[TraceSpan, ...] = ()
    attributions: tuple[Attribution, ...] = ()


@dataclass(frozen=True)
class Report:
    """A question, its answers and the documents they rest on.

    Args:
        question: What was asked; may be empty.
        answers: The answer, and others to compare it with.
        documents: All documents; the n-th is what `[n]` refers to.
        passages: What the model read of them.
        settings: How the answers were made, by name, in the order in which they are shown.
        notes: What a reader has to know: files and passages that were left out.
        name: Where it comes from (a file and the number of a record), to tell it from others.
    """

    question: str
    answers: tuple[AnswerRecord, ...]
    documents: tuple[Document, ...]
    passages: tuple[Passage, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure of a corpus with its interval; `None` where there is none."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Summary:
    """What is said of a whole corpus.

    Args:
        figures: In the order in which they are shown.
        n_answers: How many answers were scored.
        n_counted: How many of them are in the figures.
        counts: Statements by status, and other counts, by name.
        unread: Where records stood that could not be read, and what was wrong with each.
        settings: How the run was made, by name.
        notes: What a reader has to know: above all, what the page leaves out.
    """

    figures: tuple[Figure, ...]
    n_answers: int
    n_counted: int
    counts: Mapping[str, int]
    unread: tuple[tuple[str, str], ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
