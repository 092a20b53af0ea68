"""Figures that several tasks report: shares and means with intervals, and their paired difference from another method.

Items of one group are not independent of each other (the two sentences of a pair, the questions of one template), so
groups are drawn whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .comparison import accuracy, paired_accuracy
from .results import Figure
from .statistics import Interval, interval
from .task import Answer

Statistic = Callable[[Sequence[Answer]], float | None]


def share(
    name: str, answers: Sequence[Answer], first: Sequence[Answer] | None, *, seed: int, test: bool = True
) -> dict[str, Figure]:
    """The share of answers whose score `name` is true, for items that stand for themselves.

    Args:
        name: Of the score; also of the figure.
        answers: Of the method, at least one.
        first: Of the method that it is compared with, on the same items.
        seed: Of the bootstrap of the difference.
        test: Also the counts on which the two differ, and McNemar's test on them.
    """
    right = [bool(answer.score[name]) for answer in answers]
    found = accuracy(right)
    figures = {name: Figure(found.value, found.interval)}
    if first is not None:
        paired = paired_accuracy(right, [bool(answer.score[name]) for answer in first], seed=seed)
        figures["difference" if test else f"{name}: difference"] = Figure(paired.difference, paired.interval)
        if test:
            figures |= {
                "gained": Figure(paired.gained, digits=0),
                "lost": Figure(paired.lost, digits=0),
                "McNemar p": Figure(paired.p_value, digits=4),
            }
    return figures


def statistic(
    name: str,
    compute: Statistic,
    answers: Sequence[Answer],
    first: Sequence[Answer] | None,
    *,
    seed: int,
    digits: int = 3,
) -> dict[str, Figure]:
    """Any statistic of answers with its bootstrap interval, and its difference from that of another method.

    Args:
        name: Of the figure.
        compute: The statistic; `None` where it is not defined on what was drawn.
        answers: Of the method.
        first: Of the method that it is compared with, on the same items.
        seed: Of the bootstrap.
        digits: Decimals to show.
    """
    groups = grouped(answers)
    figures = {name: Figure(compute(answers), _over_groups(compute, [groups], seed), digits)}
    if first is not None:
        figures[f"{name}: difference"] = Figure(
            _difference(compute(answers), compute(first)),
            _over_groups(lambda one, two: _difference(compute(one), compute(two)), [groups, grouped(first)], seed),
            digits,
        )
    return figures


def grouped(answers: Sequence[Answer]) -> list[list[Answer]]:
    """The answers by group, in the order in which the groups begin."""
    groups: dict[str, list[Answer]] = {}
    for answer in answers:
        groups.setdefault(answer.item.drawn_with, []).append(answer)
    return list(groups.values())


def of_groups(answers: Sequence[Answer], score: Callable[[Sequence[Answer]], Mapping[str, Any]]) -> list[Answer]:
    """One answer for each group of two or more, with the score of the whole group.

    What is counted in groups is a mean over these. A statistic that put single answers together by their group would
    take a group that the bootstrap draws twice for one large group, and its interval would be too narrow.

    Args:
        answers: Single answers.
        score: Of the answers of a group, JSON.
    """
    groups = [group for group in grouped(answers) if len(group) > 1]
    return [Answer(group[0].item, group[0].response, score(group)) for group in groups]


def mean_of(name: str) -> Statistic:
    """The mean of a score over the answers that have it."""

    def mean(answers: Sequence[Answer]) -> float | None:
        values = [float(answer.score[name]) for answer in answers if answer.score[name] is not None]
        return sum(values) / len(values) if values else None

    return mean


def _over_groups(
    compute: Callable[..., float | None], groups: Sequence[Sequence[Sequence[Answer]]], seed: int
) -> Interval | None:
    """Percentile bootstrap over groups, `None` where the statistic is not defined on every draw."""

    def resampled(chosen: Sequence[float]) -> float:
        drawn = [[answer for group in chosen for answer in of_one[int(group)]] for of_one in groups]
        value = compute(*drawn)
        return math.nan if value is None else value

    found = interval(resampled, range(len(groups[0])), seed=seed)
    return None if found is None or math.isnan(found.low + found.high) else found


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
