"""An entailment model with the detail check beside it: details that a source gives otherwise lower its figure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files

from ..detail_check import VERSION, Finding, FindingKind, check_details, compare_marks
from ..detail_check.lexicon import is_english
from ..detail_check.marks import Comparison
from ..statistics import Reliability
from .base import EntailmentModel, Judgement, Pair, judgements_of

DOUBTED_FROM = 0.3
"""No threshold in use takes less than this for support: below it, what a mark says makes no difference."""

SUREST = 0.98
"""A judge that says 1 is taken to be no surer than this: a detail that differs can still turn it."""


class DetailCheckedEntailment:
    """Wraps an entailment model, and is one.

    With findings k = 1, 2, ... the odds of support p / (1 - p) are multiplied by the factor of each one's kind, which
    `detail_check/data/factors.json` holds. Without findings the judgement is the model's; in other languages than
    English marks such as `✅` alone are compared.

    Args:
        model: The model that judges.

    Attributes:
        name: The model's name and the version of the check.
        threshold: The model's.
        model: The model.
    """

    def __init__(self, model: EntailmentModel) -> None:
        self.model = model
        self.name = f"{model.name}+details/{VERSION}"
        self.threshold = model.threshold

    def judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Return one judgement a pair, in order.

        Raises:
            TypeError: If the model returns anything else than judgements.
            ValueError: If it returns another number of them.
        """
        judged = judgements_of(self.model, pairs)
        return [
            judgement if judgement.supported is None else with_details(judgement, pair)
            for pair, judgement in zip(pairs, judged, strict=True)
        ]


def detail_checked(model: EntailmentModel, on: bool = True) -> EntailmentModel:
    """Return a model with the detail check beside it, or without it if `on` is false; one check is enough."""
    bare = model.model if isinstance(model, DetailCheckedEntailment) else model
    if not on:
        return bare
    return model if bare is not model else DetailCheckedEntailment(model)


def is_detail_checked(model: EntailmentModel) -> bool:
    """Return whether the detail check stands beside a model."""
    return isinstance(model, DetailCheckedEntailment)


def measured(model: EntailmentModel) -> Reliability | None:
    """Return how far a model, with the detail check or without, was found to be right; `None` if it does not say."""
    told: Mapping[bool, Reliability] = getattr(detail_checked(model, on=False), "measured", {})
    return told.get(is_detail_checked(model))


def with_details(judgement: Judgement, pair: Pair) -> Judgement:
    """Return a judgement that has a probability with the findings on its pair, and the probability they leave.

    Marks such as `✅` are compared in every language, words in English only. A statement whose mark nobody can compare
    is a failure, if the judgement says support from words that leave out what the mark says.
    """
    start, end = judgement.chunk or (0, len(pair.premise))
    premise, english = pair.premise[start:end], is_english(pair.hypothesis)
    marks = compare_marks(premise, pair.hypothesis, english=english)
    probability = judgement.supported or 0.0
    if marks.unread is not None and probability >= DOUBTED_FROM:
        return Judgement(None, chunk=judgement.chunk, failure=marks.unread)
    found = [*marks.findings, *(_in_words(premise, pair.hypothesis, marks) if english else ())]
    if not found:
        return judgement
    findings = tuple(finding.moved(start) for finding in found)
    return replace(judgement, supported=lowered(probability, findings), details=(*judgement.details, *findings))


def _in_words(premise: str, hypothesis: str, marks: Comparison) -> Iterator[Finding]:
    """Yield what differs in words, without the denials that a mark in one of the two texts makes up for."""
    for finding in check_details(premise, hypothesis):
        denial = finding.kind is FindingKind.NEGATION and (marks.agreed or marks.findings)
        if not denial and not (marks.turned and finding.kind is FindingKind.OPPOSITE):
            yield finding


def lowered(probability: float, findings: Iterable[Finding]) -> float:
    """Return the probability of support that findings leave: each multiplies the odds by the factor of its kind."""
    bounded = min(probability, SUREST)
    odds = bounded / (1.0 - bounded)
    for finding in findings:
        odds *= factors()[finding.kind]
    return min(probability, odds / (1.0 + odds))


@cache
def factors() -> Mapping[str, float]:
    """Return by kind of finding the factor of the odds, in (0, 1]."""
    found = json.loads((files("counterfoil.attribution.detail_check") / "data" / "factors.json").read_text("utf-8"))
    return found["factors"]
