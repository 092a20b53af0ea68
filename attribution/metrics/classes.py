"""Precision, recall and F1 of one class against all others."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from ..statistics import f1, proportion


@dataclass(frozen=True)
class ClassScore:
    """Figures of one class in [0, 1]; 0, never NaN, where there is nothing to divide by.

    Args:
        precision: Share of what is called this class that is.
        recall: Share of what is this class that is called so.
        f1: Their harmonic mean.
        support: How many examples are of this class.
    """

    precision: float
    recall: float
    f1: float
    support: int


def class_score(gold: Sequence[Hashable], predicted: Sequence[Hashable], label: Hashable) -> ClassScore:
    """Return figures of `label`; the sequences are of equal length."""
    both = sum(g == label == p for g, p in zip(gold, predicted, strict=True))
    called = sum(p == label for p in predicted)
    is_so = sum(g == label for g in gold)
    precision, recall = proportion(both, called), proportion(both, is_so)
    return ClassScore(precision, recall, f1(recall, precision), is_so)
