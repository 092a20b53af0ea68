"""Statistics of evaluations: bootstrap over groups of items, Wilson's interval, McNemar's exact test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from counterfoil.attribution.statistics import AT_ONCE, Interval, bootstrap

try:
    from scipy.stats import binomtest
except ImportError as error:  # asked for at once: an hour's run must not end with a missing package
    raise ImportError(f'evaluations need scipy ({error}): pip install "counterfoil[eval]"') from error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Weighted = Callable[[Floats], Floats]
    """Computes a statistic from weights of the items `[resamples, items]`: one value a resample, NaN if undefined."""

__all__ = ["Interval", "grouped_bootstrap", "mcnemar", "value_of", "wilson"]


def grouped_bootstrap(
    statistics: Mapping[str, Weighted], groups: Sequence[str], *, seed: int | Sequence[int] = 0
) -> dict[str, Interval | None]:
    """Return the percentile bootstrap interval of each statistic, groups drawn whole.

    Args:
        statistics: Functions of weights of the items.
        groups: The group of each item. Items of one group are not independent and stand or fall together.
        seed: The same seed gives the same intervals.

    Returns:
        The intervals by name; `None` for fewer than two groups, or a statistic that is undefined on a resample.
    """
    import numpy as np  # noqa: PLC0415 (tasks are listed without it)

    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    place = np.array([numbers[group] for group in groups], dtype=np.intp)
    some = max(1, AT_ONCE // len(place))

    def of_items(statistic: Weighted) -> Weighted:
        def of_groups(weights: Floats) -> Floats:
            parts = range(0, len(weights), some)
            return np.concatenate([statistic(weights[first : first + some, place]) for first in parts])

        return of_groups

    return bootstrap({name: of_items(one) for name, one in statistics.items()}, len(numbers), seed=seed)


def value_of(statistic: Weighted, n: int) -> float | None:
    """Return a statistic of `n` items of which each counts once, `None` if it is not defined."""
    import numpy as np  # noqa: PLC0415

    value = float(statistic(np.ones((1, n)))[0])
    return None if np.isnan(value) else value


def wilson(right: int, n: int, *, level: float = 0.95) -> Interval:
    """Return Wilson's score interval of a share of independent items.

    Args:
        right: How many were right.
        n: Of how many, at least 1.
        level: Coverage.
    """
    found = binomtest(right, n).proportion_ci(level, method="wilson")
    return Interval(float(found.low), float(found.high), level)


def mcnemar(gained: int, lost: int) -> float:
    """Return the two-sided p-value of McNemar's exact test.

    That is how often the two would lie so far apart if each item on which two methods differ were as likely to go
    either way.

    Args:
        gained: Items that only one method gets right.
        lost: Items that only the other gets right.
    """
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
