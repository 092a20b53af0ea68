"""AttrScore (Yue et al., Findings of EMNLP 2023): attributable, contradictory or extrapolatory."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..entailment import Judgement
from ..entailment.base import contradicts, supports
from ..statistics import f1, mean, proportion


class Attribution(StrEnum):
    """The three classes, in the order of the confusion matrix."""

    ATTRIBUTABLE = "attributable"
    CONTRADICTORY = "contradictory"
    EXTRAPOLATORY = "extrapolatory"


_POSITIVE = r"attributable|support(?:s|ed)?|entailment|consistent"
_NEGATIVE = r"contradict(?:s|ed|ory|ion)?|refute[sd]?|inconsistent"
_NOT = r"(?:\bnot\s+|\bno\s+|\bcannot\s+|n['’]t\s+|\bnon-)(?:be\s+|\w+ly\s+)*"
_LABEL = re.compile(
    rf"{_NOT}(?:{_NEGATIVE})\b"  # says no more than that it is one of the other two
    rf"|(?P<EXTRAPOLATORY>{_NOT}(?:{_POSITIVE})\b|\b(?:extrapolatory|not\s+enough\s+information|neutral)\b)"
    rf"|\b(?P<CONTRADICTORY>{_NEGATIVE})\b|\b(?P<ATTRIBUTABLE>{_POSITIVE})\b",
    re.IGNORECASE,
)
PROMPTS: Mapping[str, Mapping[str, Attribution]] = {
    "attribution": {
        "Attributable": Attribution.ATTRIBUTABLE,
        "Extrapolatory": Attribution.EXTRAPOLATORY,
        "Contradictory": Attribution.CONTRADICTORY,
    },
    "fact-checking": {
        "Supported": Attribution.ATTRIBUTABLE,
        "Not Enough Information": Attribution.EXTRAPOLATORY,
        "Refuted": Attribution.CONTRADICTORY,
    },
    "nli": {
        "Entailment": Attribution.ATTRIBUTABLE,
        "Neutral": Attribution.EXTRAPOLATORY,
        "Contradiction": Attribution.CONTRADICTORY,
    },
    "summarization": {
        "Support": Attribution.ATTRIBUTABLE,
        "Not Enough Information": Attribution.EXTRAPOLATORY,
        "Contradict": Attribution.CONTRADICTORY,
    },
}
"""The labels of AttrScore's own prompts, by the name of the prompt, in the order in which it offers them."""


@dataclass(frozen=True)
class ClassScore:
    """Figures of one class in [0, 1]; 0, never NaN, if there is nothing to divide by.

    Args:
        precision: Share of what is called this class that is.
        recall: Share of what is this class that is called so.
        f1: Their harmonic mean.
        support: How many examples are of this class.
    """

    precision: float
    recall: float
    f1: float
    support: int


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
    """Return the figures of predictions in the order of `gold`; `None` is a prediction that could not be read."""
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


def class_score(gold: Sequence[Hashable], predicted: Sequence[Hashable], label: Hashable) -> ClassScore:
    """Return the figures of `label` against all other classes; the sequences are of equal length."""
    both = sum(g == label == p for g, p in zip(gold, predicted, strict=True))
    called = sum(p == label for p in predicted)
    is_so = sum(g == label for g in gold)
    precision, recall = proportion(both, called), proportion(both, is_so)
    return ClassScore(precision, recall, f1(recall, precision), is_so)


def classify(judgement: Judgement, threshold: float) -> Attribution | None:
    """Return the class of a judgement: supported, contradicted, or neither; `None` if there is no verdict."""
    if judgement.supported is None:
        return None
    if supports(judgement, threshold):
        return Attribution.ATTRIBUTABLE
    return Attribution.CONTRADICTORY if contradicts(judgement) else Attribution.EXTRAPOLATORY


def parse(output: str) -> Attribution | None:
    """Return the class that a model's words name, in the labels of any of the :data:`PROMPTS`.

    "Not supported", "does not fully support" and "non-attributable" are extrapolatory. `None` if the words name no
    class or several: the first of several often stands in the model's reasoning.
    """
    named = {match.lastgroup for match in _LABEL.finditer(output) if match.lastgroup}
    return Attribution[str(named.pop())] if len(named) == 1 else None


def parse_as_released(output: str, prompt: str = "attribution") -> Attribution | None:
    """Return the class that the released code reads from a model's words, for figures beside the published ones.

    It takes the first label of the prompt that stands anywhere, so "Not attributable" is attributable and
    "Insupportable" is "Support". It writes the label with one capital before it looks it up, so that "Not Enough
    Information" is lost.

    Args:
        output: The model's words.
        prompt: Which of the :data:`PROMPTS` it was asked with.

    Raises:
        ValueError: There is no such prompt.
    """
    if prompt not in PROMPTS:
        raise ValueError(f"`prompt` has to be one of {', '.join(PROMPTS)}, but is {prompt!r}")
    labels = PROMPTS[prompt]
    found = re.search("|".join(labels), output, re.IGNORECASE)
    return labels.get(found.group().capitalize()) if found else None


def claim(query: str, answer: str) -> str:
    """Return AttrScore's claim: the query, if there is one (`"nan"` means none), and the answer."""
    return answer if not query.strip() or query == "nan" else f"{query} {answer}"
