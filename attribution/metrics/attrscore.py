"""AttrScore (Yue et al., Findings of EMNLP 2023): attributable, contradictory or extrapolatory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..entailment import Judgement
from ..entailment.thresholds import contradicts, supports
from ..statistics import mean, proportion
from .classes import ClassScore, class_score


class Attribution(StrEnum):
    """The three classes, in the order of the confusion matrix."""

    ATTRIBUTABLE = "attributable"
    CONTRADICTORY = "contradictory"
    EXTRAPOLATORY = "extrapolatory"


_POSITIVE = r"attributable|supported|supports|entailment|consistent"
_WORDS = {
    Attribution.ATTRIBUTABLE: _POSITIVE,
    Attribution.CONTRADICTORY: r"contradictory|contradiction|refuted|refutes|inconsistent",
    Attribution.EXTRAPOLATORY: rf"extrapolatory|not\s+enough\s+information|neutral|not\s+(?:{_POSITIVE})",
}
_LABEL = re.compile(
    r"\b(?:" + "|".join(f"(?P<{label.name}>{words})" for label, words in reversed(_WORDS.items())) + r")\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class AttrScore:
    """The figures of AttrScore.

    Args:
        confusion: `confusion[i][j]` counts examples of class i called class j, in the order of :class:`Attribution`.
        classes: Figures by class.
        micro_f1: Correct answers among the readable ones, as the original reports overall.
        macro_f1: Unweighted mean of the classes' F1.
        accuracy: Correct answers among all, so that an unreadable one is a mistake.
        n: Number of examples.
        n_unparsed: Examples whose prediction could not be read. They are in `accuracy` only: the original drops them
            from its matrix without saying so, which raises its figures.
    """

    confusion: tuple[tuple[int, ...], ...]
    classes: dict[Attribution, ClassScore]
    micro_f1: float
    macro_f1: float
    accuracy: float
    n: int
    n_unparsed: int


def attrscore(gold: Sequence[Attribution], predicted: Sequence[Attribution | None]) -> AttrScore:
    """Return the figures for predictions in the order of `gold`; `None` is a prediction that could not be read."""
    read = [(g, p) for g, p in zip(gold, predicted, strict=True) if p is not None]
    read_gold, read_predicted = [g for g, _ in read], [p for _, p in read]
    confusion = tuple(tuple(read.count((g, p)) for p in Attribution) for g in Attribution)
    correct = sum(confusion[n][n] for n in range(len(Attribution)))
    classes = {label: class_score(read_gold, read_predicted, label) for label in Attribution}
    return AttrScore(
        confusion=confusion,
        classes=classes,
        micro_f1=proportion(correct, len(read)),
        macro_f1=mean([score.f1 for score in classes.values()]) or 0.0,
        accuracy=proportion(correct, len(gold)),
        n=len(gold),
        n_unparsed=len(gold) - len(read),
    )


def classify(judgement: Judgement, threshold: float) -> Attribution | None:
    """Return the class a judgement stands for: supported, contradicted, or neither; `None` if there is no verdict."""
    if judgement.supported is None:
        return None
    if supports(judgement, threshold):
        return Attribution.ATTRIBUTABLE
    return Attribution.CONTRADICTORY if contradicts(judgement) else Attribution.EXTRAPOLATORY


def parse(output: str) -> Attribution | None:
    """Return the class that a model's words name; `None` if they name none or several, instead of the first that stands
    in its reasoning.
    """
    named = {match.lastgroup for match in _LABEL.finditer(output)}
    return Attribution[str(named.pop())] if len(named) == 1 else None


def claim(query: str, answer: str) -> str:
    """Return AttrScore's claim: the query, where there is one (`"nan"` means none), and the answer."""
    return answer if not query.strip() or query == "nan" else f"{query} {answer}"
