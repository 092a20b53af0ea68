"""Figures of two classes in bootstrap samples: how sure a macro-F1 is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from counterfoil.attribution.metrics.attributionbench import Verdict
from numpy.typing import NDArray

from .statistics import Interval

RESAMPLES = 2000


def resampled(groups: Sequence[str], verdicts: Sequence[Verdict], seed: int | Sequence[int]) -> NDArray[np.int64]:
    """Verdicts counted in bootstrap samples of whole groups.

    Args:
        groups: What each verdict belongs to; those of one group stand or fall together.
        verdicts: The verdicts; unreadable ones are counted nowhere.
        seed: Of the draws.

    Returns:
        `[4, RESAMPLES]`: true positives, false positives, false negatives, true negatives of each sample.
    """
    names = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    cells = np.zeros((len(names), 4), dtype=np.int64)
    order = [(True, True), (False, True), (True, False), (False, False)]
    for group, verdict in zip(groups, verdicts, strict=True):
        if verdict.predicted is not None:
            cells[names[group], order.index((verdict.gold, verdict.predicted))] += 1
    even = np.full(len(names), 1 / len(names))
    return cells.T @ np.random.default_rng(seed).multinomial(len(names), even, size=RESAMPLES).T


def figures(cells: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """The figures of many tables at once, 0 where there is nothing to divide by, as in the metric."""
    true_positive, false_positive, false_negative, true_negative = cells
    every = cells.sum(axis=0)
    wrong = false_positive + false_negative
    f1 = [_share(2 * right, 2 * right + wrong) for right in (true_positive, true_negative)]
    return {
        "macro_f1": (f1[0] + f1[1]) / 2,
        "accuracy": _share(true_positive + true_negative, every),
        "false_positive_share": _share(false_positive, every),
        "false_negative_share": _share(false_negative, every),
        "false_positive_rate": _share(false_positive, false_positive + true_negative),
        "false_negative_rate": _share(false_negative, false_negative + true_positive),
    }


def _share(some: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(some, of, out=np.zeros(some.shape), where=of > 0)


def interval(draws: NDArray[np.float64], level: float = 0.95) -> Interval:
    """The percentile interval of some draws."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level)
