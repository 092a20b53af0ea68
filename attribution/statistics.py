"""Means, F1, bootstrap intervals, paired tests, and shares corrected for the errors of who judged.

Every interval is a percentile bootstrap over independent items (answers, or whole groups of them). A resample is
represented by the weights of the items, that is, by how often each was drawn, so that a figure is computed for many
resamples at once by matrix products, and one set of draws serves all figures.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
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
class Reliability:
    """How often a judge was right on labelled pairs, from which its other figures can be corrected.

    Args:
        supported_right: Supported pairs that it called supported.
        supported: Supported pairs, by the labels.
        refused_right: Other pairs that it did not call supported.
        others: Other pairs, by the labels.
        on: What the pairs are, for a reader.
        drawn: Whether the pairs are a draw from what the judge is used on: then shares within them carry over as well,
            not only how it errs.
    """

    supported_right: int
    supported: int
    refused_right: int
    others: int
    on: str
    drawn: bool = False

    @property
    def sensitivity(self) -> float | None:
        """Return the share of supported pairs that it calls supported; `None` without such pairs."""
        return self.supported_right / self.supported if self.supported else None

    @property
    def specificity(self) -> float | None:
        """Return the share of other pairs that it does not call supported; `None` without such pairs."""
        return self.refused_right / self.others if self.others else None

    def __str__(self) -> str:
        """Return both with Wilson's intervals and where they were measured, in words."""
        said = [
            f"{name} {_shown(value)}{_shown_interval(wilson(right, of))}"
            for name, value, right, of in (
                ("sensitivity", self.sensitivity, self.supported_right, self.supported),
                ("specificity", self.specificity, self.refused_right, self.others),
            )
        ]
        return f"{', '.join(said)}, measured on {self.on}"


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


def wilson(part: int, whole: int, level: float = LEVEL) -> Interval | None:
    """Return Wilson's score interval of a share; `None` if `whole` is 0."""
    if not whole:
        return None
    z, share = NormalDist().inv_cdf((1 + level) / 2), part / whole
    middle = share + z * z / (2 * whole)
    reach = z * ((share * (1 - share) + z * z / (4 * whole)) / whole) ** 0.5
    below = 1 + z * z / whole
    return Interval(max(0.0, (middle - reach) / below), min(1.0, (middle + reach) / below), level)


def corrected_share(
    supported: Sequence[int],
    judged: Sequence[int],
    reliability: Reliability,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, Interval] | None:
    """Return the share of statements that are supported in truth, estimated from verdicts of a judge that errs.

    If the labelled pairs are a draw from the same statements, each verdict counts as the share of labelled pairs with
    this verdict that are supported: prediction-powered inference (Angelopoulos et al. 2023, arXiv 2301.09633) with the
    weight of least variance (PPI++, arXiv 2311.01453), which for a verdict of two values is this post-stratification.
    Otherwise only its sensitivity and specificity are taken over: `(share + specificity - 1) / (sensitivity +
    specificity - 1)`, in [0, 1] (Rogan and Gladen 1978).

    Args:
        supported: Statements that the judge called supported, one number an answer.
        judged: Statements that it judged, likewise.
        reliability: How often it was right.
        level: Coverage, in (0, 1).
        resamples: How many resamples: of whole answers, and of the labelled pairs as Dirichlet draws with Jeffreys'
            prior, so that a judge that made no error on a few pairs is not taken for one that makes none.
        seed: The same seed gives the same interval.

    Returns:
        The estimate and its interval; `None` if nothing was judged, if pairs of a kind that it needs are missing, or if
        the judge is no better than a coin on them.
    """
    import numpy as np  # noqa: PLC0415

    if not sum(judged):
        return None
    share = sum(supported) / sum(judged)
    r = reliability
    cells = np.array([r.supported_right, r.supported - r.supported_right, r.others - r.refused_right, r.refused_right])
    value = _corrected(np.array([share]), cells[None].astype(np.float64), r.drawn)[0]
    if np.isnan(value):
        return None
    shares = np.concatenate(
        [
            ratio_of(supported, judged)(weights)
            for weights in resample_weights(len(judged), resamples=resamples, seed=(seed, 0))
        ]
    )
    rng = np.random.default_rng((seed, 1))
    if r.drawn:
        drawn = rng.dirichlet(cells + 0.5, resamples)
    else:  # the mixture of supported and other pairs was chosen by whoever wrote them
        rows = [rng.dirichlet(cells[[a, b]] + 0.5, resamples) for a, b in ((0, 1), (2, 3))]
        drawn = np.concatenate(rows, axis=1)
    values = _corrected(shares, drawn, r.drawn)
    # A draw in which the judge is no better than a coin leaves every share possible.
    undecided = np.isnan(values)
    lows, highs = np.where(undecided, 0.0, values), np.where(undecided, 1.0, values)
    tail = (1 - level) / 2
    return float(value), Interval(float(np.quantile(lows, tail)), float(np.quantile(highs, 1 - tail)), level)


def _corrected(shares: Floats, cells: Floats, drawn: bool) -> Floats:
    """Return the corrected shares `[n]`, NaN where there is none, from `cells` `[n, 4]`: numbers or shares of supported
    pairs called supported, supported and refused, others called supported, others refused."""
    import numpy as np  # noqa: PLC0415

    hit, missed, wrong, refused = cells.T
    with np.errstate(invalid="ignore", divide="ignore"):
        if drawn:
            said_so, said_no = hit / (hit + wrong), missed / (missed + refused)
            return np.where(shares > 0, shares * said_so, 0.0) + np.where(shares < 1, (1 - shares) * said_no, 0.0)
        false_alarms = wrong / (wrong + refused)
        better = hit / (hit + missed) - false_alarms
        return np.where(better > 0, np.clip((shares - false_alarms) / better, 0.0, 1.0), np.nan)


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _shown_interval(found: Interval | None) -> str:
    return "" if found is None else f" [{found.low:.2f}, {found.high:.2f}]"


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
