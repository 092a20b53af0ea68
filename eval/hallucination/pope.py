"""POPE's figures, with how sure they are: accuracy, precision, recall, F1, share of yes, and the area under the curve.

Pictures are drawn whole by the bootstrap, since the questions about one stand or fall together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..confusions import interval
from ..results import Figure
from ..statistics import Interval

RESAMPLES = 2000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Polled:
    """What a model answered to questions.

    Args:
        pictures: The picture of each question.
        there: Whether yes is right.
        yes: The probability that yes is answered, 1 or 0 for a method that does not draw at random.
        score: What rises with the certainty of yes, for the area under the curve; `None` where only answers are known.
    """

    pictures: Sequence[str]
    there: Sequence[bool]
    yes: Sequence[float]
    score: Sequence[float] | None = None


def says_yes(answer: str) -> bool:
    """Whether an answer is a yes by POPE's rule: no `no`, `No` or `not` in its first sentence."""
    return not {"no", "No", "not"} & set(answer.split(".", maxsplit=1)[0].replace(",", "").split(" "))


def figures(polled: Polled, *, seed: int = 0, level: float = 0.95) -> dict[str, Figure]:
    """All figures with their intervals.

    Args:
        polled: The answers.
        seed: Of the bootstrap.
        level: Of the intervals.
    """
    n = len(polled.there)
    values, draws = _figures(polled, np.ones((n, 1))), _figures(polled, _weights(polled.pictures, seed))
    return {name: Figure(float(values[name][0]), interval(draws[name], level)) for name in values}


def difference(method: Polled, other: Polled, name: str = "accuracy", *, seed: int = 0, level: float = 0.95) -> Figure:
    """A figure of a method minus that of another on the same questions, paired by picture.

    Raises:
        ValueError: The questions are not the same.
    """
    if list(method.pictures) != list(other.pictures) or list(method.there) != list(other.there):
        raise ValueError("both methods have to have answered the same questions in the same order, but have not")
    weights = _weights(method.pictures, seed)
    ones = np.ones((len(method.there), 1))
    value = _figures(method, ones)[name] - _figures(other, ones)[name]
    draws = _figures(method, weights)[name] - _figures(other, weights)[name]
    return Figure(float(value[0]), interval(draws, level))


def detectable(found: Interval | None, power: float = 0.8) -> float | None:
    """The smallest true difference that an experiment as sure as this one finds with the given power.

    Half a 95 % interval is 1.96 standard errors; a test on that level with a power of 80 % needs 2.80 of them.

    Raises:
        ValueError: `power` is not 0.8 or the interval not of 95 %, for which the factor stands.
    """
    if found is None:
        return None
    if power != 0.8 or found.level != 0.95:
        raise ValueError("`power` has to be 0.8 and the interval of 95 %, for which the factor is known")
    return (1.96 + 0.84) / 1.96 * (found.high - found.low) / 2


def _weights(pictures: Sequence[str], seed: int) -> Floats:
    """How often each question is in each bootstrap sample of whole pictures: [questions, RESAMPLES]."""
    numbers = {picture: number for number, picture in enumerate(dict.fromkeys(pictures))}
    even = np.full(len(numbers), 1 / len(numbers))
    drawn = np.random.default_rng(seed).multinomial(len(numbers), even, size=RESAMPLES).T
    return drawn[[numbers[picture] for picture in pictures]].astype(np.float64)


def _figures(polled: Polled, weights: Floats) -> dict[str, Floats]:
    """Figures under each column of weights, 0 where there is nothing to divide by."""
    there, yes = np.asarray(polled.there, np.float64), np.asarray(polled.yes, np.float64)
    right, missed = (there * yes) @ weights, (there * (1 - yes)) @ weights
    false, refused = ((1 - there) * yes) @ weights, ((1 - there) * (1 - yes)) @ weights
    every = right + missed + false + refused
    found = {
        "accuracy": _share(right + refused, every),
        "precision": _share(right, right + false),
        "recall": _share(right, right + missed),
        "F1": _share(2 * right, 2 * right + false + missed),
        "yes": _share(right + false, every),
    }
    return found if polled.score is None else found | {"AUC": _auc(there, np.asarray(polled.score), weights)}


def _auc(there: Floats, score: Floats, weights: Floats) -> Floats:
    """How often a question to be answered yes has the higher score than one that is not; equals count half."""
    _, level = np.unique(score, return_inverse=True)
    positive, negative = (np.zeros((level.max() + 1, weights.shape[1])) for _ in range(2))
    np.add.at(positive, level, there[:, None] * weights)
    np.add.at(negative, level, (1 - there)[:, None] * weights)
    below = np.cumsum(negative, axis=0) - negative
    won = (positive * (below + negative / 2)).sum(axis=0)
    return _share(won, positive.sum(axis=0) * negative.sum(axis=0))


def _share(some: Floats, of: Floats) -> Floats:
    return np.divide(some, of, out=np.zeros(np.shape(some)), where=of > 0)
