"""What a report holds, and the words and signs that tell a verdict; its data types are those of the page's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..documents import Document
from ..locating.results import Attribution
from ..retrieval import Passage
from ..scoring.results import StatementVerdict
from ..serialization import Text
from ..text.statements import Status

LABELS: dict[Status, tuple[str, str]] = {
    Status.SUPPORTED: ("✓", "supported"),
    Status.PARTIALLY_SUPPORTED: ("◐", "partly supported"),
    Status.NOT_SUPPORTED: ("✕", "not supported"),
    Status.CONTRADICTED: ("≠", "contradicted"),
    Status.NO_CITATION: ("–", "no citation"),
    Status.INVALID_CITATION: ("!", "invalid citation"),
    Status.NOT_CHECKED: ("?", "not checked"),
}
"""A sign and words for each verdict, so that none is told by colour alone."""


@dataclass(frozen=True)
class TraceSpan:
    """How much the documents are responsible for a few characters of an answer.

    Args:
        start: First code point in the answer's text.
        end: One past the last.
        value: log p(with documents) - log p(without), in nats; above 0 if the documents made it more probable.
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
        recall: Citation recall in [0, 1], or `None` if it could not be computed.
        precision: Citation precision, likewise.
        f1: Their harmonic mean, likewise.
        trace: Spans in order, without overlap; empty if none was recorded.
        attributions: Words of the answer that were located before the page was made; the page answers a selection of
            them by itself.
    """

    label: Text
    text: Text
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
        notes: What a reader must know: files and passages that were left out.
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
    """A figure of a corpus with its interval; `None` if there is none."""

    name: Text
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
        notes: What a reader must know: above all, what the page leaves out.
    """

    figures: tuple[Figure, ...]
    n_answers: int
    n_counted: int
    counts: Mapping[Text, int]
    unread: tuple[tuple[Text, Text], ...] = ()
    settings: Mapping[Text, Text] = field(default_factory=dict)
    notes: tuple[Text, ...] = ()


def likelihood(status: Status, probability: float | None, contradicted: float | None = None) -> str:
    """Return how probable a verdict is, in words that say of what: `83 %`, `58 %` or `(support 12 %)`.

    The bare number is the verdict's own probability; beside a verdict that has none of its own stands that of support.

    Args:
        status: The verdict.
        probability: That the sources support it, or `None`.
        contradicted: That they contradict it, or `None`.

    Returns:
        The words; empty if nothing was measured.
    """
    if status is Status.CONTRADICTED and contradicted is not None:
        return f"{100 * contradicted:.0f} %"
    if probability is None:
        return ""
    return f"{100 * probability:.0f} %" if status is Status.SUPPORTED else f"(support {100 * probability:.0f} %)"
