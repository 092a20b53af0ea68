"""Results of scoring: of a citation, of a statement, of an answer; their JSON and its schema follow from the types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..detail_check.findings import Detail
from ..documents import Document, SourceSpan
from ..serialization import STRICT, Probability, Text, as_json
from ..statistics import f1
from ..text.statements import Status


@dataclass(frozen=True)
class Citation:
    """One document that a statement cites.

    Args:
        document: Id of the document; `None` for a marker that names none.
        marker: The number in the marker (`"2"`), which is the only name that an invalid citation has.
        status: `supported` if the document supports the statement alone or is needed beside the others;
            `not_supported` if not (it is irrelevant, or nothing supports the statement); `contradicted`,
            `invalid_citation` and `not_checked` as for statements.
        score: Probability that the document alone supports the statement; `None` if that was not asked.
        start: Where the supporting passage begins in the document's text, in code points.
        end: One past its last character.
        quote: `text[start:end]` of the document; empty if no passage was looked for or found.
        failure: Why it was not checked.
    """

    __pydantic_config__ = STRICT

    document: Text | None
    marker: Text
    status: Status
    score: Probability | None = None
    start: int = 0
    end: int = 0
    quote: Text = ""
    failure: Text | None = None

    def at(self, span: SourceSpan | None) -> Citation:
        """Return the citation with `span` as its supporting passage; as it is if that is `None`."""
        if span is None:
            return self
        return replace(self, start=span.start, end=span.end, quote=span.quote)


@dataclass(frozen=True)
class Grounding:
    """Whether any document supports a claim, cited or not.

    Args:
        claim: A statement, or a clause of it, understandable alone.
        supported: Whether a document supports it; `None` if that could not be checked.
        document: Id of the document that supports it best; `None` if none does.
        probability: That this document supports it; if none does, the largest that any has.
        failure: Why it was not checked.
    """

    __pydantic_config__ = STRICT

    claim: Text
    supported: bool | None
    document: Text | None = None
    probability: Probability | None = None
    failure: Text | None = None


@dataclass(frozen=True)
class StatementVerdict:
    """A statement with the verdict on it.

    Args:
        text: The statement without its markers.
        start: Where the sentence, markers included, begins in the answer, in code points.
        end: One past its last character.
        status: See :class:`~counterfoil.attribution.text.statements.Status`.
        probability: That all it cites, taken together, supports it; `None` if nothing valid is cited or the model
            failed.
        citations: What it cites, in the order in which the metric counts it.
        reason: The entailment model's own words, if it gives any.
        failure: Why it was not checked.
        contradicted: Probability that what it cites contradicts it, if the model tells.
        details: Words that what it cites gives otherwise, which lowered its probability.
        claim: What was judged in the place of `text`, if that is understood only with the question or the sentences
            before it; else empty.
        groundings: Its claims with what supports them, if groundedness was asked for.
    """

    __pydantic_config__ = STRICT

    text: Text
    start: int
    end: int
    status: Status
    probability: Probability | None = None
    citations: tuple[Citation, ...] = ()
    reason: Text | None = None
    failure: Text | None = None
    contradicted: Probability | None = None
    details: tuple[Detail, ...] = ()
    claim: Text = ""
    groundings: tuple[Grounding, ...] = ()

    def moved_to(self, start: int, end: int) -> StatementVerdict:
        """Return the verdict for another writing of the answer, in which its sentence is `[start, end)`."""
        details = tuple(detail.moved(start - self.start) for detail in self.details)
        return replace(self, start=start, end=end, details=details)


@dataclass(frozen=True)
class CitationReport:
    """Citation recall and precision of one answer.

    Args:
        mode: `"strict"` or `"alce"`.
        answer: The answer as it was given.
        statements: One verdict a statement.
        recall: Share of the checked statements that what they cite supports, in [0, 1]; `None` if there is no figure,
            because nothing could be checked or because the mode leaves the answer out.
        precision: Share of the checked citations that do support, in [0, 1]; 0 if nothing is cited; `None` as for
            `recall`.
        counted: Whether a corpus mean takes this answer in. ALCE leaves empty answers out.
        entailment: Name of the entailment model.
        threshold: From which probability on it counts as support.
        id: Id of the answer; empty if it has none.
        unread: What looks like a citation in the answer but was not read as one.
        groundedness: Share of the checked claims that any document supports, in [0, 1]; `None` if it was not asked for
            or nothing could be checked.
        omitted: Sentences that were left out because they need no source.
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
    unread: tuple[str, ...] = ()
    groundedness: float | None = None
    omitted: tuple[str, ...] = ()

    @property
    def f1(self) -> float | None:
        """Return the harmonic mean of recall and precision, 0 if both are 0."""
        if self.recall is None or self.precision is None:
            return None
        return f1(self.recall, self.precision)

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of statements by status (each is a key), of citations by bad ending, and of claims."""
        by_status = {status.value: 0 for status in Status}
        for statement in self.statements:
            by_status[statement.status.value] += 1
        citations = [citation for statement in self.statements for citation in statement.citations]
        groundings = [grounding for statement in self.statements for grounding in statement.groundings]
        return {
            "statements": len(self.statements),
            **by_status,
            "citations": len(citations),
            "citations_invalid": sum(c.status is Status.INVALID_CITATION for c in citations),
            "citations_not_checked": sum(c.status is Status.NOT_CHECKED for c in citations),
            "citations_unread": len(self.unread),
            "claims": len(groundings),
            "claims_grounded": sum(each.supported is True for each in groundings),
            "claims_not_checked": sum(each.supported is None for each in groundings),
            "sentences_omitted": len(self.omitted),
        }

    @property
    def failures(self) -> Iterator[str]:
        """Yield why statements and citations could not be checked, in order."""
        for statement in self.statements:
            for each in (statement, *statement.citations, *statement.groundings):
                if each.failure:
                    yield each.failure

    def to_json(self) -> str:
        """Return the report as JSON; docs/score.schema.json describes it as an element of `answers`."""
        return as_json(AnswerOutput.of(self), indent=2)

    @property
    def n_invalid(self) -> int:
        """Return the number of citations that name no document."""
        return self.counts["citations_invalid"]

    @property
    def n_uncited(self) -> int:
        """Return the number of statements without any citation."""
        return self.counts["no_citation"]

    @property
    def n_not_checked(self) -> int:
        """Return the number of statements that the entailment model gave no verdict on."""
        return self.counts["not_checked"]


@dataclass(frozen=True)
class Scores:
    """Citation recall, precision and F1, and groundedness; `null` if there is no figure."""

    __pydantic_config__ = STRICT

    recall: Probability | None
    precision: Probability | None
    f1: Probability | None
    groundedness: Probability | None = None


@dataclass(frozen=True, kw_only=True)
class AnswerOutput:
    """One answer with its verdicts; `documents` are in the order in which markers number them.

    Args:
        file: Where the answer was read from; empty if from no file.
        number: Its record there, from 1.
        counts: Number of statements by status, of citations, and of what looks like a citation but was not read.
    """

    __pydantic_config__ = STRICT

    file: Text = ""
    number: int = 1
    id: Text = ""
    question: Text | None = None
    answer: Text
    documents: tuple[Document, ...] = ()
    mode: Text
    entailment: Text
    threshold: Probability
    scores: Scores
    counts: dict[str, int]
    statements: tuple[StatementVerdict, ...]

    @classmethod
    def of(
        cls,
        report: CitationReport,
        *,
        file: str = "",
        number: int = 1,
        question: str | None = None,
        documents: Sequence[Document] = (),
    ) -> AnswerOutput:
        """Return one report as it is written."""
        return cls(
            file=file,
            number=number,
            id=report.id,
            question=question,
            answer=report.answer,
            documents=tuple(documents),
            mode=report.mode,
            entailment=report.entailment,
            threshold=report.threshold,
            scores=Scores(report.recall, report.precision, report.f1, report.groundedness),
            counts=report.counts,
            statements=report.statements,
        )
