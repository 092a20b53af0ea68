"""Means, F1, bootstrap intervals and paired tests.

Every interval is a percentile bootstrap over independent items (answers, or whole groups of them). A resample is
represented by the weights of the items, that is, by how often each was drawn, so that a figure is computed for many
resamples at once by matrix products, and one set of draws serves all figures.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Statistic = Callable[[Floats], Floats]

LEVEL, RESAMPLES = 0.95, 2000
"""Coverage of an interval, and number of resamples, unless the caller chooses."""

AT_ONCE = 4_000_000
"""Draws held in memory at a time: all resamples of a million answers would take gigabytes."""


@dataclass(frozen=True)
class Interval:
    """A confidence interval.

    Args:
        low: Lower end.
        high: Upper end.
        level: Its coverage, for example 0.95.
    """

    low: float
    high: float
    level: float


@dataclass(frozen=True)
class Comparison:
    """The difference of two systems on the same items.

    Args:
        difference: Mean of the first minus mean of the second.
        interval: Bootstrap interval of the difference over items; `None` for a single item.
        p_value: Two-sided p-value of the paired permutation test: how often exchanging the systems' names at random
            gives a difference as large.
        n: Number of items.
    """

    difference: float
    interval: Interval | None
    p_value: float
    n: int


def mean(values: Sequence[float]) -> float | None:
    """Return the mean, or `None` for an empty sequence."""
    return sum(values) / len(values) if values else None


def proportion(part: float, whole: float) -> float:
    """Return `part / whole`, or 0 if `whole` is 0."""
    return part / whole if whole else 0.0


def f1(recall: float, precision: float) -> float:
    """Return the harmonic mean of recall and precision, or 0 if both are 0."""
    return proportion(2 * recall * precision, recall + precision)


def resample_weights(n: int, *, resamples: int = RESAMPLES, seed: int | Sequence[int] = 0) -> Iterator[Floats]:
    """Yield how often each of `n` items is drawn in each bootstrap resample.

    Returns:
        Blocks of shape `[some, n]`, `resamples` rows in all; each row sums to `n`.
    """
    import numpy as np  # noqa: PLC0415 (the result types are imported without it)

    rng = np.random.default_rng(seed)
    rows = max(1, AT_ONCE // n)
    for first in range(0, resamples, rows):
        some = min(rows, resamples - first)
        drawn = rng.integers(0, n, (some, n)) + np.arange(some)[:, None] * n
        yield np.bincount(drawn.ravel(), minlength=some * n).reshape(some, n).astype(np.float64)


def bootstrap(
    statistics: Mapping[str, Statistic],
    n: int,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int | Sequence[int] = 0,
) -> dict[str, Interval | None]:
    """Return the percentile bootstrap interval of each statistic, all from the same draws.

    Args:
        statistics: Functions of the weights `[resamples, n]` that return one value a resample; see :func:`mean_of` and
            :func:`ratio_of`. NaN means that the statistic is not defined on that resample.
        n: Number of items (or groups of items) that are drawn.
        level: Coverage, in (0, 1).
        resamples: How many resamples.
        seed: The same seed gives the same interval.

    Returns:
        The intervals by name; `None` for fewer than two items, and for a statistic that is not defined on every
        resample.

    Raises:
        ValueError: If `level` is not in (0, 1).
    """
    import numpy as np  # noqa: PLC0415

    if not 0.0 < level < 1.0:
        raise ValueError(f"`level` has to be in (0, 1), but is {level}")
    if n < 2:
        return dict.fromkeys(statistics)
    values: dict[str, list[Floats]] = {name: [] for name in statistics}
    for weights in resample_weights(n, resamples=resamples, seed=seed):
        for name, statistic in statistics.items():
            values[name].append(np.asarray(statistic(weights), dtype=np.float64))
    return {name: percentile_interval(np.concatenate(found), level) for name, found in values.items()}


def percentile_interval(values: Floats, level: float = LEVEL) -> Interval | None:
    """Return the central interval that holds the share `level` of bootstrap values; `None` if one of them is NaN."""
    import numpy as np  # noqa: PLC0415

    if np.isnan(values).any():
        return None
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level)


def mean_of(values: ArrayLike) -> Statistic:
    """Return the statistic "mean of `values`", one value an item."""
    import numpy as np  # noqa: PLC0415

    column = np.asarray(values, dtype=np.float64)
    return lambda weights: weights @ column / weights.sum(axis=1)


def ratio_of(parts: ArrayLike, wholes: ArrayLike) -> Statistic:
    """Return the statistic "sum of `parts` over sum of `wholes`", 0 if the latter is 0; one value of each an item."""
    import numpy as np  # noqa: PLC0415

    numerators, denominators = np.asarray(parts, dtype=np.float64), np.asarray(wholes, dtype=np.float64)
    return lambda weights: proportions(weights @ numerators, weights @ denominators)


def proportions(parts: Floats, wholes: Floats) -> Floats:
    """Return `parts / wholes` element by element, 0 where the whole is 0."""
    import numpy as np  # noqa: PLC0415

    return np.divide(parts, wholes, out=np.zeros(np.broadcast(parts, wholes).shape), where=np.asarray(wholes) != 0)


def sums_by_group(values: ArrayLike, groups: Sequence[Hashable]) -> Floats:
    """Return the sum of `values` `[items, ...]` within each group, in the order in which the groups first occur.

    The groups are then what the bootstrap draws, if items of one group are not independent of each other.
    """
    import numpy as np  # noqa: PLC0415

    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    column = np.asarray(values, dtype=np.float64)
    sums = np.zeros((len(numbers), *column.shape[1:]))
    np.add.at(sums, [numbers[group] for group in groups], column)
    return sums


def paired_test(one: Sequence[float], other: Sequence[float], *, resamples: int = 9999, seed: int = 0) -> Comparison:
    """Test whether the mean of `one` differs from that of `other`, value by value paired.

    Raises:
        ValueError: If the samples have different lengths or are empty.
        ImportError: Without scipy; the message has the `pip install` line.
    """
    if len(one) != len(other) or not one:
        raise ValueError(f"two samples have to have the same length above 0, but have {len(one)} and {len(other)}")
    differences = [a - b for a, b in zip(one, other, strict=True)]
    return Comparison(
        difference=sum(differences) / len(differences),
        interval=bootstrap({"difference": mean_of(differences)}, len(differences), seed=seed)["difference"],
        p_value=_p_value(one, other, resamples, seed),
        n=len(one),
    )


def _p_value(one: Sequence[float], other: Sequence[float], resamples: int, seed: int) -> float:
    # scipy refuses a single pair, whose difference is as large whichever way round it is taken.
    if len(one) == 1:
        return 1.0
    found = _scipy_stats().permutation_test(
        (one, other),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        permutation_type="samples",
        n_resamples=resamples,
        batch=max(1, AT_ONCE // len(one)),
        vectorized=True,
        rng=seed,
    )
    return float(found.pvalue)


def _scipy_stats() -> ModuleType:
    try:
        from scipy import stats  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(f'paired tests need scipy ({error}): pip install "counterfoil[eval]"') from error
    return stats


def interval(
    statistic: Callable[..., float | None],
    *samples: Sequence[float],
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Return the bootstrap interval of any function of samples of equal length, drawn together.

    Slower than :func:`bootstrap`, since the function is called once a resample.
    """
    import numpy as np  # noqa: PLC0415

    columns = [np.asarray(sample) for sample in samples]

    def each(weights: Floats) -> Any:  # noqa: ANN401 (one value a resample)
        found = []
        for row in weights:
            chosen = np.repeat(np.arange(len(row)), row.astype(int))
            value = statistic(*(column[chosen] for column in columns))
            found.append(np.nan if value is None else value)
        return np.array(found, dtype=np.float64)

    return bootstrap({"": each}, len(samples[0]), level=level, resamples=resamples, seed=seed)[""]
