"""What scoring says: of a citation, of a statement, of an answer."""

from __future__ import annotations

from dataclasses import dataclass

from ..entailment import Judgement
from ..statistics import f1
from ..text.statements import Status

CONTRADICTED_FROM = 0.5
"""A statement is contradicted where contradiction is at least this probable and more probable than support."""


@dataclass(frozen=True)
class Citation:
    """One document that a statement cites.

    Args:
        document: Id of the document; `None` for a marker that names none.
        marker: What the answer says between the brackets (`"2"`), so for an invalid citation the only name it has.
        status: `supported` where the document supports the statement alone or is needed beside the others;
            `not_supported` where it is not (it is irrelevant, or nothing supports the statement); `contradicted`,
            `invalid_citation` and `not_checked` as for statements.
        score: Probability that the document alone supports the statement; `None` where that was not asked.
        start: Where the supporting passage begins in the document's text.
        end: One past its last character.
        quote: `text[start:end]` of the document; empty where no passage was looked for or found.
        failure: Why it was not checked.
    """

    document: str | None
    marker: str
    status: Status
    score: float | None = None
    start: int = 0
    end: int = 0
    quote: str = ""
    failure: str | None = None


@dataclass(frozen=True)
class StatementVerdict:
    """A statement with what is known of it.

    Args:
        text: The statement without its markers.
        start: Where the sentence, markers included, begins in the answer.
        end: One past its last character.
        status: See :class:`~counterfoil.attribution.text.statements.Status`.
        probability: That all it cites, taken together, supports it; `None` where nothing valid is cited or the model
            failed.
        citations: What it cites, in the order in which the metric counts it.
        reason: The entailment model's own words, where it gives any.
        failure: Why it was not checked.
        contradicted: Probability that what it cites contradicts it, where the model tells.
    """

    text: str
    start: int
    end: int
    status: Status
    probability: float | None = None
    citations: tuple[Citation, ...] = ()
    reason: str | None = None
    failure: str | None = None
    contradicted: float | None = None


@dataclass(frozen=True)
class CitationReport:
    """Citation recall and precision of one answer.

    Args:
        mode: `"strict"` or `"alce"`.
        answer: The answer as it was given.
        statements: One verdict a statement.
        recall: Share of the checked statements that what they cite supports, in [0, 1]; `None` where there is no
            figure, because nothing could be checked or because the mode leaves the answer out.
        precision: Share of the checked citations that do support, in [0, 1]; 0 where nothing is cited; `None` as for
            `recall`.
        counted: Whether a corpus mean takes this answer in. ALCE leaves empty answers out.
        entailment: Name of the entailment model.
        threshold: From which probability on it counts as support.
        id: Id of the answer; empty if it has none.
    """

    mode: str
    answer: str
    statements: tuple[StatementVerdict, ...]
    recall: float | None
    precision: float | None
    counted: bool
    entailment: str
    threshold: float
    id: str = ""

    @property
    def f1(self) -> float | None:
        """Harmonic mean of recall and precision, 0 where both are 0."""
        if self.recall is None or self.precision is None:
            return None
        return f1(self.recall, self.precision)

    @property
    def counts(self) -> dict[str, int]:
        """Number of statements by status (every status is a key), of citations, and of citations by bad ending."""
        by_status = {status.value: 0 for status in Status}
        for statement in self.statements:
            by_status[statement.status.value] += 1
        citations = [citation for statement in self.statements for citation in statement.citations]
        return {
            "statements": len(self.statements),
            **by_status,
            "citations": len(citations),
            "citations_invalid": sum(c.status is Status.INVALID_CITATION for c in citations),
            "citations_not_checked": sum(c.status is Status.NOT_CHECKED for c in citations),
        }

    def to_json(self) -> str:
        """The report as JSON; its schema is :class:`counterfoil.attribution.io.schema.AnswerOutput`."""
        from ..io.schema import answer_output  # noqa: PLC0415 (pydantic, which the types do without)

        return answer_output(self).model_dump_json(indent=2)

    @property
    def n_invalid(self) -> int:
        """Number of citations that name no document."""
        return self.counts["citations_invalid"]

    @property
    def n_uncited(self) -> int:
        """Number of statements without any citation."""
        return self.counts["no_citation"]

    @property
    def n_not_checked(self) -> int:
        """Number of statements that the entailment model gave no verdict on."""
        return self.counts["not_checked"]


def supports(judgement: Judgement, threshold: float) -> bool:
    """Whether the probability reaches the threshold; `False` where there is none."""
    return judgement.supported is not None and judgement.supported >= threshold


def surer(threshold: float, tried: int) -> float:
    """The threshold for the best of `tried` sets.

    A judge that errs once in a while finds support somewhere if it is asked often enough, and texts about different
    things are the easier to misread the more of them are put together. So the doubt that is allowed is shared out
    among the sets that were tried (Bonferroni's correction).
    """
    return 1.0 - (1.0 - threshold) / tried


def contradicts(judgement: Judgement) -> bool:
    """Whether contradiction dominates: at least :data:`CONTRADICTED_FROM`, and above support."""
    contradicted = judgement.contradicted
    if contradicted is None or judgement.supported is None:
        return False
    return contradicted >= CONTRADICTED_FROM and contradicted > judgement.supported
