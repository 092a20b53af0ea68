"""The JSON that scoring writes: its schema, and the way from the library's own types to it.

`ScoreOutput.model_json_schema()` is published as docs/score.schema.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ..documents import Document
from ..scoring.corpus import CorpusReport
from ..scoring.results import Citation, CitationReport, StatementVerdict
from ..statistics import Comparison, Interval
from ..text.segmentation import without_surrogates
from ..text.statements import Status

FORMAT = "counterfoil.score/2"
Share = Annotated[float, Field(ge=0.0, le=1.0)]


Text = Annotated[str, BeforeValidator(without_surrogates)]


class Output(BaseModel):
    """What is written: no field but those that are named, and none of them changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CitationOutput(Output):
    """One citation; `quote` is `[start, end)` of the document's text in code points, and empty where none was found."""

    document: Text | None
    marker: Text
    status: Status
    score: Share | None
    start: int
    end: int
    quote: Text
    failure: Text | None

    def citation(self) -> Citation:
        """The citation that was written."""
        return Citation(**dict(self))


class StatementOutput(Output):
    """One statement; `[start, end)` is where it stands in the answer, its markers included."""

    text: Text
    start: int
    end: int
    status: Status
    probability: Share | None
    contradicted: Share | None
    reason: Text | None
    failure: Text | None
    citations: list[CitationOutput]

    def verdict(self) -> StatementVerdict:
        """The verdict that was written."""
        fields: dict[str, Any] = {**dict(self), "citations": tuple(each.citation() for each in self.citations)}
        return StatementVerdict(**fields)


class Scores(Output):
    """Citation recall, precision and F1; `null` where there is no figure."""

    recall: Share | None
    precision: Share | None
    f1: Share | None


class DocumentOutput(Output):
    """One source: every offset of a citation counts the code points of `text`."""

    id: Text
    title: Text
    text: Text


class AnswerOutput(Output):
    """One answer with its verdicts; `documents` are in the order in which markers number them."""

    file: Text
    number: int
    id: Text
    question: Text | None
    answer: Text
    documents: list[DocumentOutput]
    mode: Text
    entailment: Text
    threshold: Share
    scores: Scores
    counts: dict[str, int]
    statements: list[StatementOutput]


class ProblemOutput(Output):
    """A record that could not be read."""

    file: Text
    number: int
    status: Literal[Status.NOT_CHECKED]
    problem: Text


class Figure(Output):
    """A figure with its bootstrap interval over answers, where there is one."""

    value: Share
    low: Share | None
    high: Share | None
    level: Share | None


class CorpusOutput(Output):
    """The figures of all answers; `null` where nothing was counted."""

    n_answers: int
    n_counted: int
    n_problems: int
    recall: Figure | None
    precision: Figure | None
    mean_f1: Figure | None
    f1_of_means: Figure | None
    counts: dict[str, int]


class ComparisonOutput(Output):
    """This corpus minus the other, on the answers that both have figures for."""

    difference: float
    low: float | None
    high: float | None
    p_value: Share
    n: int


class ScoreOutput(Output):
    """What `counterfoil score --json` writes."""

    format: Literal["counterfoil.score/2"]
    settings: dict[str, str | float | int | bool | None]
    versions: dict[str, str]
    answers: list[AnswerOutput]
    problems: list[ProblemOutput]
    corpus: CorpusOutput
    comparison: dict[str, ComparisonOutput] | None


def answer_output(
    report: CitationReport,
    *,
    file: str = "",
    number: int = 1,
    id: str = "",
    question: str | None = None,
    documents: Sequence[Document] = (),
) -> AnswerOutput:
    """One report as it is written."""
    return AnswerOutput(
        file=file,
        number=number,
        id=id,
        question=question,
        answer=report.answer,
        documents=[DocumentOutput(id=d.id, title=d.title, text=d.text) for d in documents],
        mode=report.mode,
        entailment=report.entailment,
        threshold=report.threshold,
        scores=Scores(recall=report.recall, precision=report.precision, f1=report.f1),
        counts=report.counts,
        statements=[statement_output(statement) for statement in report.statements],
    )


def corpus_output(corpus: CorpusReport, intervals: Mapping[str, Interval | None], n_problems: int) -> CorpusOutput:
    """The figures as they are written."""

    def figure(name: str) -> Figure | None:
        value, interval = getattr(corpus, name), intervals.get(name)
        if value is None:
            return None
        if interval is None:
            return Figure(value=value, low=None, high=None, level=None)
        return Figure(value=value, low=interval.low, high=interval.high, level=interval.level)

    return CorpusOutput(
        n_answers=corpus.n_answers,
        n_counted=corpus.n_counted,
        n_problems=n_problems,
        recall=figure("recall"),
        precision=figure("precision"),
        mean_f1=figure("mean_f1"),
        f1_of_means=figure("f1_of_means"),
        counts=corpus.counts,
    )


def comparison_output(comparisons: Mapping[str, Comparison]) -> dict[str, ComparisonOutput]:
    """The comparisons as they are written."""
    return {
        name: ComparisonOutput(
            difference=found.difference,
            low=found.interval.low if found.interval else None,
            high=found.interval.high if found.interval else None,
            p_value=found.p_value,
            n=found.n,
        )
        for name, found in comparisons.items()
    }


def statement_output(verdict: StatementVerdict) -> StatementOutput:
    """One statement as it is written."""
    return StatementOutput(
        text=verdict.text,
        start=verdict.start,
        end=verdict.end,
        status=verdict.status,
        probability=verdict.probability,
        contradicted=verdict.contradicted,
        reason=verdict.reason,
        failure=verdict.failure,
        citations=[_citation(citation) for citation in verdict.citations],
    )


def _citation(citation: Citation) -> CitationOutput:
    return CitationOutput(
        document=citation.document,
        marker=citation.marker,
        status=citation.status,
        score=citation.score,
        start=citation.start,
        end=citation.end,
        quote=citation.quote,
        failure=citation.failure,
    )
