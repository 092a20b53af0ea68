"""Figures of a support model: balanced accuracy with an interval, area under the ROC curve, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


def balanced_accuracy(truth: ArrayLike, verdict: ArrayLike) -> float:
    """Mean of the shares judged rightly among the supported and among the others; nan where one side is empty."""
    truth, verdict = np.asarray(truth, dtype=bool), np.asarray(verdict, dtype=bool)
    if truth.all() or not truth.any():
        return float("nan")
    return float((verdict[truth].mean() + (~verdict[~truth]).mean()) / 2)


def resampled_balanced_accuracy(
    truth: ArrayLike, verdict: ArrayLike, clusters: Sequence[str], draws: int, seed: int | Sequence[int]
) -> NDArray[np.float64]:
    """Balanced accuracies of `draws` bootstrap samples of clusters.

    Whole clusters are drawn: pairs on one premise stand or fall together, and treating them as independent makes
    intervals too narrow (the summaries of one article are the worst case). Samples in which one side is missing are
    left out.

    Args:
        truth: Whether each pair is supported.
        verdict: Whether it was judged so.
        clusters: What each pair belongs to, its premise for one.
        draws: Number of samples.
        seed: Seed of the draws; several numbers are one seed.
    """
    truth, verdict = np.asarray(truth, dtype=bool), np.asarray(verdict, dtype=bool)
    if not truth.size:
        return np.empty(0)
    names, index = np.unique(np.asarray(clusters, dtype=object), return_inverse=True)
    cells = np.stack([truth & verdict, truth, ~truth & ~verdict, ~truth]).astype(float)
    per_cluster = np.stack([np.bincount(index, weights=cell, minlength=len(names)) for cell in cells])
    times = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    right, supported, rejected, others = per_cluster @ times.T
    complete = (supported > 0) & (others > 0)
    return (right[complete] / supported[complete] + rejected[complete] / others[complete]) / 2


def interval(samples: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Percentile interval; (nan, nan) where there are no samples."""
    if not samples.size:
        return float("nan"), float("nan")
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def even_weights(truth: ArrayLike, groups: Sequence[str]) -> NDArray[np.float64]:
    """A weight a pair by which each group counts the same, and in it the supported as much as the others; sum 1.

    Pairs of a group in which one side is missing weigh nothing.
    """
    truth, names = np.asarray(truth, dtype=bool), np.asarray(groups)
    weights = np.zeros(len(truth))
    for name in np.unique(names):
        sides = [(names == name) & (truth == side) for side in (True, False)]
        if all(side.any() for side in sides):
            for side in sides:
                weights[side] = 1 / side.sum()
    return weights / weights.sum() if weights.any() else weights


@dataclass(frozen=True)
class Bin:
    """Pairs of like probability: mean probability, share that is supported, number of pairs, share of the weight."""

    probability: float
    supported: float
    pairs: int
    weight: float


def reliability(probability: ArrayLike, truth: ArrayLike, weights: ArrayLike, bins: int = 10) -> list[Bin]:
    """Bins of equal width over [0, 1], without the empty ones.

    Args:
        probability: Stated probability of being supported.
        truth: Whether it is.
        weights: Weight of each pair; they sum to 1.
        bins: Number of bins.
    """
    probability, truth, weights = (np.asarray(x, dtype=float) for x in (probability, truth, weights))
    position = np.minimum((probability * bins).astype(int), bins - 1)
    found = []
    for number in range(bins):
        inside = position == number
        total = weights[inside].sum()
        if total > 0:
            mean, share = ((x[inside] * weights[inside]).sum() / total for x in (probability, truth))
            found.append(Bin(float(mean), float(share), int(inside.sum()), float(total)))
    return found


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error (Naeini et al. 2015): mean distance of stated and true shares, by weight."""
    return sum(b.weight * abs(b.probability - b.supported) for b in bins)
