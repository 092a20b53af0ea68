"""Short answers in a text, as SQuAD and ALCE compare them: normalised strings, exact match, F1, QAMPARI's lists.

Restated from ALCE's scorer (Gao et al., EMNLP 2023, arXiv 2305.14627), which takes the normalisation from SQuAD's.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
TOP = 5


def normalized(text: str) -> str:
    """Return a text in lower case, without ASCII punctuation and articles, with single blanks."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def is_present(answers: Iterable[str], text: str) -> bool:
    """Return whether one of several answers stands in a text; a part of a word counts, as in ALCE."""
    found = normalized(text)
    return any(normalized(answer) in found for answer in answers)


def exact_match(answers: Iterable[str], text: str) -> bool:
    """Return whether a text is one of several answers."""
    return normalized(text) in {normalized(answer) for answer in answers}


def token_f1(answers: Iterable[str], text: str) -> float:
    """Return the largest F1 of words between a text and several answers; two empty ones agree."""
    return max(_f1(normalized(answer).split(), normalized(text).split()) for answer in answers)


def list_figures(text: str, answers: Sequence[Sequence[str]]) -> Mapping[str, float]:
    """Return QAMPARI's figures of a list of answers separated by commas.

    Args:
        text: The list.
        answers: The right answers, each with its aliases.

    Returns:
        `predictions`, how many there are; `precision`, `recall`, `F1`, each in [0, 1]; `recall-5` and `F1-5`, for which
        five right answers are enough.
    """
    given = [one for part in text.rstrip().rstrip(".").rstrip(",").split(",") if (one := normalized(part.strip()))]
    right = [{normalized(alias) for alias in aliases} for aliases in answers]
    precision = sum(any(one in aliases for aliases in right) for one in given) / len(given) if given else 0.0
    found = sum(any(alias in given for alias in aliases) for aliases in right)
    recall, of_five = found / len(right), min(TOP, found) / min(TOP, len(right))
    return {
        "predictions": len(given),
        "precision": precision,
        "recall": recall,
        "recall-5": of_five,
        "F1": _harmonic(precision, recall),
        "F1-5": _harmonic(precision, of_five),
    }


def _f1(gold: Sequence[str], said: Sequence[str]) -> float:
    if not gold or not said:
        return float(gold == said)
    same = sum((Counter(gold) & Counter(said)).values())
    return _harmonic(same / len(said), same / len(gold))


def _harmonic(one: float, other: float) -> float:
    return 2 * one * other / (one + other) if one + other else 0.0
