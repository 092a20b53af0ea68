"""How sure a figure is, and whether two systems differ: the bootstrap and the paired permutation test of scipy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

AT_ONCE = 10_000_000
"""Values drawn at once: scipy would hold all resamples in memory, gigabytes for a million answers."""


@dataclass(frozen=True)
class Interval:
    """The bootstrap percentile interval of a figure.

    Args:
        low: Lower end.
        high: Upper end.
        level: Share of resamples between them, for example 0.95.
    """

    low: float
    high: float
    level: float


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same answers.

    Args:
        difference: Mean of the first minus mean of the second.
        interval: Bootstrap interval of the difference over answers.
        p_value: Two-sided p-value of the paired permutation test: how often swapping the systems' names at random
            gives a difference as large.
        n: Number of answers compared.
    """

    difference: float
    interval: Interval | None
    p_value: float
    n: int


def interval(
    statistic: Callable[..., float | None],
    *samples: Sequence[float],
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval | None:
    """Percentile bootstrap interval of `statistic(*samples)`.

    Args:
        statistic: Takes as many sequences as there are samples, of equal length, drawn together.
        *samples: The values, one an answer.
        level: Share of resamples inside, in (0, 1).
        resamples: How many resamples.
        seed: Same seed, same interval.

    Returns:
        The interval, or `None` for fewer than two answers, from which nothing can be resampled.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"`level` has to be in (0, 1), but is {level}")
    if len(samples[0]) < 2:
        return None
    found = _scipy_stats().bootstrap(
        samples,
        statistic,
        n_resamples=resamples,
        batch=_batch(len(samples[0])),
        confidence_level=level,
        method="percentile",
        paired=True,
        vectorized=False,
        rng=seed,
    )
    return Interval(float(found.confidence_interval.low), float(found.confidence_interval.high), level)


def paired_test(one: Sequence[float], other: Sequence[float], *, resamples: int = 9999, seed: int = 0) -> Comparison:
    """Whether the mean of `one` differs from that of `other`, value by value paired.

    Raises:
        ValueError: Where the samples have different lengths or are empty.
    """
    if len(one) != len(other) or not one:
        raise ValueError(f"two samples have to have the same length above 0, but have {len(one)} and {len(other)}")
    differences = [a - b for a, b in zip(one, other, strict=True)]
    return Comparison(
        difference=sum(differences) / len(differences),
        interval=interval(lambda values: float(sum(values)) / len(values), differences, seed=seed),
        p_value=_p_value(one, other, resamples, seed),
        n=len(one),
    )


def _p_value(one: Sequence[float], other: Sequence[float], resamples: int, seed: int) -> float:
    # scipy refuses a single pair, whose difference is as large whichever way round it is taken.
    if len(one) == 1:
        return 1.0
    found = _scipy_stats().permutation_test(
        (one, other),
        _mean_difference,
        permutation_type="samples",
        n_resamples=resamples,
        batch=_batch(len(one)),
        vectorized=True,
        rng=seed,
    )
    return float(found.pvalue)


def _batch(size: int) -> int:
    return max(1, AT_ONCE // size)


def _mean_difference(one: Any, other: Any, axis: int) -> Any:  # noqa: ANN401 (numpy arrays, imported by scipy only)
    return one.mean(axis=axis) - other.mean(axis=axis)


def _scipy_stats() -> ModuleType:
    try:
        from scipy import stats  # noqa: PLC0415
    except ImportError as error:
        raise ImportError('intervals and tests need scipy: pip install "counterfoil[eval]"') from error
    return stats
