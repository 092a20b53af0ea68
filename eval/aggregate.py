"""The usual metrics: shares and means with intervals, and their paired difference from another method.

A metric is a function of a name, the answers of a method, those of the first method, and a seed. A statistic is given
answers and returns a function of weights, so that it is computed for all bootstrap resamples at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .results import Figure
from .statistics import grouped_bootstrap, mcnemar, value_of, wilson
from .task import Answer, MethodAnswers, Metric

if TYPE_CHECKING:
    from .statistics import Floats, Weighted

Statistic = Callable[[Sequence[Answer]], "Weighted"]


def share(*, compared: bool = True) -> Metric:
    """Return the metric "share of answers whose score is true", for items that are independent of each other.

    The interval is Wilson's. Against the first method: the difference with its bootstrap interval, the items that only
    one of the two gets right, and McNemar's exact test on them.

    The score has the name of the metric.

    Args:
        compared: Whether it is compared with the first method.
    """

    def metric(name: str, answers: Sequence[Answer], first: Sequence[Answer] | None, seed: int) -> Mapping[str, Figure]:
        right = [bool(answer.score[name]) for answer in answers]
        figures = {name: Figure(sum(right) / len(right), wilson(sum(right), len(right)))}
        if first is not None and compared:
            other = [bool(answer.score[name]) for answer in first]
            changes = [a - b for a, b in zip(right, other, strict=True)]
            gained, lost = changes.count(1), changes.count(-1)
            numbered = [str(n) for n in range(len(changes))]
            found = grouped_bootstrap({"": _mean_of(changes)}, numbered, seed=seed)[""]
            figures |= {
                "difference": Figure(sum(changes) / len(changes), found),
                "gained": Figure(gained, digits=0),
                "lost": Figure(lost, digits=0),
                "McNemar p": Figure(mcnemar(gained, lost), digits=4),
            }
        return figures

    return metric


def statistic(
    compute: Statistic,
    *,
    compared: bool = True,
    interval: bool = True,
    digits: int = 3,
    only: Callable[[Answer], bool] | None = None,
) -> Metric:
    """Return the metric of any statistic, with its bootstrap interval and its difference from the first method.

    Args:
        compute: The statistic.
        compared: Whether the difference is given.
        interval: Whether intervals are given.
        digits: Decimals to show.
        only: Which answers count; a metric that none does has no figure.
    """

    def metric(name: str, answers: Sequence[Answer], first: Sequence[Answer] | None, seed: int) -> Mapping[str, Figure]:
        some = [answer for answer in answers if only is None or only(answer)]
        if not some:
            return {}
        statistics = {name: compute(some)}
        if first is not None and compared:
            other = compute([answer for answer in first if only is None or only(answer)])
            one = statistics[name]
            statistics[f"{name}: difference"] = lambda weights: one(weights) - other(weights)
        groups = [answer.item.drawn_with for answer in some]
        intervals = grouped_bootstrap(statistics, groups, seed=seed) if interval else {}
        return {
            which: Figure(value_of(weighted, len(some)), intervals.get(which), digits)
            for which, weighted in statistics.items()
        }

    return metric


def mean(score: str, *, only: Callable[[Answer], bool] | None = None) -> Statistic:
    """Return the statistic "mean of a score over the answers that have it", undefined if none has.

    Args:
        score: Its name.
        only: Which answers count.
    """

    def compute(answers: Sequence[Answer]) -> Weighted:
        values = [answer.score[score] if only is None or only(answer) else None for answer in answers]
        return _mean_of(values)

    return compute


def ratio(part: Callable[[Answer], float], whole: Callable[[Answer], float]) -> Statistic:
    """Return the statistic "sum of the parts over sum of the wholes", 0 if the latter is 0."""

    def compute(answers: Sequence[Answer]) -> Weighted:
        from counterfoil.attribution.statistics import ratio_of  # noqa: PLC0415

        return ratio_of([part(answer) for answer in answers], [whole(answer) for answer in answers])

    return compute


def of_groups(score: Callable[[Sequence[Answer]], Mapping[str, Any]], metric: Metric) -> Metric:
    """Return a metric over groups of two or more answers instead of single answers.

    What is counted in groups is a mean over these. A statistic that put single answers together by their group would
    take a group that the bootstrap draws twice for one large group, and its interval would be too narrow.

    Args:
        score: Gives the score of a group from its answers.
        metric: Called with one answer a group, which has that score.
    """

    def grouped_metric(
        name: str, answers: Sequence[Answer], first: Sequence[Answer] | None, seed: int
    ) -> Mapping[str, Figure]:
        return metric(name, together(answers), None if first is None else together(first), seed)

    def together(answers: Sequence[Answer]) -> list[Answer]:
        groups = [group for group in grouped(answers) if len(group) > 1]
        return [Answer(group[0].item, group[0].response, score(group)) for group in groups]

    return grouped_metric


def grouped(answers: Sequence[Answer]) -> list[list[Answer]]:
    """Return the answers by group, in the order in which the groups begin."""
    groups: dict[str, list[Answer]] = {}
    for answer in answers:
        groups.setdefault(answer.item.drawn_with, []).append(answer)
    return list(groups.values())


def likeliest(log_probabilities: Sequence[float]) -> int | None:
    """Return the option that is more likely than every other, `None` if two are equally likely."""
    best = max(log_probabilities)
    places = [option for option, value in enumerate(log_probabilities) if value == best]
    return places[0] if len(places) == 1 else None


def ties(found: Sequence[MethodAnswers]) -> Iterator[str]:
    """Return a note on each method that finds two likeliest options somewhere."""
    for one in found:
        count = sum(likeliest(answer.response) is None for answer in one.answers)
        if count:
            yield f"{one.label}: {count} item(s) with equally likely options, which count as wrong."


def _mean_of(values: Sequence[float | None]) -> Weighted:
    """Return the mean of values, without those that are `None`."""
    import numpy as np  # noqa: PLC0415 (tasks are listed without it)

    column = np.array([0.0 if value is None else float(value) for value in values])
    present = np.array([value is not None for value in values], dtype=np.float64)

    def weighted(weights: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            return (weights @ column) / (weights @ present)

    return weighted
