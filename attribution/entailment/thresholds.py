"""From a judgement's probabilities to a decision: does the premise support the hypothesis, does it contradict it?"""

from __future__ import annotations

from .base import Judgement

CONTRADICTED_FROM = 0.5
"""A statement is contradicted if contradiction is at least this probable and more probable than support."""


def supports(judgement: Judgement, threshold: float) -> bool:
    """Return whether the probability reaches the threshold; `False` if there is none."""
    return judgement.supported is not None and judgement.supported >= threshold


def bonferroni_threshold(threshold: float, n_tried: int) -> float:
    """Return the threshold for the best of `n_tried` sets of documents (Bonferroni's correction).

    A judge that errs once in a while finds support somewhere if it is asked often enough, and it misreads texts about
    different things the more easily the more of them are put together. So the error that the threshold allows,
    `1 - threshold`, is divided by the number of sets that were tried.
    """
    return 1.0 - (1.0 - threshold) / n_tried


def contradicts(judgement: Judgement) -> bool:
    """Return whether contradiction dominates: at least :data:`CONTRADICTED_FROM`, and above support."""
    contradicted = judgement.contradicted
    if contradicted is None or judgement.supported is None:
        return False
    return contradicted >= CONTRADICTED_FROM and contradicted > judgement.supported
