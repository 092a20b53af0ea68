"""Factors of the detail check: fitted on counts drawn from known ones, they come back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from counterfoil.attribution import Judgement, Pair
from counterfoil.eval.labelled_pairs import LabelledPair

from training.entailment.detail_factors import (
    KINDS,
    WITHOUT,
    Judged,
    counted,
    drawn,
    fitted,
    judged,
    lowered,
    shares,
)


def test_factors_that_made_the_labels_are_found_again():
    draw = np.random.default_rng(0)
    factors = np.array([0.02, 0.3, 1.0])
    counts = (draw.random((20_000, 3)) < 0.3).astype(float)
    log_odds = draw.normal(1.0, 1.5, 20_000)
    scores = log_odds + counts @ np.log(factors)
    truth = draw.random(20_000) < 1 / (1 + np.exp(-scores))
    assert fitted(counts, log_odds, truth) == pytest.approx(factors, rel=0.15)


def test_a_kind_that_was_never_found_keeps_the_prior():
    found = fitted(np.zeros((50, 2)), np.zeros(50), np.ones(50, dtype=bool), prior=0.1)
    assert found == pytest.approx([0.1, 0.1], rel=1e-3)


def test_findings_are_counted_by_kind_and_lower_the_log_odds():
    counts = counted([["number", "number", "roles"], []])
    assert counts.shape == (2, len(KINDS))
    assert counts.sum(axis=1).tolist() == [3, 0]
    left = lowered(np.array([5.0, 5.0]), counts, dict.fromkeys(KINDS, 0.1))
    assert left == pytest.approx([5 + 3 * np.log(0.1), 5.0])


def pair(number: int, source: str, *, supported: bool) -> LabelledPair:
    return LabelledPair(f"p{number}", "h", "supported" if supported else "not_supported", source)


def test_so_many_pairs_of_each_source_are_drawn_and_none_of_some():
    rows = [pair(n, source, supported=True) for n in range(30) for source in ("a", "b", "kept")]
    found = drawn(rows, 20, ["kept"])
    assert sorted(row.source for row in found) == ["a"] * 20 + ["b"] * 20
    assert found == drawn(rows, 20, ["kept"])


def test_the_half_that_is_kept_for_the_end_is_never_fitted_on():
    found = drawn([pair(1, "details_kept", supported=True), pair(2, "x", supported=True)], 10, WITHOUT)
    assert [row.source for row in found] == ["x"]


def test_shares_of_right_verdicts_are_those_that_the_factors_leave():
    rows = [pair(n, "a", supported=n < 2) for n in range(4)]
    counts = counted([[], ["number"], ["number"], []])
    some = Judged(rows, counts, np.array([1.0, 1.0, 1.0, -1.0]))
    assert shares(some, dict.fromkeys(KINDS, 1.0)) == (1.0, 0.5)
    assert shares(some, dict.fromkeys(KINDS, 0.1)) == (0.5, 1.0)


def test_the_judge_and_the_check_are_asked_about_every_pair():
    rows = [
        LabelledPair("It opens on Monday.", hypothesis, "supported", "a")
        for hypothesis in ("It opens on Monday.", "It opens on Friday.")
    ]
    found = judged(rows, Believing())
    assert found.log_odds == pytest.approx([np.log(0.9 / 0.1)] * 2)
    assert found.counts.sum(axis=1).tolist() == [0, 1]


class Believing:
    """Believes everything."""

    name, threshold = "believing", 0.5

    def judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        return [Judgement(0.9) for _ in pairs]
