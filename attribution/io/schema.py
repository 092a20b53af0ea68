"""The JSON that `counterfoil score` writes, around the results of :mod:`~counterfoil.attribution.scoring.results`.

Its schema, `schema_of(ScoreOutput)`, is published as docs/score.schema.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..scoring.corpus import CorpusReport
from ..scoring.results import AnswerOutput
from ..serialization import STRICT, Probability, Text
from ..statistics import Comparison, Interval
from ..text.statements import Status

FORMAT = "counterfoil.score/2"


@dataclass(frozen=True)
class ProblemOutput:
    """A record that could not be read.

    Args:
        file: The file.
        number: The record in it, from 1.
        problem: What is wrong with it.
        status: A record that could not be read is not checked.
    """

    __pydantic_config__ = STRICT

    file: Text
    number: int
    problem: Text
    status: Literal[Status.NOT_CHECKED] = Status.NOT_CHECKED


@dataclass(frozen=True)
class Figure:
    """A figure with its bootstrap interval over answers, if there is one."""

    __pydantic_config__ = STRICT

    value: Probability
    low: Probability | None
    high: Probability | None
    level: Probability | None


@dataclass(frozen=True, kw_only=True)
class CorpusOutput:
    """The figures of all answers; `null` if nothing was counted.

    Args:
        supported_share: Share of the judged statements that the judge called supported.
        corrected_share: This share with the judge's errors taken out, if it is known how often it errs.
    """

    __pydantic_config__ = STRICT

    n_answers: int
    n_counted: int
    n_problems: int
    recall: Figure | None
    precision: Figure | None
    mean_f1: Figure | None
    f1_of_means: Figure | None
    groundedness: Figure | None = None
    supported_share: Figure | None = None
    corrected_share: Figure | None = None
    counts: dict[str, int]


@dataclass(frozen=True)
class ComparisonOutput:
    """This corpus minus the other, on the answers that both have figures for."""

    __pydantic_config__ = STRICT

    difference: float
    low: float | None
    high: float | None
    p_value: Probability
    n: int


@dataclass(frozen=True)
class ScoreOutput:
    """What `counterfoil score --json` writes.

    Args:
        format: Name and version of this format.
        settings: How the run was made, by name.
        versions: Of the packages that figures depend on.
        answers: The answers that could be read.
        problems: The records that could not.
        corpus: The figures of all answers.
        comparison: The comparison with another corpus by figure, if there was one.
    """

    __pydantic_config__ = STRICT

    format: Literal["counterfoil.score/2"]
    settings: dict[str, str | float | int | bool | None]
    versions: dict[str, str]
    answers: tuple[AnswerOutput, ...]
    problems: tuple[ProblemOutput, ...]
    corpus: CorpusOutput
    comparison: dict[str, ComparisonOutput] | None


def corpus_output(
    corpus: CorpusReport,
    intervals: Mapping[str, Interval | None],
    n_problems: int,
    corrected: tuple[float, Interval] | None = None,
) -> CorpusOutput:
    """Return the figures of a corpus as they are written."""

    def figure(name: str) -> Figure | None:
        return _figure(getattr(corpus, name), intervals.get(name))

    return CorpusOutput(
        n_answers=corpus.n_answers,
        n_counted=corpus.n_counted,
        n_problems=n_problems,
        recall=figure("recall"),
        precision=figure("precision"),
        mean_f1=figure("mean_f1"),
        f1_of_means=figure("f1_of_means"),
        groundedness=figure("groundedness"),
        supported_share=figure("supported_share"),
        corrected_share=None if corrected is None else _figure(*corrected),
        counts=corpus.counts,
    )


def _figure(value: float | None, interval: Interval | None) -> Figure | None:
    if value is None:
        return None
    if interval is None:
        return Figure(value, None, None, None)
    return Figure(value, interval.low, interval.high, interval.level)


def comparison_output(comparisons: Mapping[str, Comparison]) -> dict[str, ComparisonOutput]:
    """Return comparisons as they are written."""
    return {
        name: ComparisonOutput(
            found.difference,
            found.interval.low if found.interval else None,
            found.interval.high if found.interval else None,
            found.p_value,
            found.n,
        )
        for name, found in comparisons.items()
    }
