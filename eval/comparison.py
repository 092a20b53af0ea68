"""How sure an accuracy is, and whether two methods differ on the same items; the statistics are scipy's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .statistics import Interval, binomtest, interval


@dataclass(frozen=True)
class Accuracy:
    """A share of right items.

    Args:
        right: How many were right.
        n: Of how many.
        interval: Wilson's score interval.
    """

    right: int
    n: int
    interval: Interval

    @property
    def value(self) -> float:
        """`right / n`."""
        return self.right / self.n


@dataclass(frozen=True)
class PairedAccuracy:
    """A method against another on the same items.

    Args:
        difference: Accuracy of the method minus that of the other.
        interval: Percentile bootstrap over items, `None` for a single item.
        gained: Items that only the method gets right.
        lost: Items that only the other gets right.
        p_value: Of McNemar's exact test, two-sided: how often `gained` and `lost` would lie so far apart if each item
            on which the two differ were as likely to go either way.
    """

    difference: float
    interval: Interval | None
    gained: int
    lost: int
    p_value: float


def accuracy(right: Sequence[bool], *, level: float = 0.95) -> Accuracy:
    """The share of right items with its Wilson interval.

    Raises:
        ValueError: There are no items.
    """
    if not right:
        raise ValueError("`right` has to hold at least one item, but is empty")
    found = binomtest(sum(right), len(right)).proportion_ci(level, method="wilson")
    return Accuracy(sum(right), len(right), Interval(float(found.low), float(found.high), level))


def paired_accuracy(method: Sequence[bool], other: Sequence[bool], *, seed: int = 0) -> PairedAccuracy:
    """Compares two methods on the same items, in the same order.

    Raises:
        ValueError: The two have not the same number of items, or none.
    """
    if len(method) != len(other) or not method:
        raise ValueError(f"both methods have to have the same items, but have {len(method)} and {len(other)}")
    differences = [float(a) - float(b) for a, b in zip(method, other, strict=True)]
    gained, lost = differences.count(1.0), differences.count(-1.0)
    return PairedAccuracy(
        difference=sum(differences) / len(differences),
        interval=interval(lambda values: float(sum(values)) / len(values), differences, seed=seed),
        gained=gained,
        lost=lost,
        p_value=float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0,
    )
